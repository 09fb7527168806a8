using Lockstep.Crypto;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;

namespace Lockstep.Server.Vault;

/// <summary>Refuses to start with keys that are not the ones this database was sealed with, before anything is sealed with them too.</summary>
internal sealed class VaultStartCheck(Database database, VaultOptions options)
{
    /// <summary>Passes without any key (the vault is locked then), and on a database that holds no data key yet.</summary>
    /// <exception cref="StartRefusedException">Names the fingerprint that was expected and those that came.</exception>
    public async Task Require(CancellationToken ct)
    {
        if (options.Keys is not { Newest: not null } ring)
            return;
        var expected = await database.For(Caller.Service).First(
            new Statement("SELECT k.provider, k.key_version FROM lockstep.newest_data_key() k"),
            row => new Wrapping(row.GetString(0), row.GetString(1)),
            ct);
        if (expected is not null && expected.Provider == LocalKeyWrapper.Provider && ring.Find(expected.KeyVersion) is null)
            throw new StartRefusedException(
                $"Refusing to start with a wrong master key: this database was sealed with key {expected.KeyVersion}, and LOCKSTEP_MASTER_KEYS holds {ring}. "
                + "Give the key with the first fingerprint, beside a newer one if you have one. Nothing was read or changed.");
    }

    private sealed record Wrapping(string Provider, string KeyVersion);
}
