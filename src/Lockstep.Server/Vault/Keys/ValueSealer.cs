using Lockstep.Crypto;
using Lockstep.Crypto.Transit;
using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Microsoft.Extensions.Logging;

namespace Lockstep.Server.Vault.Keys;

/// <summary>Seals a credential's value, or what else is kept sealed, to its row, and opens it there: by the tenant's data key, or by Transit itself.</summary>
/// <remarks>How a value is opened is read off the columns, never guessed: a user's secret may itself be <c>vault:v1:AAAA</c>.</remarks>
internal sealed class ValueSealer(DataKeys keys, KeyProviders providers, ILogger<ValueSealer> log)
{
    /// <summary>No key at all: nothing can be sealed or opened.</summary>
    public bool Locked => providers.Locked;

    /// <exception cref="ProblemException">503 <c>vault_locked</c>.</exception>
    public void RequireUnlocked() => providers.RequireUnlocked();

    /// <summary>After the database said that a cached key is gone, or when what it sealed was revoked.</summary>
    public void Forget(Tenant owner) => keys.Forget(owner);

    /// <returns>Null when the owner is a workspace that is not the caller's.</returns>
    /// <exception cref="ProblemException">503: <c>vault_locked</c>, or <c>key_provider_unavailable</c>.</exception>
    public async Task<SealedColumns?> Seal(TenantSession session, Tenant owner, SealedPart part, int version, Secret value, CancellationToken ct)
    {
        var pending = false;
        if (providers is { Options.Direct: true, Values: { } transit })
        {
            switch (await transit.Seal(Place(owner, part, version), value, ct))
            {
                case TransitValueOutcome.Sealed(var made):
                    return new SealedColumns(made.Text, SealedColumns.ByTransit, null, made.Key, made.Version, TransitValues.Format, Pending: false);
                case TransitValueOutcome.Unavailable(var trouble):
                    providers.TakeStandIn(trouble);
                    pending = true;
                    break;
                default:
                    throw new InvalidOperationException("A new value cannot be damaged.");
            }
        }
        using var key = await keys.Active(session, owner, counted: pending, ct);
        return key is null ? null : SealedColumns.Of(key.Key.Name, SealedValue.Seal(key.Key, Place(owner, part, version), value), pending);
    }

    /// <returns>Null when the row was changed or moved; that has been logged.</returns>
    /// <exception cref="ProblemException">503: <c>vault_locked</c>, or <c>key_provider_unavailable</c>.</exception>
    public async Task<Secret?> Open(Tenant owner, SealedPart part, int version, SealedRead read, CancellationToken ct)
    {
        var value = read switch
        {
            { Provider: SealedColumns.ByDataKey, Format: SealedValue.Format, Key: { } key } => await ByDataKey(owner, part, version, read.Text, key, ct),
            { Provider: SealedColumns.ByTransit, Format: TransitValues.Format, KeyId: { } key } =>
                await ByTransit(owner, part, version, new TransitValue(key, read.KeyVersion, read.Text), ct),
            _ => null,
        };
        if (value is null)
            log.CredentialDamaged(part.Id, version);
        return value;
    }

    /// <summary>Seals a value anew under another data key of its owner, to the same place.</summary>
    /// <returns>Null when it does not open; that has been logged.</returns>
    /// <exception cref="ProblemException">503: <c>vault_locked</c>, or <c>key_provider_unavailable</c>.</exception>
    public async Task<SealedColumns?> Reseal(Tenant owner, SealedPart part, int version, SealedRead read, DataKeyRow target, CancellationToken ct)
    {
        using var value = await Open(owner, part, version, read, ct);
        if (value is null)
            return null;
        using var key = await keys.Open(owner, target, ct);
        return key is null ? null : SealedColumns.Of(key.Key.Name, SealedValue.Seal(key.Key, Place(owner, part, version), value));
    }

    internal static SealContext Place(Tenant owner, SealedPart part, int version) => new(owner.ToString(), part.Id, part.Field, version);

    private async Task<Secret?> ByDataKey(Tenant owner, SealedPart part, int version, string text, DataKeyRow row, CancellationToken ct)
    {
        using var key = await keys.Open(owner, row, ct);
        return key is null ? null : SealedValue.Open(key.Key, Place(owner, part, version), text);
    }

    private async Task<Secret?> ByTransit(Tenant owner, SealedPart part, int version, TransitValue value, CancellationToken ct)
    {
        if (providers.Values is not { } transit || !providers.Options.Transit!.Keys.Contains(value.Key))
            throw new ProblemException(503, "vault_locked",
                $"This credential was sealed by Transit's key '{value.Key}', which the server was not given. Its operator names it in LOCKSTEP_TRANSIT_KEY.");
        return await transit.Open(Place(owner, part, version), value, ct) switch
        {
            TransitValueOutcome.Opened(var opened) => opened,
            TransitValueOutcome.Unavailable(var trouble) => throw KeyProviders.Unavailable(trouble),
            _ => null,
        };
    }
}
