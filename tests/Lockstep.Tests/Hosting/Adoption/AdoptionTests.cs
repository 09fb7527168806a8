using System.Net;
using System.Security.Cryptography;
using System.Text;
using Lockstep.Crypto;
using Lockstep.Server.Hosting;
using Lockstep.Server.Hosting.Adoption;
using Lockstep.Server.Vault;
using Lockstep.Tests.Integrations;
using Lockstep.Tests.Support;
using Lockstep.Tests.Vault;
using Npgsql;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Hosting.Adoption;

/// <summary>Tables as teams make them at home, in the same database: taken over with ids, compared, and gone on with.</summary>
public sealed class AdoptionTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    private static readonly byte[] OldKey = RandomNumberGenerator.GetBytes(32);

    private static readonly AdoptionMap Map = new(
        Users: new UserSource("public.members", "id", "email"),
        Credentials: [new CredentialSource("public.api_credentials", new CredentialColumns("id", "user_id", "name", "encrypted_value", "provider", "kind"), "old")],
        Integrations:
        [
            new IntegrationSource("public.caldav_settings",
                new IntegrationColumns("id", "user_id", "server_url", "username", "password_blob", SelectedCalendarIds: "selected_calendar_ids", Enabled: "sync_enabled"), "old"),
            new IntegrationSource("public.connections", new IntegrationColumns("id", "user_id", "url", "login"), "old",
                new SecretSource("public.connection_secrets", "connection_id", "ciphertext", "iv", "auth_tag")),
        ]);

    [Fact]
    public async Task Tables_of_home_are_taken_over_with_their_ids_compared_and_left_alone_the_second_time()
    {
        var source = await MakeSourceAsync();
        var dry = await RunAsync(store: false, verify: false);
        (dry.Found, dry.Stored, dry.Bad.Count).ShouldBe((6, 0, 0), string.Join('\n', dry.Bad));
        (await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.integrations")).ShouldBe(0);

        var report = await RunAsync();
        report.Bad.ShouldBeEmpty();
        (report.Stored, report.AlreadyThere, report.Verified, report.SourceMayGo).ShouldBe((6, 0, 6, true));
        (await app.As(source.Ada.ToString()).ValueAsync(source.Credential)).ShouldBe("sk-of-ada");
        var ada = await app.As(source.Ada.ToString()).IntegrationAsync(source.Caldav);
        (ada["config"]!.Text("username"), ada["enabled"]!.GetValue<bool>(), ada["hasSecret"]!.GetValue<bool>()).ShouldBe(("ada", false, true));
        ada["config"]!["selectedCalendarIds"]!.AsArray().Select(id => id!.GetValue<string>()).ShouldBe(["https://caldav.example.com/ada/work/", "https://caldav.example.com/ada/home/"]);
        var provider = await app.As(source.Ada.ToString()).GetAsync("/v1/provider").ShouldBeAsync(HttpStatusCode.OK);
        provider["settings"]!["calendar"]!["selectedCalendarIds"]!.AsArray().Count.ShouldBe(2);
        (await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.providers")).ShouldBe(2);

        // An interrupted run leaves some: what is missing comes, the rest stays.
        await app.ScalarAsync<Guid>("DELETE FROM lockstep.integrations WHERE id = $1 RETURNING id", source.Connection);
        await app.ScalarAsync<long>("WITH d AS (DELETE FROM lockstep.credentials WHERE name = $1 RETURNING id) SELECT count(*) FROM d", $"integration {source.Connection}");
        var again = await RunAsync();
        (again.Stored, again.AlreadyThere, again.SourceMayGo).ShouldBe((1, 5, true));

        // What changed at the source afterwards is seen, and nothing overwritten.
        await app.ScalarAsync<Guid>("UPDATE public.api_credentials SET encrypted_value = $2 WHERE id = $1 RETURNING id", source.Credential, Sealed("another value"));
        var differs = await RunAsync(store: false, verify: true);
        (differs.SourceMayGo, differs.Verified).ShouldBe((false, 5));
        differs.Bad.ShouldHaveSingleItem().ShouldBe(new BadRow($"public.api_credentials {source.Credential}", "its secret differs from the source"));
        (await app.As(source.Ada.ToString()).ValueAsync(source.Credential)).ShouldBe("sk-of-ada");

        await OneBadRowStoresNothingAsync();
    }

    private async Task OneBadRowStoresNothingAsync()
    {
        var id = Guid.CreateVersion7();
        await app.ScalarAsync<Guid>("INSERT INTO public.api_credentials SELECT $1, user_id, 'spare', 'stripe', 'API_KEY', 'not sealed' FROM public.api_credentials LIMIT 1 RETURNING id", id);
        var before = await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.activity_log");
        var refused = await RunAsync();
        refused.Bad.ShouldHaveSingleItem().ShouldBe(new BadRow($"public.api_credentials {id}", "encrypted_value does not open with the key"));
        (refused.Stored, refused.SourceMayGo).ShouldBe((0, false));
        (await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.activity_log")).ShouldBe(before);
    }

    private async Task<AdoptionReport> RunAsync(bool store = true, bool verify = true)
    {
        await using var connection = await app.ConnectAsync();
        var database = MigratedDatabase.Serve(app.Postgres, app.Database);
        await using var bench = Workbench.Over(new StartedDatabase(database, null, []), new VaultOptions(app.Keys));
        using var key = Secret.FromBytes(OldKey);
        return await new Server.Hosting.Adoption.Adoption(connection, Map, bench, new Dictionary<string, Secret> { ["old"] = key })
            .Run(store, verify, (_, _) => { }, TestContext.Current.CancellationToken);
    }

    private async Task<(Guid Ada, Guid Credential, Guid Caldav, Guid Connection)> MakeSourceAsync()
    {
        var (ada, bob) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        var (credential, caldav, connectionId) = (Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7());
        await using var connection = await app.ConnectAsync();
        await ExecuteAsync(connection,
            """
            CREATE TABLE public.members (id uuid PRIMARY KEY, email text);
            CREATE TABLE public.api_credentials (id uuid PRIMARY KEY, user_id uuid, name text, provider text, kind text, encrypted_value text);
            CREATE TABLE public.caldav_settings (id uuid PRIMARY KEY, user_id uuid, server_url text, username text, password_blob bytea, selected_calendar_ids jsonb, sync_enabled boolean);
            CREATE TABLE public.connections (id uuid PRIMARY KEY, user_id uuid, url text, login text);
            CREATE TABLE public.connection_secrets (connection_id uuid PRIMARY KEY, ciphertext bytea, iv bytea, auth_tag bytea);
            """);
        await ExecuteAsync(connection, "INSERT INTO public.members VALUES ($1, 'ada@example.com'), ($2, 'bob@example.com')", ada, bob);
        await ExecuteAsync(connection, "INSERT INTO public.api_credentials VALUES ($1, $2, 'stripe', 'stripe', 'api_key', $3), ($4, $5, 'stripe', 'stripe', NULL, $6)",
            credential, ada, Sealed("sk-of-ada"), Guid.CreateVersion7(), bob, Sealed("sk-of-bob"));
        await ExecuteAsync(connection,
            """
            INSERT INTO public.caldav_settings VALUES
                ($1, $2, 'https://caldav.example.com/', 'ada', $3, '["/ada/work/", "https://caldav.example.com/ada/home/"]', false),
                ($4, $5, 'https://caldav.example.com/', 'bob', $6, NULL, true)
            """, caldav, ada, Blob("ada's password"), Guid.CreateVersion7(), bob, Blob("bob's password"));
        await ExecuteAsync(connection, "INSERT INTO public.connections VALUES ($1, $2, 'https://dav.example.org/', 'ada.b'), ($3, $4, 'https://dav.example.org/', 'bob.c')",
            connectionId, ada, Guid.Parse("0192d7a0-0000-7000-8000-00000000b0b0"), bob);
        foreach (var id in new[] { connectionId, Guid.Parse("0192d7a0-0000-7000-8000-00000000b0b0") })
        {
            var (nonce, encrypted, tag) = Seal("a third password");
            await ExecuteAsync(connection, "INSERT INTO public.connection_secrets VALUES ($1, $2, $3, $4)", id, encrypted, nonce, tag);
        }
        return (ada, credential, caldav, connectionId);
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, params object[] values)
    {
#pragma warning disable CA2100 // Written above.
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        foreach (var value in values)
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        await command.ExecuteNonQueryAsync();
    }

    private static string Sealed(string value)
    {
        var (nonce, encrypted, tag) = Seal(value);
        return $"{Convert.ToHexStringLower(nonce)}:{Convert.ToHexStringLower(tag)}:{Convert.ToHexStringLower(encrypted)}";
    }

    private static byte[] Blob(string value)
    {
        var (nonce, encrypted, tag) = Seal(value);
        return [.. nonce, .. encrypted, .. tag];
    }

    private static (byte[] Nonce, byte[] Encrypted, byte[] Tag) Seal(string value)
    {
        var (nonce, plain) = (RandomNumberGenerator.GetBytes(12), Encoding.UTF8.GetBytes(value));
        var (encrypted, tag) = (new byte[plain.Length], new byte[16]);
        using var gcm = new AesGcm(OldKey, 16);
        gcm.Encrypt(nonce, plain, encrypted, tag);
        return (nonce, encrypted, tag);
    }
}
