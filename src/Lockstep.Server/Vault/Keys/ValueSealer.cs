using Lockstep.Crypto;
using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Microsoft.Extensions.Logging;

namespace Lockstep.Server.Vault.Keys;

/// <summary>Seals a credential's value to its row, and opens it there.</summary>
internal sealed class ValueSealer(DataKeys keys, ILogger<ValueSealer> log)
{
    /// <summary>The field that <see cref="SealContext"/> binds.</summary>
    private const string Field = "value";

    /// <summary>No key at all: nothing can be sealed or opened.</summary>
    public bool Locked => keys.Locked;

    /// <exception cref="ProblemException">503 <c>vault_locked</c>.</exception>
    public void RequireUnlocked() => keys.RequireUnlocked();

    /// <summary>After the database said that a cached key is gone.</summary>
    public void Forget(Tenant owner) => keys.Forget(owner);

    /// <returns>Null when the owner is a workspace that is not the caller's.</returns>
    /// <exception cref="ProblemException">503: <c>vault_locked</c>, or <c>key_provider_unavailable</c>.</exception>
    public async Task<SealedColumns?> Seal(TenantSession session, Tenant owner, CredentialId id, int version, Secret value, CancellationToken ct)
    {
        using var key = await keys.Active(session, owner, ct);
        return key is null ? null : SealedColumns.Of(key.Key.Name, SealedValue.Seal(key.Key, Place(owner, id, version), value));
    }

    /// <returns>Null when the row was changed or moved; that has been logged.</returns>
    /// <exception cref="ProblemException">503: <c>vault_locked</c>, or <c>key_provider_unavailable</c>.</exception>
    public async Task<Secret?> Open(Tenant owner, CredentialId id, int version, SealedRead read, CancellationToken ct)
    {
        if (read is { Provider: SealedColumns.ByDataKey, Format: SealedValue.Format, Key: { } keyRow })
        {
            using var key = await keys.Open(owner, keyRow, ct);
            if (key is not null && SealedValue.Open(key.Key, Place(owner, id, version), read.Text) is { } value)
                return value;
        }
        log.CredentialDamaged(id.Value, version);
        return null;
    }

    private static SealContext Place(Tenant owner, CredentialId id, int version) => new(owner.ToString(), id.Value, Field, version);
}
