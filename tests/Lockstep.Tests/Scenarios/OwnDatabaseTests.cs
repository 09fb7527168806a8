using System.Net;
using System.Security.Cryptography;
using Lockstep.Server.Postgres.Embedded;
using Lockstep.Tests.ChangeSync;
using Lockstep.Tests.Support;
using Lockstep.Tests.Vault;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Scenarios;

/// <summary>A PostgreSQL of the user's: over TCP, with passwords, prepared by a login that is no superuser, served by two nodes.</summary>
public sealed class OwnDatabaseTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Two_nodes_that_start_at_once_serve_one_database_of_this_machines_PostgreSQL() =>
        await TwoNodesAsync(await PostgresBinaries.FindAsync(null, _ => { }, Ct));

    [Fact]
    public async Task Two_nodes_that_start_at_once_serve_one_database_of_the_newest_PostgreSQL() =>
        await TwoNodesAsync(await NpmPostgres.InstallAsync(NpmPostgres.Version, NpmPostgres.CacheDirectory() + "-test", _ => { }, Ct));

    private static async Task TwoNodesAsync(PostgresBinaries binaries)
    {
        await using var cluster = await ScramCluster.StartAsync(binaries, Ct);
        await cluster.AsAdminAsync("CREATE ROLE installer LOGIN CREATEROLE PASSWORD 'of the installer'");
        await cluster.AsAdminAsync("CREATE DATABASE app OWNER installer");
        await using var installation = new Installation();
        installation.Environment["LOCKSTEP_DATABASE_URL"] = cluster.Address("installer", "of the installer", "app");
        installation.Environment["LOCKSTEP_JWT_SECRET"] = "a secret that signs the tokens of tests alone";
        installation.Environment["LOCKSTEP_MASTER_KEYS"] = $"test-1:{Convert.ToBase64String(RandomNumberGenerator.GetBytes(32))}";

        var (starting, other) = (ServeAsync(installation), ServeAsync(installation));
        await using var one = await starting;
        await using var two = await other;
        one.Output.ShouldContain($"127.0.0.1:{cluster.Port}/app");
        one.Output.ShouldNotContain("of%20the%20installer");

        var token = await installation.TokenAsync("you@example.com");
        var (here, there) = (one.Client(token), two.Client(token));
        var id = (await here.StoreAsync("mail", "a-secret-value")).Id();
        (await there.ValueAsync(id)).ShouldBe("a-secret-value");
        await here.Push("todo", "phone", SyncCalls.Mutation(1, "milk", new { title = new { value = "Milk" } }, "insert"));
        await there.Push("todo", "laptop", SyncCalls.Mutation(1, "bread", new { title = new { value = "Bread" } }, "insert"));
        (await there.PullAll("todo")).Changes.Select(change => change.Text("recordId")).ShouldBe(["milk", "bread"]);
        (await one.Client(await installation.TokenAsync("other@example.com")).PullAll("todo")).Changes.ShouldBeEmpty();
        foreach (var node in new[] { one, two })
            (await node.Client(null).GetAsync("/health/ready", Ct).ShouldBeAsync(HttpStatusCode.OK)).Text("status").ShouldBe("ok");

        (await cluster.AsAdminAsync(
            """
            SELECT string_agg(DISTINCT a.usename || ':' || (r.rolsuper OR r.rolbypassrls OR r.rolcreaterole), ' ' ORDER BY a.usename || ':' || (r.rolsuper OR r.rolbypassrls OR r.rolcreaterole))
            FROM   pg_stat_activity a JOIN pg_roles r ON r.rolname = a.usename
            WHERE  a.datname = 'app'
            """)).ShouldBe("lockstep_app:false lockstep_service:false");
        await AWrongStartTakesNoPasswordsAsync(cluster, installation);
        (await one.StopAsync()).ShouldBe(0, one.Errors);
        (await there.ValueAsync(id)).ShouldBe("a-secret-value");
        (await two.StopAsync()).ShouldBe(0, two.Errors);
        Directory.Exists(installation.Data).ShouldBeFalse();
    }

    private static async Task AWrongStartTakesNoPasswordsAsync(ScramCluster cluster, Installation installation)
    {
        const string Passwords = "SELECT string_agg(rolpassword, ' ' ORDER BY rolname) FROM pg_authid WHERE rolname IN ('lockstep_app', 'lockstep_service')";
        var before = await cluster.AsAdminAsync(Passwords);
        var wrong = new Dictionary<string, string>(installation.Environment)
        {
            ["LOCKSTEP_JWT_SECRET"] = "another secret that would derive other passwords",
            ["LOCKSTEP_MASTER_KEYS"] = $"other:{Convert.ToBase64String(RandomNumberGenerator.GetBytes(32))}",
        };
        await using var refused = await LockstepProcess.RunAsync(wrong, "serve", "--urls", "http://127.0.0.1:0", "--data-dir", installation.Data);
        (await refused.Ended).ShouldBe(1);
        refused.Errors.ShouldContain("wrong master key");
        (await cluster.AsAdminAsync(Passwords)).ShouldBe(before);

        // A command beside the nodes changes nothing either.
        await using var keys = await LockstepProcess.RunAsync(installation.Environment, "keys");
        (await keys.Ended).ShouldBe(0, keys.Errors);
        keys.Output.ShouldContain("newest");
        await using var strange = await LockstepProcess.RunAsync(wrong, "keys");
        (await strange.Ended).ShouldBe(1);
        strange.Errors.ShouldContain("LOCKSTEP_JWT_SECRET");
        (await cluster.AsAdminAsync(Passwords)).ShouldBe(before);
    }

    private static Task<LockstepProcess> ServeAsync(Installation installation) =>
        LockstepProcess.ServeAsync(installation.Environment, "--urls", "http://127.0.0.1:0", "--data-dir", installation.Data);
}
