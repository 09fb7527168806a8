using System.Net;
using Lockstep.Crypto;
using Lockstep.Tests.Support;
using Npgsql;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Vault.Keys;

/// <summary>Transit wraps the data keys: what is stored, and each line of the fallback matrix.</summary>
public sealed class TransitVaultTests(PostgresServer postgres)
{
    [Fact]
    public async Task Data_keys_are_wrapped_by_one_Transit_key_and_no_value_goes_there()
    {
        await using var both = await TransitApp.StartAsync(postgres, noRing: true);
        var id = (await both.App.As("a").StoreAsync("k", "a-marker-secret-value")).Id();
        await both.App.As("b").StoreAsync("k", "another-secret-value");
        (await both.DataKeysAsync()).ShouldBe("transit2");
        (await both.App.ScalarAsync<string>("SELECT string_agg(DISTINCT key_version, ',') FROM lockstep.data_keys")).ShouldBe("lockstep:1");
        (await both.App.ScalarAsync<bool>("SELECT bool_and(wrapped_key LIKE 'vault:v1:%') FROM lockstep.data_keys")).ShouldBeTrue();
        both.Transit.Keys.Keys.ShouldBe(["lockstep"]);
        await both.App.RestartAsync();
        (await both.App.As("a").ValueAsync(id)).ShouldBe("a-marker-secret-value");
        var marker = Convert.ToBase64String("a-marker-secret-value"u8);
        both.Transit.Requests.ShouldAllBe(request => !request.Body.Contains(marker, StringComparison.Ordinal) && !request.Body.Contains("a-marker", StringComparison.Ordinal));
        (await both.KeysOfHealthAsync()).ShouldBe("ok");
    }

    [Fact]
    public async Task While_Transit_is_sealed_cached_keys_go_on_new_ones_are_wrapped_locally_and_handed_over_afterwards()
    {
        await using var both = await TransitApp.StartAsync(postgres);
        var cached = (await both.App.As("cached").StoreAsync("k", "a-cached-secret")).Id();
        both.Transit.Sealed = true;
        (await both.App.As("cached").ValueAsync(cached)).ShouldBe("a-cached-secret");
        await both.App.As("cached").RotateAsync(cached, "a-rotated-secret").ShouldBeAsync(HttpStatusCode.OK);
        var meanwhile = (await both.App.As("new").StoreAsync("k", "a-secret-of-the-outage")).Id();
        (await both.DataKeysAsync()).ShouldBe("local*1 transit1");
        (await both.App.As("new").ValueAsync(meanwhile)).ShouldBe("a-secret-of-the-outage");
        await both.HealthSaysAsync("the local key stands in; 1 keys and values wait");

        both.Transit.Sealed = false;
        await both.DrainedAsync();
        (await both.DataKeysAsync()).ShouldBe("transit2");
        both.App.Keys = null; // Nothing needs the local key any more.
        await both.App.RestartAsync();
        (await both.App.As("new").ValueAsync(meanwhile)).ShouldBe("a-secret-of-the-outage");
        (await both.App.As("cached").ValueAsync(cached)).ShouldBe("a-rotated-secret");
    }

    [Fact]
    public async Task A_key_that_cannot_be_opened_now_hands_over_to_a_next_version_for_new_values()
    {
        await using var both = await TransitApp.StartAsync(postgres);
        var old = (await both.App.As("u").StoreAsync("old", "an-old-secret")).Id();
        await both.Transit.StopAsync();
        await both.App.RestartAsync(); // Starts degraded, with nothing cached.
        var client = both.App.As("u");
        var fresh = await Task.WhenAll(Enumerable.Range(0, 10).Select(i => client.StoreAsync($"new{i}", $"a-new-secret-{i}")));
        using (var answer = await client.RevealAsync(old))
            answer.Headers.RetryAfter!.Delta!.Value.ShouldBeGreaterThan(TimeSpan.Zero);
        var problem = await client.RevealAsync(old).ShouldBeProblemAsync(503, "key_provider_unavailable");
        problem.ToJsonString().ShouldNotContain("an-old-secret");
        (await client.ValueAsync(fresh[4].Id())).ShouldBe("a-new-secret-4");
        (await both.DataKeysAsync()).ShouldBe("local*1 transit1");

        await both.Transit.StartAsync();
        await both.DrainedAsync();
        (await both.DataKeysAsync()).ShouldBe("transit2");
        (await client.ValueAsync(old)).ShouldBe("an-old-secret");
        (await client.ValueAsync(fresh[7].Id())).ShouldBe("a-new-secret-7");
    }

    [Fact]
    public async Task With_fallback_none_a_write_waits_for_Transit_and_nothing_is_stored()
    {
        await using var both = await TransitApp.StartAsync(postgres, options => options with { StandIn = false });
        both.Transit.Sealed = true;
        await both.App.As("u").PostAsync("/v1/credentials", new { name = "n", provider = "p", type = "SECRET", value = "v" })
            .ShouldBeProblemAsync(503, "key_provider_unavailable");
        (await both.App.ScalarAsync<long>("SELECT (SELECT count(*) FROM lockstep.credentials) + (SELECT count(*) FROM lockstep.data_keys)")).ShouldBe(0);
        await both.HealthSaysAsync("nothing new is sealed");
        both.Transit.Sealed = false;
        await TransitApp.UntilAsync(async () =>
        {
            using var answer = await both.App.As("u").PostAsync("/v1/credentials", new { name = "n", provider = "p", type = "SECRET", value = "v" });
            return answer.StatusCode == HttpStatusCode.Created;
        });
        (await both.DataKeysAsync()).ShouldBe("transit1");
    }

