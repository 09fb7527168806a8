using System.Diagnostics;
using System.Net;
using Lockstep.Server.Postgres.Embedded;
using Lockstep.Tests.Integrations;
using Lockstep.Tests.Support;
using Lockstep.Tests.Support.OAuth;
using Lockstep.Tests.Vault;
using Lockstep.Tests.Vault.OAuth;
using Npgsql;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Scenarios;

/// <summary>Marked secrets go through everything that handles secrets; then everything that was written is searched for them.</summary>
public sealed class SecretsStayInsideTests(RadicaleServer radicale) : IClassFixture<RadicaleServer>
{
    private const string First = "marker-one-5Vq8mZ3rT0yK";
    private const string Second = "marker-two-9Hc2xL7dW4sB";
    private const string Refused = "marker-bad-6Jn1pF8gQ5uE";
    private const string SqlFirst = "marker-sql-one-8Lq4wE2nY";
    private const string SqlSecond = "marker-sql-two-3Zd9rM5tU";
    private const string CaldavPassword = "alicepw";

    /// <summary>In clear on purpose: whoever does not find this one would find nothing.</summary>
    private const string Plain = "described-openly-3Rk7vY2a";

    private static readonly string[] KeyFiles = ["master-keys", "jwt-secret"];

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task No_secret_and_no_key_is_in_a_log_a_dump_a_file_of_the_database_or_an_answer()
    {
        await using var installation = new Installation();
        await using var tokens = await FakeTokenEndpoint.StartAsync(null);
        await using var collector = await FakeCollector.StartAsync();
        installation.Environment["LOCKSTEP_OUTBOUND_ALLOW"] = $"{radicale.HostPort},{tokens.Url.Authority}";
        installation.Environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.Url.AbsoluteUri;
        installation.Environment["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf";
        await radicale.As("alice").MakeCalendarAsync("work", Ct);
        await radicale.As("alice").PutAsync("work/a.ics", DavProbe.Event("a@example.com", "Meeting"), Ct);
        var program = await installation.ServeAsync();
        using var answers = new RecordedAnswers();
        var client = program.Client(await installation.TokenAsync("you@example.com"), answers);

        var credential = await UseAsync(client);
        await SyncAsync(client);
        await RefreshAsync(client, tokens, installation);
        await RefusedAsync(client, credential);
        await StoreBySqlAsync(installation);
        var shown = await ShowOnceAsync(program, await installation.TokenAsync("you@example.com"));
        var rekey = await installation.RunAsync("rekey", "--data-keys", "--data-dir", installation.Data);
        (await rekey.Ended).ShouldBe(0, rekey.Errors);
        (await client.ValueAsync(credential)).ShouldBe(Second);
        foreach (var path in new[] { "/v1/credentials", "/v1/integrations", "/v1/activity", $"/v1/credentials/{credential}/versions", "/metrics", "/health", "/openapi/v1.json" })
            await client.GetAsync(path, Ct).ShouldBeStatusAsync(HttpStatusCode.OK);
        await installation.ScalarAsync<object>("CHECKPOINT; SELECT 1");
        var dump = await DumpAsync(installation.Database);
        (await program.StopAsync()).ShouldBe(0);

        var files = Directory.EnumerateFiles(installation.Data, "*", SearchOption.AllDirectories).Where(file => !KeyFiles.Contains(Path.GetFileName(file))).ToList();
        var plain = new ByteSearch().Add("the description", Plain);
        plain.In("dump", dump).ShouldNotBeEmpty();
        plain.InFiles(files.Where(file => file.Contains("/base/", StringComparison.Ordinal))).ShouldNotBeEmpty();
        plain.InFiles(files.Where(file => file.Contains("/pg_wal/", StringComparison.Ordinal))).ShouldNotBeEmpty();
        answers.WithoutReveals.SelectMany(answer => plain.In(answer.Call, answer.Answer)).ShouldNotBeEmpty();

        collector.Received.Count.ShouldBePositive();
        collector.Received.SelectMany(body => new ByteSearch().Add("a span of a reveal", "/reveal").In("traces", body)).ShouldNotBeEmpty();

        var secrets = Secrets(installation);
        foreach (var (what, secret) in shown)
            secrets.Add(what, secret);
        secrets.In("the output of rekey", rekey.Output + rekey.Errors).ShouldBeEmpty();
        collector.Received.SelectMany(body => secrets.In("traces and metrics", body)).ShouldBeEmpty();
        secrets.In("standard output", program.Output).ShouldBeEmpty();
        secrets.In("standard error", program.Errors).ShouldBeEmpty();
        secrets.In("dump", dump).ShouldBeEmpty();
        secrets.InFiles(files).ShouldBeEmpty();
        answers.WithoutReveals.SelectMany(answer => secrets.In(answer.Call, answer.Answer)).ShouldBeEmpty();
    }

    private static ByteSearch Secrets(Installation installation)
    {
        var line = File.ReadAllText(installation.MasterKeys).Trim();
        var key = Convert.FromBase64String(line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..]);
        key.Length.ShouldBe(32);
        var search = new ByteSearch().Add("the first value", First).Add("the second value", Second).Add("the refused value", Refused)
            .Add("the first secret of SQL", SqlFirst).Add("the second secret of SQL", SqlSecond)
            .Add("an access token", "marker-access-").Add("a refresh token", "marker-refresh-").Add("the client's secret", FakeTokenEndpoint.ClientSecret)
            .Add("the client's secret in a form", WebUtility.UrlEncode(FakeTokenEndpoint.ClientSecret)).Add("what the endpoint says", "marker-description-9Zz")
            .Add("the CalDAV password", CaldavPassword).Add("the CalDAV sign-in", $"alice:{CaldavPassword}")
            .Add("the master key", key).Add("the token secret", File.ReadAllText(Path.Combine(installation.Data, "jwt-secret")).Trim());
        search.InFiles([installation.MasterKeys]).ShouldNotBeEmpty();
        return search;
    }

