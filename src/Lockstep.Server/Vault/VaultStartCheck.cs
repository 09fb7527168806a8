using Lockstep.Crypto;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Vault.Keys;
using Microsoft.Extensions.Logging;

namespace Lockstep.Server.Vault;

/// <summary>Refuses to start with keys that are not the ones this database was sealed with, before anything is sealed with them too.</summary>
internal sealed class VaultStartCheck(Database database, VaultOptions options, KeyProviders providers, ILogger<VaultStartCheck> log)
{
    /// <summary>How many are tried before the key is blamed, and not the row.</summary>
    private const int Newest = 5;

    /// <summary>Passes without any key (the vault is locked then), on a database that holds no data key yet, and while the key provider is
    /// away: it is checked before its first use.</summary>
    /// <exception cref="StartRefusedException">Names the key that was expected and those that came, or why the provider is not fit.</exception>
    public async Task Require(CancellationToken ct)
    {
        if (providers.Locked)
            return;
        if (options.Providers.Transit is { Address: { Scheme: "http", IsLoopback: false } })
            log.TransitInClear();
        if (await providers.CheckAtStart(ct) is { Kind: KeyTroubleKind.Refused } unfit)
            throw new StartRefusedException($"Refusing to start: {unfit.Reason} Nothing was read or changed.");
        var keys = await database.For(Caller.Service).Query(
            new Statement("SELECT k.id, k.user_id, k.workspace_id, k.version, k.provider, k.key_version, k.wrapped_key FROM lockstep.newest_data_keys($1) k", Newest),
            RenewalRows.ReadKey,
            ct);
        if (keys.Count == 0 || await Opens(keys[0], ct))
            return;
        // Its key is here, and it does not open: either that row was changed, or Transit's key is another one of the same name.
        log.NewestKeyDamaged(keys[0].Name.Id);
        if (keys[0].Wrapped.Provider == LocalKeyWrapper.Provider)
            return;
        foreach (var older in keys.Skip(1).Where(key => key.Wrapped.Provider == keys[0].Wrapped.Provider))
        {
            if (await Opens(older, ct))
                return;
        }
        throw new StartRefusedException(
            $"Refusing to start: the {keys[0].Wrapped.Provider} key {keys[0].Wrapped.KeyVersion} does not open what this database says it sealed. It is another key of the same name, or another server. "
            + "Check address, namespace and mount of Transit, or the token of the hardware module. Nothing was read or changed.");
    }

    /// <returns>False when it does not open although its key is here; true also while the provider is away.</returns>
    private async Task<bool> Opens(WrappedDataKey key, CancellationToken ct)
    {
        switch (await providers.Unwrap(key.Name, key.Wrapped, ct))
        {
            case UnwrapOutcome.Unwrapped(var opened):
                opened.Dispose();
                return true;
            case UnwrapOutcome.Unavailable { Trouble: { Kind: KeyTroubleKind.Refused } refused }:
                throw new StartRefusedException(
                    $"Refusing to start: the newest data key of this database is wrapped by {key.Wrapped.Provider} key {key.Wrapped.KeyVersion}, and it cannot be opened. {refused.Reason} Nothing was read or changed.");
            case UnwrapOutcome.UnknownKey when key.Wrapped.Provider == LocalKeyWrapper.Provider:
                throw new StartRefusedException(
                    $"Refusing to start with a wrong master key: this database was sealed with key {key.Wrapped.KeyVersion}, and {options.Providers.KeysFrom} holds {(options.Keys is { Newest: not null } ring ? ring : "none")}. "
                    + "Give the key with the first fingerprint, beside a newer one if you have one. Nothing was read or changed.");
            case UnwrapOutcome.UnknownKey:
                throw new StartRefusedException(
                    $"Refusing to start: this database was sealed with {key.Wrapped.Provider} key {key.Wrapped.KeyVersion}, which the settings do not name. "
                    + (key.Wrapped.Provider == Crypto.Transit.TransitKeyWrapper.Provider
                        ? "Set LOCKSTEP_TRANSIT_ADDR and its login, with that key in LOCKSTEP_TRANSIT_KEY (beside a newer one if you have one). "
                        : "Give the settings of that key provider. ")
                    + "Nothing was read or changed.");
            case UnwrapOutcome.Damaged:
                return false;
            default:
                return true;
        }
    }
}
