using Lockstep.Crypto;
using Lockstep.Server;
using Lockstep.Server.Vault.Keys;
using Lockstep.Tests.Support;
using Lockstep.Tests.Support.Transit;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Vault.Keys;

/// <summary>With which key providers the server starts, starts degraded, or does not start.</summary>
public sealed class TransitStartTests(PostgresServer postgres)
{
    [Fact]
    public async Task A_key_that_is_not_derived_not_there_or_denied_refuses_the_start()
    {
        await using var transit = await FakeTransitServer.StartNewAsync();
        transit.AddKey("plain", derived: false);
        transit.AddKey("signing", type: "ed25519");
        transit.AddKey("denied");
        transit.Denied.Add("transit/encrypt/denied");
        foreach (var (key, says) in new[] { ("plain", "derived=true"), ("signing", "not of a type that encrypts"), ("missing", "no key 'missing'"), ("denied", "403") })
        {
            await using var app = new LockstepApp(postgres) { KeyProviders = TransitApp.Options(transit, key) };
            (await Should.ThrowAsync<StartRefusedException>(async () => await app.InitializeAsync())).Message.ShouldContain(says);
        }
        transit.Tokens.SecretId = "another";
        await using var wrong = new LockstepApp(postgres) { KeyProviders = TransitApp.Options(transit, "denied") };
        (await Should.ThrowAsync<StartRefusedException>(async () => await wrong.InitializeAsync())).Message.ShouldContain("auth/approle/login");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Sealed_or_unreachable_it_starts_degraded_and_checks_before_the_first_use(bool reachable)
    {
        await using var transit = await FakeTransitServer.StartNewAsync();
        transit.AddKey("lockstep", derived: false);
        transit.Sealed = true;
        if (!reachable)
            await transit.StopAsync();
        await using var app = new LockstepApp(postgres) { KeyProviders = TransitApp.Options(transit) with { StandIn = false } };
        await app.InitializeAsync();
        await app.As("u").PostAsync("/v1/credentials", new { name = "n", provider = "p", type = "SECRET", value = "v" })
            .ShouldBeProblemAsync(503, "key_provider_unavailable");

        // What comes back is not fit: nothing is ever sent to it.
        transit.Sealed = false;
        if (!reachable)
            await transit.StartAsync();
        await TransitApp.UntilAsync(async () => (await app.Anonymous().GetStringAsync("/health")).Contains("refuses", StringComparison.Ordinal));
        await app.As("u").PostAsync("/v1/credentials", new { name = "n", provider = "p", type = "SECRET", value = "v" })
            .ShouldBeProblemAsync(503, "key_provider_unavailable");
        transit.Count("encrypt").ShouldBe(0);
        transit.AddKey("lockstep");
        await TransitApp.UntilAsync(async () => !(await app.Anonymous().GetStringAsync("/health")).Contains("refuses", StringComparison.Ordinal));
        await app.As("u").StoreAsync("n", "v-of-some-length");
    }

    [Fact]
    public async Task Another_key_of_the_same_name_refuses_the_start()
    {
        await using var both = await TransitApp.StartAsync(postgres);
        await both.App.As("a").StoreAsync("k", "a-secret-value");
        await both.App.As("b").StoreAsync("k", "a-secret-value");
        both.Transit.AddKey("lockstep");
        var refused = await Should.ThrowAsync<StartRefusedException>(both.App.RestartAsync);
        refused.Message.ShouldContain("another key of the same name");
    }

    [Fact]
    public async Task A_Transit_that_lost_its_newest_version_refuses_the_start()
    {
        await using var both = await TransitApp.StartAsync(postgres);
        both.Transit.Keys["lockstep"].Rotate();
        await both.App.As("a").StoreAsync("k", "a-secret-value");
        both.Transit.AddKey("lockstep");
        (await Should.ThrowAsync<StartRefusedException>(both.App.RestartAsync)).Message.ShouldContain("version is too new");
    }

    [Fact]
    public async Task Without_the_Transit_that_sealed_the_newest_key_it_does_not_start_on_the_local_one()
    {
        await using var both = await TransitApp.StartAsync(postgres);
        await both.App.As("a").StoreAsync("k", "a-secret-value");
        both.App.KeyProviders = new KeyProviderOptions();
        (await Should.ThrowAsync<StartRefusedException>(both.App.RestartAsync)).Message.ShouldContain("LOCKSTEP_TRANSIT_ADDR");
        both.App.KeyProviders = TransitApp.Options(both.Transit, "newer");
        both.Transit.AddKey("newer");
        (await Should.ThrowAsync<StartRefusedException>(both.App.RestartAsync)).Message.ShouldContain("lockstep:1");
        both.App.KeyProviders = TransitApp.Options(both.Transit, "newer", "lockstep");
        await both.App.RestartAsync();
    }

    [Fact]
    public async Task A_wrong_local_key_is_told_with_the_place_that_it_came_from()
    {
        await using var app = new LockstepApp(postgres);
        await app.InitializeAsync();
        await app.As("u").StoreAsync("k", "a-secret-value");
        app.Keys = LockstepApp.RingOf(MasterKey.Generate("other"));
        app.KeyProviders = new KeyProviderOptions { KeysFrom = "/data/master-keys" };
        var refused = await Should.ThrowAsync<StartRefusedException>(app.RestartAsync);
        refused.Message.ShouldContain("/data/master-keys holds other");
        refused.Message.ShouldNotContain("LOCKSTEP_MASTER_KEYS");
    }

    [Fact]
    public async Task One_damaged_newest_row_does_not_keep_the_server_down()
    {
        await using var both = await TransitApp.StartAsync(postgres);
        await both.App.As("a").StoreAsync("k", "a-secret-value");
        await both.App.As("b").StoreAsync("k", "a-secret-value");
        await using (var connection = await both.App.ConnectAsync())
        await using (var command = new Npgsql.NpgsqlCommand(
            "UPDATE lockstep.data_keys SET wrapped_key = 'vault:v1:' || repeat('A', 80) WHERE id = (SELECT id FROM lockstep.newest_data_keys(1))", connection))
            await command.ExecuteNonQueryAsync();
        await both.App.RestartAsync();
        await both.App.As("c").StoreAsync("k", "a-secret-value");
    }
}
