using Lockstep.Crypto;
using Lockstep.Crypto.Transit;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Npgsql;

namespace Lockstep.Server.Vault.Keys;

/// <summary>The statements that wrap and seal anew, over all tenants, as the service login. None of them sees a plaintext.</summary>
internal static class RenewalRows
{
    /// <param name="pending">Only those that wait for the first provider.</param>
    public static Statement Keys(Guid? after, int limit, bool pending) => new(
        "SELECT k.id, k.user_id, k.workspace_id, k.version, k.provider, k.key_version, k.wrapped_key FROM lockstep.wrapped_keys($1::uuid, $2, $3) k",
        after, limit, pending);

    /// <summary>Each only where the wrapping that was read still stands; answers with the ids that were replaced.</summary>
    public static Statement ReplaceKeys(IReadOnlyList<(WrappedDataKey Before, WrappedKey After)> keys) => new(
        "SELECT r FROM lockstep.replace_wrappings($1, $2, $3, $4, $5) r",
        keys.Select(key => key.Before.Name.Id).ToArray(), keys.Select(key => key.Before.Wrapped.Text).ToArray(),
        keys.Select(key => key.After.Provider).ToArray(), keys.Select(key => key.After.KeyVersion).ToArray(), keys.Select(key => key.After.Text).ToArray());

    /// <param name="pending">Those that wait for Transit; else those that Transit sealed, former ones too.</param>
    public static Statement Seals(Guid? after, int? afterVersion, int limit, bool pending) => new(
        """
        SELECT s.id, s.user_id, s.workspace_id, s.version, s.encrypted_value, s.key_provider, s.key_id, s.key_version, s.format,
               s.data_key_id, s.data_key_version, s.wrapped_provider, s.wrapped_key_version, s.wrapped_key, s.field
        FROM   lockstep.seals_to_renew($1::uuid, $2::integer, $3, $4) s
        """,
        after, afterVersion, limit, pending);

    /// <summary>Each only where the version and the ciphertext that were read still stand; answers how many.</summary>
    public static Statement ReplaceSeals(IReadOnlyList<(SealRow Before, TransitValue After)> seals) => new(
        "SELECT lockstep.replace_seals($1, $2, $3, $4, $5, $6, $7)",
        seals.Select(seal => seal.Before.Part.Id).ToArray(), seals.Select(seal => seal.Before.Version).ToArray(),
        seals.Select(seal => seal.Before.Sealed.Text).ToArray(), seals.Select(seal => seal.After.Key).ToArray(),
        seals.Select(seal => seal.After.Version).ToArray(), seals.Select(_ => TransitValues.Format).ToArray(),
        seals.Select(seal => seal.After.Text).ToArray());

    public static Statement Backlog() => new("SELECT lockstep.rewrap_backlog()");

    public static WrappedDataKey ReadKey(NpgsqlDataReader row) => new(
        new DataKeyName(OwnerOf(row).ToString(), row.GetGuid(0), row.GetInt32(3)), new WrappedKey(row.GetString(4), row.GetString(5), row.GetString(6)));

    public static SealRow ReadSeal(NpgsqlDataReader row) => new(
        new SealedPart(row.GetGuid(0), row.GetString(14)), OwnerOf(row), row.GetInt32(3), SealedRead.Read(row, 4));

    private static Tenant OwnerOf(NpgsqlDataReader row) => new(
        row.GetGuidOrNull(1) is { } user ? new UserId(user) : null, row.GetGuidOrNull(2) is { } workspace ? new WorkspaceId(workspace) : null);
}

/// <summary>A sealed value of any tenant, or the key of a webhook, to be sealed anew.</summary>
internal sealed record SealRow(SealedPart Part, Tenant Owner, int Version, SealedRead Sealed);
