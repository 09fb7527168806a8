using System.Text.Json.Nodes;
using Lockstep.Server.Postgres;
using Lockstep.Server.Postgres.Embedded;
using Lockstep.Tests.Support;
using Npgsql;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Vault.Keys;

/// <summary><c>lockstep rekey</c> as a real program, after the key in Transit has got a new version.</summary>
public sealed class TransitRekeyTests(PostgresServer postgres)
{
    private const int Users = 40;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task After_a_rotation_in_Transit_rekey_wraps_all_data_keys_anew_names_stragglers_and_goes_on_after_being_killed()
    {
        await using var both = await TransitApp.StartAsync(postgres, noRing: true);
        var stored = new List<(string User, Guid Id)>();
        for (var i = 0; i < Users; i++)
            stored.Add(($"u{i}", (await both.App.As($"u{i}").StoreAsync("k", $"a-marked-value-{i}")).Id()));
        both.Transit.Keys["lockstep"].Rotate();
        var (straggler, was) = await SpoilAsync(both.App);
        var sent = both.Transit.Requests.Count;

        // Killed while it waits for a row that somebody holds: nothing of the page is done.
        await using (var obstacle = await both.App.ConnectAsync())
        {
            await using (var hold = new NpgsqlCommand("BEGIN; SELECT 1 FROM lockstep.data_keys ORDER BY id DESC LIMIT 1 FOR NO KEY UPDATE", obstacle))
                await hold.ExecuteNonQueryAsync(Ct);
            await using var killed = await StartAsync(both, "rekey");
            await TransitApp.UntilAsync(async () => await WaitingAsync(both.App) > 0);
            await killed.KillAsync();
            await both.App.ScalarAsync<long>("SELECT count(pg_terminate_backend(pid, 30000)) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'lockstep_service' AND wait_event_type = 'Lock'");
        }

        await using var first = await StartAsync(both, "rekey", "--json");
        (await first.Ended).ShouldBe(1, first.Output);
        first.Errors.ShouldContain($"data key {straggler}");
        JsonNode.Parse(first.Output)!["rewrapped"]!["stragglers"]!.AsArray().Count.ShouldBe(1);
        (await VersionsAsync(both.App)).ShouldBe($"1:1 2:{Users - 1}");

        await both.App.ScalarAsync<object>("UPDATE lockstep.data_keys SET wrapped_key = $2 WHERE id = $1 RETURNING 1", straggler, was);
        await using var second = await StartAsync(both, "rekey", "--json");
        (await second.Ended).ShouldBe(0, second.Errors);
        var report = JsonNode.Parse(second.Output)!["rewrapped"]!;
        (report["rewrapped"]!.GetValue<int>(), report["alreadyNewest"]!.GetValue<int>()).ShouldBe((1, Users - 1));
        (await VersionsAsync(both.App)).ShouldBe($"2:{Users}");

        // The former version is not needed any more, and no key was ever in clear on the way.
        both.Transit.Keys["lockstep"].MinDecryption = 2;
        both.Transit.Requests.Skip(sent).Where(request => request.Path.Contains("/rewrap/", StringComparison.Ordinal)).ShouldNotBeEmpty();
        both.Transit.Requests.Where(request => request.Path.Contains("/rewrap/", StringComparison.Ordinal)).ShouldAllBe(request => !request.Carries("plaintext"));
        await both.App.RestartAsync();
        foreach (var (user, id) in stored)
            (await both.App.As(user).ValueAsync(id)).ShouldStartWith("a-marked-value-");
    }

    private Task<LockstepProcess> StartAsync(TransitApp both, params string[] arguments) => LockstepProcess.StartAsync(
        new Dictionary<string, string>
        {
            ["LOCKSTEP_DATABASE_URL"] = postgres.ConnectionString(EmbeddedConnection.Superuser, both.App.Database),
            ["LOCKSTEP_APP_DATABASE_URL"] = postgres.ConnectionString(Roles.App, both.App.Database),
            ["LOCKSTEP_SERVICE_DATABASE_URL"] = postgres.ConnectionString(Roles.Service, both.App.Database),
            ["LOCKSTEP_JWT_SECRET"] = "a secret that signs the tokens of tests alone",
            ["LOCKSTEP_TRANSIT_ADDR"] = both.Transit.Url.AbsoluteUri,
            ["LOCKSTEP_TRANSIT_ROLE_ID"] = "the-role-id",
            ["LOCKSTEP_TRANSIT_SECRET_ID"] = "the-secret-id",
        },
        arguments);

    /// <summary>One byte of a wrapped key is another one.</summary>
    private static async Task<(Guid Id, string Was)> SpoilAsync(LockstepApp app)
    {
        var id = await app.ScalarAsync<Guid>("SELECT id FROM lockstep.data_keys WHERE provider = 'transit' ORDER BY id LIMIT 1");
        var was = await app.ScalarAsync<string>("SELECT wrapped_key FROM lockstep.data_keys WHERE id = $1", id);
        var spoilt = was[..^8] + (was[^8] == 'A' ? 'B' : 'A') + was[^7..];
        await app.ScalarAsync<object>("UPDATE lockstep.data_keys SET wrapped_key = $2 WHERE id = $1 RETURNING 1", id, spoilt);
        return (id, was);
    }

    private static Task<long> WaitingAsync(LockstepApp app) => app.ScalarAsync<long>(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'lockstep_service' AND wait_event_type = 'Lock'");

    /// <summary>How many data keys are under which version of the key in Transit.</summary>
    private static Task<string> VersionsAsync(LockstepApp app) => app.ScalarAsync<string>(
        """
        SELECT string_agg(k.version || ':' || k.n, ' ' ORDER BY k.version)
        FROM  (SELECT substring(split_part(wrapped_key, ':', 2) FROM 2) AS version, count(*) AS n FROM lockstep.data_keys WHERE user_id IS NOT NULL GROUP BY 1) k
        """);
}
