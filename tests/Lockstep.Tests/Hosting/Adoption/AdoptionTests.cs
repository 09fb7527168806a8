using System.Net;
using System.Security.Cryptography;
using System.Text;
using Lockstep.Crypto;
using Lockstep.Crypto.Transit;
using Lockstep.Server.Hosting;
using Lockstep.Server.Hosting.Adoption;
using Lockstep.Server.Postgres.Embedded;
using Lockstep.Server.Vault;
using Lockstep.Tests.Integrations;
using Lockstep.Tests.Support;
using Lockstep.Tests.Support.Transit;
using Lockstep.Tests.Vault;
using Npgsql;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Hosting.Adoption;

/// <summary>Tables as teams make them at home, in the same database: taken over with ids, compared, and gone on with.</summary>
public sealed class AdoptionTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    private static readonly byte[] HomeKey = RandomNumberGenerator.GetBytes(32);

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

    [Fact]
    public async Task What_Transit_has_sealed_and_what_a_view_of_Supabase_Vault_shows_is_taken_over()
    {
        await using var transit = await FakeTransitServer.StartNewAsync();
        var (plain, derived) = (transit.AddKey("app", derived: false), transit.AddKey("tenants"));
        var (user, first, second, third, lost) = (Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7());
        var context = Encoding.UTF8.GetBytes("tenant 7");
        await using (var connection = await app.ConnectAsync())
        {
            await ExecuteAsync(connection,
                """
                CREATE SCHEMA transit_home;
                CREATE TABLE transit_home.members (id uuid PRIMARY KEY, email text);
                CREATE TABLE transit_home.keys (id uuid PRIMARY KEY, user_id uuid, name text, sealed text);
                CREATE TABLE transit_home.tenant_keys (id uuid PRIMARY KEY, user_id uuid, name text, sealed text, context text);
                CREATE TABLE transit_home.decrypted_secrets (id uuid PRIMARY KEY, name text, decrypted_secret text);
                CREATE TABLE transit_home.owners (secret_id uuid, user_id uuid);
                CREATE VIEW transit_home.owned_secrets AS SELECT s.id, o.user_id, s.name, s.decrypted_secret FROM transit_home.decrypted_secrets s JOIN transit_home.owners o ON o.secret_id = s.id;
                """);
            await ExecuteAsync(connection, "INSERT INTO transit_home.members VALUES ($1, 'eve@example.com')", user);
            await ExecuteAsync(connection, "INSERT INTO transit_home.keys VALUES ($1, $2, 'one', $3)", first, user, plain.Encrypt("of the app"u8.ToArray(), null).Ciphertext);
            await ExecuteAsync(connection, "INSERT INTO transit_home.tenant_keys VALUES ($1, $2, 'two', $3, $4)", second, user, derived.Encrypt("of the tenant"u8.ToArray(), context).Ciphertext, Convert.ToBase64String(context));
            await ExecuteAsync(connection, "INSERT INTO transit_home.decrypted_secrets VALUES ($1, 'three', 'of Supabase')", third);
            await ExecuteAsync(connection, "INSERT INTO transit_home.owners VALUES ($1, $2)", third, user);
        }
        var map = new AdoptionMap(
            Users: new UserSource("transit_home.members", "id", "email"),
            Credentials:
            [
                new CredentialSource("transit_home.keys", new CredentialColumns("id", "user_id", "name", "sealed"), "app"),
                new CredentialSource("transit_home.tenant_keys", new CredentialColumns("id", "user_id", "name", "sealed", Context: "context"), "tenants"),
                new CredentialSource("transit_home.owned_secrets", new CredentialColumns("id", "user_id", "name", "decrypted_secret")),
            ]);
        using var http = new HttpMessageInvoker(new SocketsHttpHandler());
        var options = new TransitOptions(transit.Url, ["unused"], new TransitLogin.Token(Secret.FromText(transit.Tokens.Issue())));
        using OldKey appKey = new OldKey.Transit(new TransitOldValues(options, http, TimeProvider.System), "app"), tenantKey = new OldKey.Transit(new TransitOldValues(options, http, TimeProvider.System), "tenants");
        var keys = new Dictionary<string, OldKey> { ["app"] = appKey, ["tenants"] = tenantKey };

        var report = await RunAsync(map, keys);
        report.Bad.ShouldBeEmpty();
        (report.Stored, report.Verified, report.SourceMayGo).ShouldBe((3, 3, true));
        foreach (var (id, value) in new[] { (first, "of the app"), (second, "of the tenant"), (third, "of Supabase") })
            (await app.As(user.ToString()).ValueAsync(id)).ShouldBe(value);
        transit.Requests.ShouldAllBe(request => !request.Path.Contains("/encrypt/", StringComparison.Ordinal));

        // Moved to another tenant's context, it does not open, and nothing of the run is stored.
        await app.ScalarAsync<int>("INSERT INTO transit_home.tenant_keys SELECT $1, user_id, 'four', sealed, 'dGVuYW50IDg=' FROM transit_home.tenant_keys RETURNING 1", lost);
        (await RunAsync(map, keys)).Bad.ShouldHaveSingleItem().Why.ShouldBe("sealed does not open with Transit's key 'tenants'");
        await transit.StopAsync();
        (await RunAsync(map, keys)).Bad.ShouldContain(bad => bad.Why.Contains("cannot be opened now"));
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
        using var key = new OldKey.Local(Secret.FromBytes(HomeKey));
        return await RunAsync(Map, new Dictionary<string, OldKey> { ["old"] = key }, store, verify);
    }

    private async Task<AdoptionReport> RunAsync(AdoptionMap map, Dictionary<string, OldKey> keys, bool store = true, bool verify = true)
    {
        await using var source = NpgsqlDataSource.Create(app.Postgres.ConnectionString(EmbeddedConnection.Superuser, app.Database));
        var database = MigratedDatabase.Serve(app.Postgres, app.Database);
        await using var bench = Workbench.Over(new StartedDatabase(database, null, []), new VaultOptions(app.Keys));
        return await new Server.Hosting.Adoption.Adoption(new AdoptionPlaces(source, source, app.Jwt), map, bench, keys).Run(store, verify, (_, _) => { }, TestContext.Current.CancellationToken);
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
        using var gcm = new AesGcm(HomeKey, 16);
        gcm.Encrypt(nonce, plain, encrypted, tag);
        return (nonce, encrypted, tag);
    }
}
