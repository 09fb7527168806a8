using System.Net;
using Lockstep.Crypto;
using Lockstep.Server;
using Lockstep.Tests.Support;
using Npgsql;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Vault;

/// <summary>Each test starts the server again with other keys, on a database of its own.</summary>
public sealed class VaultKeyTests(PostgresServer postgres)
{
    [Fact]
    public async Task Without_any_key_the_server_starts_and_everything_that_needs_one_answers_vault_locked()
    {
        await using var app = await StartAsync();
        var id = (await app.As("u").StoreAsync("k", "a-secret-value")).Id();
        app.Keys = null;
        await app.RestartAsync();
        var client = app.As("u");
        await client.PostAsync("/v1/credentials", new { name = "n", provider = "p", type = "SECRET", value = "v" }).ShouldBeProblemAsync(503, "vault_locked");
        await client.RevealAsync(id).ShouldBeProblemAsync(503, "vault_locked");
        await client.RotateAsync(id, "next").ShouldBeProblemAsync(503, "vault_locked");
        await client.PostAsync($"/v1/credentials/{id}/rollback", new { version = 1 }).ShouldBeProblemAsync(503, "vault_locked");
        (await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.credentials")).ShouldBe(1);
        // What needs no key goes on.
        await client.GetAsync($"/v1/credentials/{id}").ShouldBeAsync(HttpStatusCode.OK);
        await client.PostAsync($"/v1/credentials/{id}/revoke", null).ShouldBeAsync(HttpStatusCode.OK);
        await client.DeleteAsync($"/v1/credentials/{id}").ShouldBeAsync(HttpStatusCode.NoContent);
    }

    [Fact]
    public async Task A_wrong_key_refuses_the_start_and_names_both_fingerprints()
    {
        await using var app = await StartAsync();
        var right = app.Keys!;
        var id = (await app.As("u").StoreAsync("k", "a-secret-value")).Id();
        app.Keys = LockstepApp.RingOf(MasterKey.Generate("other"));
        var refused = await Should.ThrowAsync<StartRefusedException>(app.RestartAsync);
        refused.Message.ShouldContain(right.Newest!.Fingerprint);
        refused.Message.ShouldContain(app.Keys.Newest!.Fingerprint);
        app.Keys = right;
        await app.RestartAsync();
        (await app.As("u").ValueAsync(id)).ShouldBe("a-secret-value");
    }

    [Fact]
    public async Task A_newer_key_beside_the_old_one_opens_what_the_old_one_sealed()
    {
        await using var app = await StartAsync();
        var old = app.Keys!.Newest!;
        var id = (await app.As("u").StoreAsync("k", "a-secret-value")).Id();
        app.Keys = LockstepApp.RingOf(MasterKey.Generate("newer"), old);
        await app.RestartAsync();
        (await app.As("u").ValueAsync(id)).ShouldBe("a-secret-value");
        await app.As("v").StoreAsync("k", "another-secret-value");
        (await app.ScalarAsync<long>("SELECT count(DISTINCT key_version) FROM lockstep.data_keys")).ShouldBe(2);

        // Without the old one the newest data key opens and the start is good; what the old one sealed stays locked, by name.
        app.Keys = LockstepApp.RingOf(app.Keys.Newest!);
        await app.RestartAsync();
        await app.As("v").StoreAsync("l", "one-more-secret-value");
        var problem = await app.As("u").RevealAsync(id).ShouldBeProblemAsync(503, "vault_locked");
        problem.Text("detail").ShouldContain(old.Fingerprint);
    }

    [Fact]
    public async Task First_values_of_one_user_stored_at_once_make_one_data_key()
    {
        await using var app = await StartAsync();
        await Task.WhenAll(Enumerable.Range(0, 20).Select(i => app.As("crowd").StoreAsync($"k{i}", $"a-secret-value-{i}")));
        (await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.data_keys")).ShouldBe(1);
    }

    [Fact]
    public async Task A_data_key_that_has_sealed_2_to_the_32_values_hands_over_to_its_next_version()
    {
        await using var app = await StartAsync();
        var before = (await app.As("u").StoreAsync("k", "a-secret-value")).Id();
        await ExecuteAsync(app, "UPDATE lockstep.data_keys SET uses = 4294967296");
        // The cached key still has sealings that were counted.
        await app.As("u").StoreAsync("l", "another-secret-value");
        (await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.data_keys")).ShouldBe(1);
        await app.RestartAsync();
        var next = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => app.As("u").StoreAsync($"n{i}", $"a-newer-secret-{i}")));
        (await app.ScalarAsync<string>("SELECT string_agg(version || state, ',' ORDER BY version) FROM lockstep.data_keys"))
            .ShouldBe("1retired,2active");
        (await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.credentials WHERE key_version = 2")).ShouldBe(8);
        (await app.As("u").ValueAsync(before)).ShouldBe("a-secret-value");
        (await app.As("u").ValueAsync(next[3].Id())).ShouldBe("a-newer-secret-3");
        await app.As("u").RotateAsync(before, "a-rotated-secret").ShouldBeAsync(HttpStatusCode.OK);
        (await app.As("u").ValueAsync(before)).ShouldBe("a-rotated-secret");
    }

    [Fact]
    public async Task Reveals_beyond_the_limit_wait()
    {
        await using var app = await StartAsync(revealLimit: 2);
        var client = app.As("eager");
        var id = (await client.StoreAsync("k", "a-secret-value")).Id();
        await client.ValueAsync(id);
        await client.ValueAsync(id);
        using (var answer = await client.RevealAsync(id))
            answer.Headers.RetryAfter!.Delta!.Value.ShouldBeInRange(TimeSpan.FromMinutes(50), TimeSpan.FromHours(1));
        await client.RevealAsync(id).ShouldBeProblemAsync(429, "reveal_limit");
        var other = (await app.As("other").StoreAsync("k", "a-secret-value")).Id();
        await app.As("other").ValueAsync(other);
    }

    [Fact]
    public async Task A_reveal_whose_audit_line_cannot_be_written_releases_nothing()
    {
        await using var app = await StartAsync();
        var client = app.As("u");
        var id = (await client.StoreAsync("k", "a-secret-value")).Id();
        await using (var connection = await app.ConnectAsync())
        await using (var command = new NpgsqlCommand(
            """
            CREATE FUNCTION public.full_disk() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION USING ERRCODE = ''53100''; END';
            CREATE TRIGGER full_disk BEFORE INSERT ON lockstep.activity_log FOR EACH ROW EXECUTE FUNCTION public.full_disk()
            """,
            connection))
            await command.ExecuteNonQueryAsync();
        using var answer = await client.RevealAsync(id);
        ((int)answer.StatusCode).ShouldBeInRange(500, 599);
        (await answer.Content.ReadAsStringAsync()).ShouldNotContain("a-secret-value");
        using var stored = await client.PostAsync("/v1/credentials", new { name = "n", provider = "p", type = "SECRET", value = "v" });
        ((int)stored.StatusCode).ShouldBeInRange(500, 599);
        (await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.credentials")).ShouldBe(1);
    }

    private static async Task ExecuteAsync(LockstepApp app, string sql)
    {
        await using var connection = await app.ConnectAsync();
#pragma warning disable CA2100 // Written in this class.
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        await command.ExecuteNonQueryAsync();
    }

    private async Task<LockstepApp> StartAsync(int revealLimit = 1_000_000)
    {
        var app = new LockstepApp(postgres) { RevealLimit = revealLimit };
        await app.InitializeAsync();
        return app;
    }
}