    private static async Task<Guid> UseAsync(HttpClient client)
    {
        var stored = await client.PostAsync("/v1/credentials", new { name = "mail", provider = "stripe", type = "API_KEY", value = First, description = Plain })
            .ShouldBeAsync(HttpStatusCode.Created);
        var id = stored.Id();
        (await client.ValueAsync(id)).ShouldBe(First);
        await client.RotateAsync(id, Second).ShouldBeAsync(HttpStatusCode.OK);
        (await client.ValueAsync(id)).ShouldBe(Second);
        return id;
    }

    /// <summary>By the functions of the SQL vault, with bind parameters as docs/sql-vault.md asks for.</summary>
    private static async Task StoreBySqlAsync(Installation installation)
    {
        await using var connection = new NpgsqlConnection(installation.Database.ConnectionString(EmbeddedConnection.Superuser) + ";Pooling=false");
        await connection.OpenAsync(Ct);
        async Task<object?> CallAsync(string sql, params object[] values)
        {
#pragma warning disable CA2100 // Written below.
            await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
            foreach (var value in values)
                command.Parameters.Add(new NpgsqlParameter { Value = value });
            return await command.ExecuteScalarAsync(Ct);
        }
        await CallAsync("SET ROLE service_role");
        var id = (Guid)(await CallAsync("SELECT vault.store_credential('sql', $1)", SqlFirst))!;
        (await CallAsync("SELECT vault.retrieve_credential($1)", id)).ShouldBe(SqlFirst);
        await CallAsync("SELECT vault.rotate_credential($1, $2)", id, SqlSecond);
        (await CallAsync("SELECT vault.retrieve_credential($1)", id)).ShouldBe(SqlSecond);
        await CallAsync("SELECT vault.delete_credential($1)", id);
    }

    /// <summary>Secrets of our own making, which one answer shows and nothing else ever: the client that asks is not recorded.</summary>
    private static async Task<List<(string What, string Secret)>> ShowOnceAsync(LockstepProcess program, string token)
    {
        var client = program.Client(token);
        var webhook = await client.PostAsync("/v1/webhooks", new { url = "https://hooks.example.com/x", events = new[] { "credential.created" } }).ShouldBeAsync(HttpStatusCode.Created);
        var made = await client.PostAsync("/v1/api-tokens", new { name = "ci", scopes = new[] { "credentials:reveal" } }).ShouldBeAsync(HttpStatusCode.Created);
        await program.Client(made.Text("token")).GetAsync("/v1/credentials", Ct);
        return [("a webhook's secret", webhook.Text("secret")["whsec_".Length..]), ("an API token", made.Text("token"))];
    }

    /// <summary>A password that is right, after one that is wrong.</summary>
    private async Task SyncAsync(HttpClient client)
    {
        await client.PostAsync("/v1/caldav/discover", new { url = radicale.Url, username = "alice", password = CaldavPassword }).ShouldBeAsync(HttpStatusCode.OK);
        await client.PostAsync("/v1/caldav/discover", new { url = radicale.Url, username = "alice", password = Refused }).ShouldBeRefusedAsync();
        var id = (await client.ConnectAsync(radicale.Url, password: Refused)).Id();
        await client.UntilAsync(id, integration => integration.Text("status") == "error");
        await client.PatchAsync(id, $$"""{"secret":"{{CaldavPassword}}"}""").ShouldBeAsync(HttpStatusCode.OK);
        await client.SyncedAsync(id);
        (await client.SummariesAsync()).ShouldBe(["Meeting"]);
        await client.GetAsync($"/v1/integrations/{id}/sync-log", Ct).ShouldBeAsync(HttpStatusCode.OK);
    }

    /// <summary>An OAuth grant that is refreshed, and then refused.</summary>
    private static async Task RefreshAsync(HttpClient client, FakeTokenEndpoint tokens, Installation installation)
    {
        var grant = tokens.Grant();
        var id = await client.StoreGrantAsync(tokens.Expired(grant));
        (await client.ValueAsync(id)).ShouldStartWith("marker-access-");
        tokens.End(grant);
        await installation.ScalarAsync<object>($"UPDATE lockstep.oauth_grants SET expires_at = now(), refresh_at = now() WHERE credential_id = '{id}' RETURNING 1");
        await client.RevealAsync(id).ShouldBeProblemAsync(409, "refresh_failed");
        await client.RotateGrantAsync(id, tokens.Expired(tokens.Grant())).ShouldBeAsync(HttpStatusCode.OK);
        (await client.ValueAsync(id)).ShouldStartWith("marker-access-");
        await client.GrantAsync(id);
        tokens.Calls.ShouldBe(3);
    }

