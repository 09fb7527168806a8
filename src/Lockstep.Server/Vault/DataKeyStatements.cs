using Lockstep.Crypto;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Vault.Keys;

namespace Lockstep.Server.Vault;

/// <summary>The statements over <c>data_keys</c> that run as the owner of the key.</summary>
internal static class DataKeyStatements
{
    /// <summary>The active key, with <see cref="DataKeyCache.SealingsReserved"/> more sealings counted; null without one.</summary>
    public static Task<ActiveKeyRow?> Reserve(TenantSession session, Tenant tenant, CancellationToken ct) => session.First(
        new Statement(
            """
            UPDATE lockstep.data_keys k
            SET    uses = k.uses + $2
            WHERE  k.tenant = $1
            AND    k.state = 'active'
            AND    lockstep.owns_credential(k.user_id, k.workspace_id)
            RETURNING k.id, k.version, k.provider, k.key_version, k.wrapped_key, k.uses, k.pending_rewrap
            """,
            tenant.ToString(), (long)DataKeyCache.SealingsReserved),
        row => new ActiveKeyRow(DataKeyRow.Read(row, 0)!, row.GetInt64(5), row.GetBoolean(6)),
        ct);

    /// <summary>Stores a new active key, in place of <paramref name="former"/> when that is still the active one.</summary>
    /// <returns>Null when another was made meanwhile.</returns>
    public static Task<ActiveKeyRow?> Insert(
        TenantSession session, Tenant tenant, DataKeyName name, NewWrapping wrapping, Guid? former, CancellationToken ct) => session.First(
        new Statement(
            """
            WITH retired AS (
                UPDATE lockstep.data_keys k
                SET    state = 'retired'
                WHERE  k.id = $8::uuid
                AND    k.state = 'active'
                RETURNING k.id)
            INSERT INTO lockstep.data_keys (id, user_id, workspace_id, version, provider, key_version, wrapped_key, pending_rewrap, uses)
            SELECT $1, $2::uuid, $3::uuid, $4, $5, $6, $7, $9, $10
            WHERE  $8::uuid IS NULL OR EXISTS (SELECT 1 FROM retired r)
            ON     CONFLICT DO NOTHING
            RETURNING id, version, provider, key_version, wrapped_key, uses, pending_rewrap
            """,
            name.Id, tenant.User?.Value, tenant.Workspace?.Value, name.Version, wrapping.Key.Provider, wrapping.Key.KeyVersion, wrapping.Key.Text,
            former, wrapping.Pending, (long)DataKeyCache.SealingsReserved),
        row => new ActiveKeyRow(DataKeyRow.Read(row, 0)!, row.GetInt64(5), row.GetBoolean(6)),
        ct);
}

/// <param name="Uses">Sealings counted so far, this node's new reservation included.</param>
/// <param name="Pending">The local ring wrapped it in the first provider's stead.</param>
internal sealed record ActiveKeyRow(DataKeyRow Key, long Uses, bool Pending);
