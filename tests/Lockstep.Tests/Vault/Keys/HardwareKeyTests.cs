using Lockstep.Server;
using Lockstep.Server.Vault.Keys;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Vault.Keys;

/// <summary>A hardware module (SoftHSM 2) wraps the data keys of a whole server.</summary>
public sealed class HardwareKeyTests(PostgresServer postgres, SoftHsm hsm)
{
    [Fact]
    public async Task Credentials_are_sealed_under_keys_that_the_module_wrapped()
    {
        await using var app = new LockstepApp(postgres) { Keys = null, KeyProviders = new KeyProviderOptions { Pkcs11 = hsm.Options("k1") } };
        await app.InitializeAsync();
        var id = (await app.As("u").StoreAsync("k", "a-secret-value")).Id();
        (await app.ScalarAsync<string>("SELECT provider || ' ' || key_version FROM lockstep.data_keys")).ShouldBe("pkcs11 k1");
        await app.RestartAsync();
        (await app.As("u").ValueAsync(id)).ShouldBe("a-secret-value");
        app.KeyProviders = new KeyProviderOptions { Pkcs11 = hsm.Options("k2", "k1") };
        await app.RestartAsync();
        (await app.As("u").ValueAsync(id)).ShouldBe("a-secret-value");
        await app.As("v").StoreAsync("k", "a-secret-value");
        (await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.data_keys WHERE key_version = 'k2'")).ShouldBe(1);
    }

    [Fact]
    public async Task Without_its_token_or_key_the_server_does_not_start()
    {
        await using var app = new LockstepApp(postgres) { Keys = null, KeyProviders = new KeyProviderOptions { Pkcs11 = hsm.Options("k1") } };
        await app.InitializeAsync();
        await app.As("u").StoreAsync("k", "a-secret-value");
        app.KeyProviders = new KeyProviderOptions { Pkcs11 = hsm.With(token: "missing") };
        (await Should.ThrowAsync<StartRefusedException>(app.RestartAsync)).Message.ShouldContain("'missing'");
        app.KeyProviders = new KeyProviderOptions { Pkcs11 = hsm.Options("k2") };
        (await Should.ThrowAsync<StartRefusedException>(app.RestartAsync)).Message.ShouldContain("pkcs11 key k1");
    }
}
