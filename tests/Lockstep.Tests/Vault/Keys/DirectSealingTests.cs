using System.Net;
using Lockstep.Server.Vault.Keys;
using Lockstep.Server.Vault.Webhooks;
using Lockstep.Tests.Support;
using Lockstep.Tests.Vault.Webhooks;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Vault.Keys;

/// <summary>LOCKSTEP_SEALING=direct: Transit seals each value.</summary>
public sealed class DirectSealingTests(PostgresServer postgres)
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_secret_that_looks_like_a_ciphertext_comes_back_as_it_is(bool direct)
    {
        await using var both = await StartAsync(direct);
        var client = both.App.As("u");
        foreach (var value in new[] { "vault:v1:AAAA", "AAAAAAAAAAAAAAAA:AAAAAAAAAAAAAAAAAAAAAA==:AAAA", "🔑 é\r\n" })
        {
            var id = (await client.StoreAsync(value.Length.ToString(System.Globalization.CultureInfo.InvariantCulture), value)).Id();
            (await client.ValueAsync(id)).ShouldBe(value);
        }
        (await both.ValuesAsync()).ShouldBe(direct ? "transit3" : "data_key3");
    }

    [Fact]
    public async Task Values_are_Transits_with_everything_else_as_ever()
    {
        await using var both = await StartAsync();
        var client = both.App.As("u");
        var made = await client.StoreAsync("k", "sk_live_0123456789abcdef");
        var id = made.Id();
        made.Text("maskedValue").ShouldBe("sk_live_********cdef");
        (await both.App.ScalarAsync<string>(
            "SELECT split_part(encrypted_value, ':', 1) || ':' || split_part(encrypted_value, ':', 2) || ' ' || key_id || ' ' || key_version || ' ' || format || ' ' || coalesce(data_key_id::text, '-') FROM lockstep.credentials"))
            .ShouldBe("vault:v1 lockstep 1 lockstep/transit-value/v1 -");
        (await both.App.ScalarAsync<long>("SELECT count(*) FROM lockstep.data_keys")).ShouldBe(0);
        await client.RotateAsync(id, "the-next-value-of-it").ShouldBeAsync(HttpStatusCode.OK);
        (await client.ValueAsync(id)).ShouldBe("the-next-value-of-it");
        await client.PostAsync($"/v1/credentials/{id}/rollback", new { version = 1 }).ShouldBeAsync(HttpStatusCode.OK);
        (await client.ValueAsync(id)).ShouldBe("sk_live_0123456789abcdef");
    }

    [Fact]
    public async Task Changed_moved_and_respelled_values_do_not_open()
    {
        await using var both = await StartAsync();
        var client = both.App.As("u");
        var (one, two) = ((await client.StoreAsync("one", "the-first-secret")).Id(), (await client.StoreAsync("two", "the-second-secret")).Id());
        foreach (var change in new[]
        {
            "encrypted_value = (SELECT encrypted_value FROM lockstep.credentials o WHERE o.name = 'two')",
            "encrypted_value = replace(encrypted_value, 'vault:v1:', 'vault:v0:')",
            "key_version = 2",
            "version = version + 1",
            "encrypted_value = 'the plaintext itself'",
            "key_id = 'another'",
        })
        {
            await ExecuteAsync(both.App, $"UPDATE lockstep.credentials SET {change} WHERE name = 'one'");
            using var answer = await client.RevealAsync(one);
            ((int)answer.StatusCode).ShouldBe(change.StartsWith("key_id", StringComparison.Ordinal) ? 503 : 422, change);
            (await answer.Content.ReadAsStringAsync()).ShouldNotContain("-secret");
        }
        (await client.ValueAsync(two)).ShouldBe("the-second-secret");
    }

    [Fact]
    public async Task While_Transit_is_away_a_data_key_seals_and_Transit_gets_the_value_afterwards()
    {
        await using var both = await StartAsync();
        var client = both.App.As("u");
        var before = (await client.StoreAsync("before", "sealed-by-transit")).Id();
        await both.Transit.StopAsync();
        var meanwhile = await client.StoreAsync("meanwhile", "sealed-in-its-stead");
        var rotated = (await client.StoreAsync("rotated", "first-value-in-its-stead")).Id();
        await client.RotateAsync(rotated, "next-value-in-its-stead").ShouldBeAsync(HttpStatusCode.OK);
        (await both.ValuesAsync()).ShouldBe("data_key*2 transit1");
        (await client.ValueAsync(meanwhile.Id())).ShouldBe("sealed-in-its-stead");
        await client.RevealAsync(before).ShouldBeProblemAsync(503, "key_provider_unavailable");
        var updated = await client.GetAsync($"/v1/credentials/{meanwhile.Id()}").ShouldBeAsync(HttpStatusCode.OK);

        await both.Transit.StartAsync();
        await both.DrainedAsync();
        (await both.ValuesAsync()).ShouldBe("transit3");
        (await client.ValueAsync(meanwhile.Id())).ShouldBe("sealed-in-its-stead");
        (await client.ValueAsync(rotated)).ShouldBe("next-value-in-its-stead");
        (await client.ValueAsync(before)).ShouldBe("sealed-by-transit");
        // Being sealed anew is no change of the credential.
        (await client.GetAsync($"/v1/credentials/{meanwhile.Id()}").ShouldBeAsync(HttpStatusCode.OK)).Text("updatedAt").ShouldBe(updated.Text("updatedAt"));
        await client.PostAsync($"/v1/credentials/{rotated}/rollback", new { version = 1 }).ShouldBeAsync(HttpStatusCode.OK);
        (await client.ValueAsync(rotated)).ShouldBe("first-value-in-its-stead");
    }

    [Fact]
    public async Task After_a_rotation_in_Transit_every_value_is_renewed_former_ones_too_and_no_plaintext_moves()
    {
        await using var both = await StartAsync();
        var client = both.App.As("u");
        var ids = new List<Guid>();
        for (var i = 0; i < 60; i++)
            ids.Add((await client.StoreAsync($"k{i}", $"a-secret-value-{i}")).Id());
        await client.RotateAsync(ids[5], "another-secret-value").ShouldBeAsync(HttpStatusCode.OK);
        var key = both.Transit.Keys["lockstep"];
        key.Rotate();
        await both.App.RestartAsync();
        await ExecuteAsync(both.App, "UPDATE lockstep.credentials SET encrypted_value = encrypted_value || 'A' WHERE name = 'k7'");
        var sent = both.Transit.Requests.Count;
        var (renewed, left) = await both.App.Services.GetRequiredService<Renewal>().RenewDirect(_ => { }, CancellationToken.None);
        (renewed, left).ShouldBe((60, 1)); // 60 present ones and a former one, without the one that was changed.
        both.Transit.Requests.Skip(sent).ShouldAllBe(request => !request.Carries("plaintext") || !request.Path.Contains("rewrap"));
        both.Transit.Requests.Where(request => request.Path.Contains("/rewrap/")).ShouldAllBe(request => !request.Carries("plaintext"));
        key.MinDecryption = 2;
        (await both.App.As("u").ValueAsync(ids[40])).ShouldBe("a-secret-value-40");
        await both.App.As("u").PostAsync($"/v1/credentials/{ids[5]}/rollback", new { version = 1 }).ShouldBeAsync(HttpStatusCode.OK);
        (await both.App.As("u").ValueAsync(ids[5])).ShouldBe("a-secret-value-5");
    }

    [Fact]
    public async Task After_a_rotation_in_Transit_the_keys_of_webhooks_are_renewed_too_and_deliveries_are_signed_with_them()
    {
        await using var both = await StartAsync();
        await using var receiver = await FakeWebhookReceiver.StartAsync();
        both.App.Allow(receiver.Url);
        var made = await both.App.As("u").PostAsync("/v1/webhooks", new { url = receiver.Url, events = WebhookEvents.All }).ShouldBeAsync(HttpStatusCode.Created);
        (await WebhookKeysAsync(both.App)).ShouldBe("transit 1 false");
        var key = both.Transit.Keys["lockstep"];
        key.Rotate();
        await both.App.RestartAsync();
        var rotation = both.App.Services.GetRequiredService<KeyRotation>();
        (await rotation.InUse(CancellationToken.None)).Single().ShouldSatisfyAllConditions(
            use => use.Key.ShouldBe("lockstep:1"), use => use.Values.ShouldBe(1), use => use.Tenants.ShouldBe(1));
        var sent = both.Transit.Requests.Count;

        (await both.App.Services.GetRequiredService<Renewal>().RenewDirect(_ => { }, CancellationToken.None)).ShouldBe((1, 0));

        both.Transit.Requests.Skip(sent).ShouldAllBe(request => !request.Carries("plaintext"));
        (await WebhookKeysAsync(both.App)).ShouldBe("transit 2 false");
        (await rotation.InUse(CancellationToken.None)).Single().Key.ShouldBe("lockstep:2");
        key.MinDecryption = 2;
        await both.App.As("u").StoreAsync("k", "a-secret-value");
        (await receiver.TakenAsync(both.App, 1)).Single().SignedBy(made.Text("secret")).ShouldBeTrue();
    }

    [Fact]
    public async Task The_key_of_a_webhook_made_while_Transit_is_away_is_handed_over_afterwards()
    {
        await using var both = await StartAsync();
        await using var receiver = await FakeWebhookReceiver.StartAsync();
        both.App.Allow(receiver.Url);
        await both.Transit.StopAsync();
        var made = await both.App.As("u").PostAsync("/v1/webhooks", new { url = receiver.Url, events = WebhookEvents.All }).ShouldBeAsync(HttpStatusCode.Created);
        var secret = (await both.App.As("u").PostAsync($"/v1/webhooks/{made["webhook"]!.Id()}/rotate-secret", new { }).ShouldBeAsync(HttpStatusCode.OK)).Text("secret");
        (await WebhookKeysAsync(both.App)).ShouldBe("data_key 1 true, data_key 1 true");

        await both.Transit.StartAsync();
        await both.DrainedAsync();

        (await WebhookKeysAsync(both.App)).ShouldBe("transit 1 false, transit 1 false");
        await both.App.As("u").StoreAsync("k", "a-secret-value");
        var told = (await receiver.TakenAsync(both.App, 1)).Single();
        told.SignedBy(secret).ShouldBeTrue();
        told.SignedBy(made.Text("secret")).ShouldBeTrue();
    }

    private static Task<string> WebhookKeysAsync(LockstepApp app) => app.ScalarAsync<string>(
        "SELECT string_agg(key_provider || ' ' || key_version || ' ' || pending_rewrap::text, ', ' ORDER BY version) FROM lockstep.webhook_secrets");

    private static async Task ExecuteAsync(LockstepApp app, string sql)
    {
        await using var connection = await app.ConnectAsync();
#pragma warning disable CA2100 // Written in this class.
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        await command.ExecuteNonQueryAsync();
    }

    private Task<TransitApp> StartAsync(bool direct = true) => TransitApp.StartAsync(postgres, options => options with { Direct = direct });
}