    [Fact]
    public async Task Without_a_local_key_a_write_waits_and_is_never_stored_open()
    {
        await using var both = await TransitApp.StartAsync(postgres, noRing: true);
        both.Transit.Sealed = true;
        await both.App.As("u").PostAsync("/v1/credentials", new { name = "n", provider = "p", type = "SECRET", value = "v" })
            .ShouldBeProblemAsync(503, "key_provider_unavailable");
        (await both.App.ScalarAsync<long>("SELECT count(*) FROM lockstep.credentials")).ShouldBe(0);
    }

    [Fact]
    public async Task Beyond_the_budget_the_stand_in_stops_and_is_whole_again_afterwards()
    {
        await using var both = await TransitApp.StartAsync(postgres, options => options with { StandInWrites = 3 });
        both.Transit.Sealed = true;
        await both.HealthSaysAsync("stands in");
        var client = both.App.As("u");
        for (var i = 0; i < 3; i++) // The key, and two values under it: the first came with the key.
            await client.StoreAsync($"k{i}", "a-secret-value");
        await client.PostAsync("/v1/credentials", new { name = "k3", provider = "p", type = "SECRET", value = "v" })
            .ShouldBeProblemAsync(503, "key_provider_unavailable");
        both.Transit.Sealed = false;
        await both.DrainedAsync();
        await client.StoreAsync("k3", "a-secret-value");
        both.Transit.Sealed = true;
        await both.HealthSaysAsync("stands in");
        await both.App.As("v").StoreAsync("k", "a-secret-value");
    }

    [Fact]
    public async Task A_403_is_no_outage_nobody_stands_in()
    {
        await using var both = await TransitApp.StartAsync(postgres);
        both.Transit.Denied.Add("transit/encrypt");
        await both.App.As("u").PostAsync("/v1/credentials", new { name = "n", provider = "p", type = "SECRET", value = "v" })
            .ShouldBeProblemAsync(503, "key_provider_unavailable");
        (await both.DataKeysAsync()).ShouldBe("");
        both.Transit.Tokens.Logins.ShouldBe(2);
    }

    [Fact]
    public async Task A_changed_wrapped_key_is_an_integrity_failure_and_no_other_provider_is_tried()
    {
        await using var both = await TransitApp.StartAsync(postgres);
        var client = both.App.As("u");
        var id = (await client.StoreAsync("k", "a-secret-value")).Id();
        await both.App.As("v").StoreAsync("k", "another-secret-value");
        await both.App.RestartAsync();
        client = both.App.As("u");
        await ExecuteAsync(both.App, "UPDATE lockstep.data_keys k SET wrapped_key = o.wrapped_key FROM lockstep.data_keys o WHERE o.id <> k.id");
        await client.RevealAsync(id).ShouldBeProblemAsync(422, "integrity_failure");
        await ExecuteAsync(both.App, "UPDATE lockstep.data_keys SET wrapped_key = replace(wrapped_key, 'vault:v1:', 'vault:v01:')");
        await client.RevealAsync(id).ShouldBeProblemAsync(422, "integrity_failure");
        // A text of the local ring in its place is not opened by the local ring: the column says transit.
        using var key = DataKey.Generate(new DataKeyName("user:" + both.App.UserId("u"), Guid.CreateVersion7(), 1));
        await ExecuteAsync(both.App, "UPDATE lockstep.data_keys SET wrapped_key = $1", new LocalKeyWrapper(both.App.Keys!).Wrap(key)!.Text);
        await client.RevealAsync(id).ShouldBeProblemAsync(422, "integrity_failure");
        (await both.KeysOfHealthAsync()).ShouldBe("ok");
    }

    [Fact]
    public async Task A_renewed_wrapping_never_overwrites_a_newer_one()
    {
        await using var both = await TransitApp.StartAsync(postgres);
        await both.App.As("u").StoreAsync("k", "a-secret-value");
        var id = await both.App.ScalarAsync<Guid>("SELECT id FROM lockstep.data_keys");
        var read = await both.App.ScalarAsync<string>("SELECT wrapped_key FROM lockstep.data_keys");
        await using var connection = await both.App.ConnectAsync("lockstep_service");
        (await ReplaceAsync("vault:v1:newer")).ShouldBe(1);
        (await ReplaceAsync("vault:v1:late")).ShouldBe(0);
        (await both.App.ScalarAsync<string>("SELECT wrapped_key FROM lockstep.data_keys")).ShouldBe("vault:v1:newer");

        async Task<long> ReplaceAsync(string wrapped)
        {
            await using var command = new NpgsqlCommand(
                "SELECT count(*) FROM lockstep.replace_wrappings(ARRAY[$1], ARRAY[$2], ARRAY['transit'], ARRAY['lockstep:1'], ARRAY[$3]) r", connection)
            {
                Parameters = { new() { Value = id }, new() { Value = read }, new() { Value = wrapped } },
            };
            return (long)(await command.ExecuteScalarAsync())!;
        }
    }

    private static async Task ExecuteAsync(LockstepApp app, string sql, params object[] values)
    {
        await using var connection = await app.ConnectAsync();
#pragma warning disable CA2100 // Written in this class.
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        foreach (var value in values)
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        await command.ExecuteNonQueryAsync();
    }
}