    private static async Task RefusedAsync(HttpClient client, Guid credential)
    {
        var longName = new string('n', 300);
        string[] credentials =
        [
            $$"""{"name":"n","provider":"p","type":"SECRET","value":"{{Refused}}","unknown":1}""",
            $$"""{"name":"n","provider":"p","type":"SECRET","value":{"inside":"{{Refused}}"} }""",
            $$"""{"name":"n","provider":"p","type":"SECRET","value":"{{Refused}}","value":"{{Refused}}"}""",
            $$"""{"name":"{{longName}}","provider":"p","type":"SECRET","value":"{{Refused}}"}""",
            $$"""{"name":"n","provider":"p","type":"{{Refused}}","value":"{{Refused}}"}""",
            $$"""{"name":"n","provider":"p","type":"SECRET","value":"{{Refused}}","expiresAt":"{{Refused}}"}""",
            $$"""{"name":"n","provider":"p","type":"SECRET","value":"{{Refused}}","scope":"WORKSPACE","workspaceId":"{{Refused}}"}""",
            $$"""{"name":"mail","provider":"stripe","type":"API_KEY","value":"{{Refused}}"}""",
            $$"""{"name":"n","provider":"p","type":"SECRET","value":"{{Refused}}" """,
        ];
        foreach (var body in credentials)
            await client.SendRawAsync(HttpMethod.Post, "/v1/credentials", body).ShouldBeRefusedAsync();
        await client.PostAsync("/v1/credentials", new StringContent(Refused), Ct).ShouldBeRefusedAsync();
        await client.RotateAsync(credential, Refused, expectedVersion: 1).ShouldBeRefusedAsync();
        await client.SendRawAsync(HttpMethod.Post, $"/v1/credentials/{credential}/rotate", $$"""{"value":["{{Refused}}"]}""").ShouldBeRefusedAsync();
        string[] integrations =
        [
            $$"""{"integrationType":"caldav","config":{"url":"https://cal.example.com","username":"a","password":"{{Refused}}"} }""",
            $$"""{"integrationType":"caldav","config":{"url":"https://a:{{Refused}}@cal.example.com","username":"a"},"secret":"{{Refused}}"}""",
            $$"""{"integrationType":"caldav","config":{"url":"nowhere","username":"a"},"secret":"{{Refused}}"}""",
            $$"""{"integrationType":"none","config":{},"secret":"{{Refused}}"}""",
            $$"""{"integrationType":"caldav","config":{"url":"https://cal.example.com","username":"a"},"secret":["{{Refused}}"]}""",
        ];
        foreach (var body in integrations)
            await client.SendRawAsync(HttpMethod.Post, "/v1/integrations", body).ShouldBeRefusedAsync();
        await client.PostAsync("/v1/caldav/discover", new { url = "http://127.0.0.1:1/", username = "a", password = Refused }).ShouldBeRefusedAsync();
        await client.PostAsync("/v1/caldav/discover", new { url = "https://cal.example.com", username = "a", password = Refused, unknown = 1 }).ShouldBeRefusedAsync();
        using var stranger = new HttpRequestMessage(HttpMethod.Get, "/v1/credentials");
        stranger.Headers.Authorization = new("Bearer", Refused);
        await client.SendAsync(stranger, Ct).ShouldBeRefusedAsync();
    }

    /// <summary>Everything, as the superuser, by PostgreSQL's own program.</summary>
    private static async Task<string> DumpAsync(EmbeddedConnection database)
    {
        var binaries = await PostgresBinaries.FindAsync(database.MajorVersion, _ => { }, Ct);
        using var process = Process.Start(new ProcessStartInfo(
            Path.Combine(binaries.Directory, "pg_dumpall"),
            ["-h", database.SocketDirectory, "-p", $"{database.Port}", "-U", EmbeddedConnection.Superuser, "-w"])
        {
            RedirectStandardOutput = true,
        })!;
        var dump = await process.StandardOutput.ReadToEndAsync(Ct);
        await process.WaitForExitAsync(Ct);
        process.ExitCode.ShouldBe(0);
        return dump;
    }
}

file static class Answers
{
    public static async Task ShouldBeStatusAsync(this Task<HttpResponseMessage> call, HttpStatusCode status)
    {
        using var answer = await call;
        answer.StatusCode.ShouldBe(status);
    }

    public static async Task ShouldBeRefusedAsync(this Task<HttpResponseMessage> call)
    {
        using var answer = await call;
        ((int)answer.StatusCode).ShouldBeInRange(400, 599, await answer.Content.ReadAsStringAsync());
        answer.StatusCode.ShouldNotBe(HttpStatusCode.InternalServerError, answer.RequestMessage!.RequestUri!.AbsolutePath);
    }
}
