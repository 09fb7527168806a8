using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Lockstep.Server.Postgres.Embedded;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Scenarios;

/// <summary><c>lockstep adopt</c> as a program, from another database into one whose migrator is no superuser, killed again and again.</summary>
public sealed class AdoptionCommandTests(ITestOutputHelper output)
{
    private const int Rows = 60_000;
    private const int Kills = 5;
    private const string Password = "of the tests";

    [Fact]
    [Trait("Category", "Long")]
    public async Task Killed_five_times_a_log_of_sixty_thousand_rows_comes_over_whole_and_once()
    {
        var ct = TestContext.Current.CancellationToken;
        await using var cluster = await ScramCluster.StartAsync(await PostgresBinaries.FindAsync(null, _ => { }, ct), ct);
        await cluster.AsAdminAsync($"CREATE ROLE installer LOGIN CREATEROLE PASSWORD '{Password}'");
        await cluster.AsAdminAsync($"CREATE ROLE reader LOGIN PASSWORD '{Password}'");
        await cluster.AsAdminAsync("CREATE DATABASE app OWNER installer");
        await cluster.AsAdminAsync("CREATE DATABASE old");
        await cluster.AsAdminAsync(
            $"""
            CREATE TABLE sync_changes (
                id uuid PRIMARY KEY, app_id text, table_name text, record_id text, user_id text, space_id text, op text, data jsonb, field_timestamps jsonb, client_id text,
                created_at timestamptz, schema_version integer, actor jsonb);
            INSERT INTO sync_changes
            SELECT gen_random_uuid(), 'todo', 'tasks', 'r' || n % 5000, 'user' || n % 50 || '@example.com', NULL, CASE WHEN n < 5000 THEN 'insert' ELSE 'update' END,
                   jsonb_build_object('v', n, 'text', repeat('x', 200)), jsonb_build_object('v', to_char(now() - interval '9 days' + n * interval '1 second', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')), 'c',
                   now() - interval '9 days' + n * interval '1 second', 1, NULL
            FROM   generate_series(0, {Rows - 1}) n;
            GRANT SELECT ON sync_changes TO reader
            """, "old");
        await using var installation = new Installation();
        var mapping = Path.Combine(installation.Folder, "mapping");
        await File.WriteAllTextAsync(mapping, """{"changes": [{"table": "public.sync_changes"}]}""", ct);
        installation.Environment["LOCKSTEP_DATABASE_URL"] = cluster.Address("installer", Password, "app");
        installation.Environment["LOCKSTEP_JWT_SECRET"] = Convert.ToBase64String(RandomNumberGenerator.GetBytes(48));
        installation.Environment["LOCKSTEP_MASTER_KEYS"] = $"test-1:{Convert.ToBase64String(RandomNumberGenerator.GetBytes(32))}";
        await installation.ServeAsync();

        await EndsAsync(2, "postgres//reader", "is not a database address");
        await EndsAsync(3, cluster.Address("reader", "a wrong password", "old"), "refuses the user 'reader'");
        await EndsAsync(4, $"postgres://reader:x@127.0.0.1:{ServerProcess.FreePort()}/old", "Cannot reach the source");
        installation.Environment["LOCKSTEP_SOURCE_DATABASE_URL"] = cluster.Address("reader", Password, "old");

        for (var kill = 1; kill <= Kills; kill++)
        {
            var enough = kill * (Rows / (Kills + 2));
            await using var program = await LockstepProcess.StartAsync(installation.Environment, ["adopt", mapping, "--data-dir", installation.Data]);
            using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
            while (!program.Ended.IsCompleted && await CountAsync("SELECT count(*) FROM lockstep.adopted_changes") < enough)
                await tick.WaitForNextTickAsync(ct);
            program.Ended.IsCompleted.ShouldBeFalse(program.Errors);
            await program.KillAsync();
        }
        var before = await CountAsync("SELECT count(*) FROM lockstep.adopted_changes");
        var clock = Stopwatch.StartNew();
        var last = await installation.RunAsync("adopt", mapping, "--json", "--data-dir", installation.Data);
        (await last.Ended).ShouldBe(0, last.Errors);
        var report = JsonNode.Parse(last.Output)!;
        ((int)report["found"]!, (int)report["verified"]!, (int)report["stored"]! + (int)report["alreadyThere"]!).ShouldBe((Rows, Rows, Rows));
        (await CountAsync("SELECT count(*) - count(DISTINCT event_id) FROM lockstep.sync_changes")).ShouldBe(0);
        (await CountAsync("SELECT count(*) FROM lockstep.sync_changes")).ShouldBe(Rows);
        (await CountAsync("SELECT count(*) FROM lockstep.sync_scopes s WHERE s.head <> (SELECT count(*) FROM lockstep.sync_changes c WHERE c.scope_id = s.scope_id)")).ShouldBe(0);
        (await CountAsync("SELECT count(*) FROM lockstep.sync_records r WHERE (r.data ->> 'v')::int < 55000")).ShouldBe(0, "every record has its last value");
        output.WriteLine($"{Kills} kills, {before} of {Rows} rows were there; the last run checked, stored the rest and compared all in {clock.Elapsed.TotalSeconds:F1} s. {last.Errors}");

        async Task EndsAsync(int code, string source, string words)
        {
            var refused = await installation.RunAsync("adopt", mapping, "--source", source, "--data-dir", installation.Data);
            (await refused.Ended).ShouldBe(code, refused.Errors);
            refused.Errors.ShouldContain(words);
        }

        async Task<long> CountAsync(string sql) => (long)(await cluster.AsAdminAsync(sql, "app"))!;
    }
}
