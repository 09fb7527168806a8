using Lockstep.Server.Hosting.Adoption;
using Lockstep.Server.Postgres.Embedded;
using Lockstep.Tests.ChangeSync;
using Lockstep.Tests.Scenarios;
using Lockstep.Tests.Support;
using Lockstep.Tests.Vault;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Hosting.Adoption;

/// <summary>Tables in another database, on another server, by a login that may only read.</summary>
public sealed class SourceDatabaseTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    private const string Password = "of the reader";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Another_database_is_read_by_a_login_that_may_only_read_and_what_does_not_work_is_said_in_a_sentence()
    {
        await using var cluster = await ScramCluster.StartAsync(await PostgresBinaries.FindAsync(null, _ => { }, Ct), Ct);
        await cluster.AsAdminAsync($"CREATE ROLE maker LOGIN SUPERUSER PASSWORD '{Password}'");
        await cluster.AsAdminAsync($"CREATE ROLE reader LOGIN PASSWORD '{Password}'");
        await cluster.AsAdminAsync("CREATE DATABASE old");
        var log = new OldLog(app, "home", $"Host=127.0.0.1;Port={cluster.Port};Username=maker;Password={Password};Database=old");
        await log.MakeAsync();
        await log.ExecuteAsync("CREATE TABLE home.people (id uuid PRIMARY KEY, email text); CREATE TABLE home.keys (id uuid PRIMARY KEY, user_id uuid, name text, value text);");
        var (person, key, vaulted) = (Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7());
        await log.ExecuteAsync("INSERT INTO home.people VALUES ($1, 'hana@example.com')", person);
        await log.ExecuteAsync("INSERT INTO home.keys VALUES ($1, $2, 'stripe', 'a-value-of-hana')", key, person);
        // Supabase Vault does not know whose a secret is: a view says it.
        await log.ExecuteAsync(FakeSupabaseVault.Schema);
        await log.ExecuteAsync("INSERT INTO vault.secrets (id, name, secret) VALUES ($1, 'mail', 'a-secret-of-vault')", vaulted);
        await log.ExecuteAsync("""
            CREATE TABLE home.secret_owners (secret_id uuid, user_id uuid);
            CREATE VIEW home.owned_secrets AS SELECT s.id, o.user_id, s.name, s.description, s.decrypted_secret FROM vault.decrypted_secrets s JOIN home.secret_owners o ON o.secret_id = s.id;
            """);
        await log.ExecuteAsync("INSERT INTO home.secret_owners VALUES ($1, $2)", vaulted, person);
        await log.SpaceAsync("far");
        await log.JoinAsync("far", "ina@example.com", "owner");
        for (var i = 0; i < 3; i++)
            await log.AddAsync(i, "ina@example.com", "insert", $"r{i}", new { i }, space: "far", appId: "far");
        var map = log.Map with
        {
            Users = new UserSource("home.people", "id", "email"),
            Credentials =
            [
                new CredentialSource("home.keys", new CredentialColumns("id", "user_id", "name", "value")),
                new CredentialSource("home.owned_secrets", new CredentialColumns("id", "user_id", "name", "decrypted_secret", Description: "description"), Provider: "supabase"),
            ],
        };

        await using var reader = await OpenAsync(cluster.Address("reader", Password, "old"));
        var denied = await Should.ThrowAsync<AdoptionRefusedException>(log.AdoptAsync(map, reader: reader));
        (denied.Refusal, denied.Message).ShouldBe((AdoptionRefusal.NotAllowed,
            "The table home.people of the mapping cannot be read: permission denied for schema home. Nothing was stored. Use a login that may read it."));
        await log.ExecuteAsync("GRANT USAGE ON SCHEMA home TO reader; GRANT SELECT ON ALL TABLES IN SCHEMA home TO reader; REVOKE TEMPORARY ON DATABASE old FROM PUBLIC;");
        var done = await log.AdoptAsync(map, reader: reader);
        (done.Stored, done.Verified, done.SourceMayGo).ShouldBe((5, 5, true), string.Join('\n', done.Bad));
        (await app.As("ina").PullAll("far")).Changes.Count.ShouldBe(3);
        (await app.As(person.ToString()).ValueAsync(key)).ShouldBe("a-value-of-hana");
        (await app.As(person.ToString()).ValueAsync(vaulted)).ShouldBe("a-secret-of-vault");

        await RefusedAsync("postgres//reader@host/old", AdoptionRefusal.Mapping, "--source is not a database address");
        await RefusedAsync("postgres://reader@127.0.0.1/old?sslmod=require", AdoptionRefusal.Mapping, "the parameter 'sslmod' is unknown here");
        await RefusedAsync(cluster.Address("reader", "a wrong one", "old"), AdoptionRefusal.NotAllowed, $"The source at 127.0.0.1:{cluster.Port} refuses the user 'reader'");
        await RefusedAsync(cluster.Address("reader", Password, "older"), AdoptionRefusal.Mapping, $"There is no database 'older' at 127.0.0.1:{cluster.Port}. Nothing was stored. Correct --source.");
        await RefusedAsync($"postgres://reader:x@127.0.0.1:{ServerProcess.FreePort()}/old", AdoptionRefusal.Unreachable, "Cannot reach the source at 127.0.0.1:");
    }

    private static async Task RefusedAsync(string address, AdoptionRefusal refusal, string words)
    {
        var refused = await Should.ThrowAsync<AdoptionRefusedException>(OpenAsync(address));
        refused.Refusal.ShouldBe(refusal);
        refused.Message.ShouldContain(words);
        refused.Message.ShouldContain("Nothing was stored.");
        refused.Message.ShouldNotContain("a wrong one");
    }

    private static Task<Npgsql.NpgsqlDataSource> OpenAsync(string address) => SourceDatabase.Open(address, "--source", Ct);
}
