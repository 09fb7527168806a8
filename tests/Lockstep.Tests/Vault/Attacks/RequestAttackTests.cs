using System.IO.Compression;
using System.Net;
using System.Text;
using Lockstep.Tests.Support;
using Npgsql;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Vault.Attacks;

/// <summary>Bodies made to break a parser, and an audit that cannot be written. Garbage in single fields is in <see cref="CredentialSealTests"/>.</summary>
public sealed class RequestAttackTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    private static readonly string[] Paths = ["/v1/credentials", "/v1/webhooks", "/v1/integrations", "/v1/api-tokens", "/v1/workspaces", "/v1/events", "/v1/matters", "/v1/caldav/discover"];

    [Fact]
    public async Task Objects_and_arrays_of_depth_10_000_are_a_400()
    {
        foreach (var path in Paths)
        {
            foreach (var (open, close) in new[] { ("{\"a\":", "}"), ("[", "]") })
            {
                var deep = string.Concat(Enumerable.Repeat(open, 10_000)) + "1" + string.Concat(Enumerable.Repeat(close, 10_000));
                await RefusedAsync(path, $$"""{"metadata":{{deep}}}""");
                await RefusedAsync(path, string.Concat(Enumerable.Repeat(open, 10_000)));
            }
        }
    }

    [Theory]
    [InlineData("""{"name":"n","provider":"p","type":"SECRET","value":"v","metadata":{"a":1,"a":2}}""")]
    [InlineData("""{"name":"n","provider":"p","type":"SECRET","value":"v","metadata":{"b":[{"a":1,"\u0061":2}]}}""")]
    [InlineData("""{"name":"n","name":"n","provider":"p","type":"SECRET","value":"v"}""")]
    [InlineData("""{"name":"n","provider":"p","type":"OAUTH_TOKEN","oauth":{"accessToken":"a","accessToken":"b"}}""")]
    public Task Duplicate_keys_are_a_400_however_deep_and_however_spelt(string body) => RefusedAsync("/v1/credentials", body);

    [Theory]
    [InlineData("9999-12-31T23:59:59-18:00")]
    [InlineData("-9998-01-01T00:00:00Z")]
    [InlineData("-9998-01-01T00:00:00%2B18:00")]
    [InlineData("0001-01-01T00:00:00%2B00:01")]
    public async Task Times_outside_of_the_years_1_to_9999_in_UTC_are_refused_wherever_a_time_is_read(string time)
    {
        var user = app.As("historian");
        foreach (var path in new[] { "/v1/credentials?expiresBefore=", "/v1/events?from=", "/v1/events?to=" })
            await user.GetAsync(path + time, TestContext.Current.CancellationToken).ShouldBeAsync(HttpStatusCode.UnprocessableEntity);
        await user.GetAsync($"/sync/notes/pull?collection=t&since={time}", TestContext.Current.CancellationToken).ShouldBeAsync(HttpStatusCode.OK);
        var written = Uri.UnescapeDataString(time);
        await user.PostAsync("/v1/api-tokens", new { name = "t", scopes = new[] { "sync" }, expiresAt = written }).ShouldBeProblemAsync(400, "invalid_json");
        var mutation = new { id = 1, table = "t", recordId = "r", op = "update", fields = new { a = new { value = 1, at = written } } };
        using var pushed = await user.PostAsync("/v1/sync/notes/push", new { clientId = "c", mutations = new[] { mutation } });
        ((int)pushed.StatusCode).ShouldBeLessThan(500);
        (await pushed.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)).ShouldNotContain("applied");
    }

    [Fact]
    public async Task A_mana_cursor_whose_time_was_changed_is_none()
    {
        var user = app.As("forger");
        var page = await user.GetAsync("/sync/notes/pull?collection=t&since=1970-01-01T00:00:00Z", TestContext.Current.CancellationToken);
        var body = await page.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        var cursor = System.Text.RegularExpressions.Regex.Match(body, "[0-9TZ:.-]{27}~[A-Za-z0-9_-]+").Value;
        cursor.ShouldNotBeEmpty(body);
        var mutation = new { id = 1, table = "t", recordId = "r", op = "update", fields = new { a = new { value = 1, at = "2026-01-01T00:00:00Z" } } };
        await user.PostAsync("/v1/sync/notes/push", new { clientId = "c", mutations = new[] { mutation } }).ShouldBeAsync(HttpStatusCode.OK);
        foreach (var time in new[] { new string('x', 27), "9999-12-31T23:59:59.999999Z" })
            await user.GetAsync("/sync/notes/pull?collection=t&since=" + Uri.EscapeDataString(time + cursor[27..]), TestContext.Current.CancellationToken).ShouldBeAsync(HttpStatusCode.OK);
    }

    [Theory]
    [InlineData("purpose")]
    [InlineData("reason")]
    [InlineData("token")]
    [InlineData("provider")]
    public async Task A_secret_in_a_text_that_is_kept_in_clear_is_refused(string place)
    {
        // In two parts, so that scanners of this repository do not find it.
        const string Key = "sk_" + "live_a1B2c3D4e5F6g7H8i9J0k1L2";
        var user = app.As("careless");
        using var answer = await (place switch
        {
            "purpose" => user.PostAsync($"/v1/credentials/{Guid.CreateVersion7()}/reveal", new { purpose = $"with {Key}" }),
            "reason" => user.PostAsync("/v1/users/me/revoke-credentials", new { reason = $"leaked {Key}" }),
            "token" => user.PostAsync("/v1/api-tokens", new { name = Key, scopes = new[] { "sync" } }),
            _ => user.PostAsync("/v1/credentials", new { name = "n", provider = Key, type = "SECRET", value = "v" }),
        });
        ((int)answer.StatusCode).ShouldBe(422);
        var body = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        body.ShouldContain("looks like a secret");
        body.ShouldNotContain(Key);
    }

    [Fact]
    public async Task Numbers_and_texts_that_grow_many_times_when_they_are_read_are_refused()
    {
        // 1e400000 has 400,001 digits as a numeric, an empty object of three bytes a hundred in memory, and a byte of gzip a thousand.
        await RefusedAsync("/v1/credentials", """{"name":"n","provider":"p","type":"SECRET","value":"v","metadata":{"a":1e400000}}""");
        var objects = "[" + string.Join(',', Enumerable.Repeat("{}", 300_000)) + "]";
        foreach (var path in Paths)
            await RefusedAsync(path, "{\"name\":\"n\",\"provider\":\"p\",\"type\":\"SECRET\",\"value\":\"v\",\"metadata\":{\"a\":" + objects + "}}");
        foreach (var path in Paths)
        {
            using var packed = new MemoryStream();
            await using (var gzip = new GZipStream(packed, CompressionLevel.SmallestSize))
                await gzip.WriteAsync(Encoding.UTF8.GetBytes($$"""{"name":"{{new string('x', 32 << 20)}}"}"""));
            using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new ByteArrayContent(packed.ToArray()) };
            request.Content.Headers.Add("Content-Type", "application/json");
            request.Content.Headers.Add("Content-Encoding", "gzip");
            using var answer = await app.As("bomber").SendAsync(request);
            ((int)answer.StatusCode).ShouldBeOneOf([400, 413, 415], path);
        }
        (await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.credentials WHERE user_id = $1", app.UserId("bomber"))).ShouldBe(0);
        (await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.activity_log WHERE user_id = $1", app.UserId("bomber"))).ShouldBe(0);
    }

    [Fact]
    public async Task A_reveal_whose_audit_row_cannot_be_written_releases_nothing()
    {
        var client = app.As("unaudited");
        var id = (await client.StoreAsync("k", "a-secret-that-stays")).Id();
        await ExecuteAsync("ALTER TABLE lockstep.activity_log ADD CONSTRAINT activity_log_disk_full CHECK (action <> 'CREDENTIAL_ACCESSED') NOT VALID");
        try
        {
            using var answer = await client.RevealAsync(id);
            ((int)answer.StatusCode).ShouldBeGreaterThanOrEqualTo(500);
            (await answer.Content.ReadAsStringAsync()).ShouldNotContain("a-secret");
            (await app.ScalarAsync<bool>("SELECT last_used_at IS NULL FROM lockstep.credentials WHERE id = $1", id)).ShouldBeTrue();
        }
        finally
        {
            await ExecuteAsync("ALTER TABLE lockstep.activity_log DROP CONSTRAINT activity_log_disk_full");
        }
        (await client.ValueAsync(id)).ShouldBe("a-secret-that-stays");
    }

    [Fact]
    public async Task A_retrieve_of_the_SQL_vault_whose_row_of_the_access_log_cannot_be_written_returns_nothing()
    {
        await using var connection = await app.ConnectAsync("lockstep_service");
        await using var transaction = await connection.BeginTransactionAsync();
        async Task<object?> RunAsync(string sql)
        {
#pragma warning disable CA2100 // Written in this test.
            await using var command = new NpgsqlCommand(sql, connection, transaction);
#pragma warning restore CA2100
            return await command.ExecuteScalarAsync();
        }
        await RunAsync($"SELECT set_config('lockstep.vault_key', '{Convert.ToBase64String(Encoding.ASCII.GetBytes("0123456789abcdefFEDCBA9876543210"))}', true)");
        var id = (Guid)(await RunAsync("SELECT vault.store_credential('k', 'a-secret-that-stays')"))!;
        (await RunAsync($"SELECT vault.retrieve_credential('{id}')")).ShouldBe("a-secret-that-stays");
        await RunAsync("SAVEPOINT before");
        // The number of the next row is taken by somebody else's.
        await ExecuteAsync("INSERT INTO vault.vault_access_log (id, secret_id, role) OVERRIDING SYSTEM VALUE SELECT n, gen_random_uuid(), 'x' FROM generate_series(2, 20) n");
        var error = await Should.ThrowAsync<PostgresException>(() => RunAsync($"SELECT vault.retrieve_credential('{id}')"));
        error.SqlState.ShouldBe(PostgresErrorCodes.UniqueViolation);
        error.ToString().ShouldNotContain("a-secret");
    }

    private async Task RefusedAsync(string path, string body)
    {
        using var answer = await app.As("bomber").SendRawAsync(HttpMethod.Post, path, body);
        var text = await answer.Content.ReadAsStringAsync();
        ((int)answer.StatusCode).ShouldBeOneOf([400, 413, 422], $"{path}: {text}");
        text.Length.ShouldBeLessThan(4_000);
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var connection = await app.ConnectAsync();
#pragma warning disable CA2100 // Written in this class.
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        await command.ExecuteNonQueryAsync();
    }
}
