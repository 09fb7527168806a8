using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using NodaTime;
using Npgsql;

namespace Lockstep.Server.Vault.Keys;

/// <summary>A key and what lies under it.</summary>
/// <param name="Provider">As in <c>data_keys</c>; <c>transit-value</c> for values that Transit sealed itself.</param>
/// <param name="Key">The fingerprint of a master key, or the version of a provider's.</param>
/// <param name="AtHand">Whether this program was given it.</param>
/// <param name="IsNewest">Whether it is the one that wraps now.</param>
internal sealed record KeyUse(string Provider, string Key, long DataKeys, long Values, long Tenants, bool AtHand, bool IsNewest)
{
    public const string TransitValue = "transit-value";
}

/// <summary>How far the replacement of data keys under a key has come.</summary>
/// <param name="Since">When the oldest data key under it was made.</param>
/// <param name="Retired">Data keys that a newer one has replaced.</param>
/// <param name="RetiredValues">Values that still lie under those.</param>
internal sealed record KeyAge(string Provider, string Key, Instant Since, long Retired, long RetiredValues);

/// <summary>What a run could not do anything about.</summary>
/// <param name="Id">The data key, or with a version the credential.</param>
internal sealed record Straggler(Guid Id, int? Version, string Tenant, string Why);

/// <param name="Keys">Looked at.</param>
/// <param name="Rewrapped">Wrapped anew now.</param>
/// <param name="AlreadyNewest">Were so already.</param>
/// <param name="ChangedMeanwhile">Somebody else was quicker; another run finds how they are.</param>
internal sealed record RewrapReport(long Keys, long Rewrapped, long AlreadyNewest, long ChangedMeanwhile, IReadOnlyList<Straggler> Stragglers)
{
    public RewrapReport Add(RewrapReport page) => new(
        Keys + page.Keys, Rewrapped + page.Rewrapped, AlreadyNewest + page.AlreadyNewest, ChangedMeanwhile + page.ChangedMeanwhile,
        [.. Stragglers, .. page.Stragglers]);
}

/// <param name="Values">Looked at: all that lay under a retired data key.</param>
/// <param name="Dropped">Retired data keys that were destroyed, since nothing lies under them any more.</param>
internal sealed record ResealReport(long Values, long Resealed, long ChangedMeanwhile, long Dropped, IReadOnlyList<Straggler> Stragglers)
{
    public ResealReport Add(ResealReport page) => new(
        Values + page.Values, Resealed + page.Resealed, ChangedMeanwhile + page.ChangedMeanwhile, Dropped, [.. Stragglers, .. page.Stragglers]);
}

/// <param name="IsCurrent">False: only former values are lost.</param>
internal sealed record LostValue(Guid Id, string Tenant, string Name, string Provider, bool IsCurrent);

internal sealed record GivenUp(long DataKeys, long Credentials, long FormerValues);

/// <summary>A value, or a key of a webhook, under a retired data key, and the active one that it goes to.</summary>
internal sealed record RetiredValue(SealedPart Part, int Version, Tenant Owner, SealedRead Sealed, DataKeyRow Target)
{
    /// <summary>By id and version.</summary>
    public static Statement Page(Guid? after, int? version, int limit) => new(
        """
        SELECT v.id, v.version, v.user_id, v.workspace_id, v.encrypted_value, v.key_provider, v.key_id, v.key_version, v.format,
               v.from_id, v.from_version, v.from_provider, v.from_key_version, v.from_wrapped,
               v.to_id, v.to_version, v.to_provider, v.to_key_version, v.to_wrapped, v.field
        FROM   lockstep.values_to_reseal($1::uuid, $2::integer, $3) v
        """,
        after, version, limit);

    public static RetiredValue Read(NpgsqlDataReader row) => new(
        new SealedPart(row.GetGuid(0), row.GetString(19)), row.GetInt32(1), KeyRotation.OwnerOf(row.GetGuidOrNull(2), row.GetGuidOrNull(3)),
        SealedRead.Read(row, 4), DataKeyRow.Read(row, 14)!);
}
