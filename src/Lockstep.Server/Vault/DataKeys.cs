using Lockstep.Crypto;
using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Lockstep.Server.Vault;

/// <summary>The data key of each tenant: made when its first value is stored, unwrapped when needed, cached a while.</summary>
internal sealed class DataKeys(VaultOptions options, DataKeyCache cache, ILogger<DataKeys> log)
{
    private const int FirstVersion = 1;

    private readonly KeyRing ring = options.Keys ?? new KeyRing();

    /// <summary>No master key at all: nothing can be sealed or opened.</summary>
    public bool Locked => ring.Newest is null;

    /// <exception cref="ProblemException">503 <c>vault_locked</c>.</exception>
    public void RequireUnlocked()
    {
        if (Locked)
            throw new ProblemException(503, "vault_locked",
                "The vault is locked: the server was started without a master key. Set LOCKSTEP_MASTER_KEYS and start it again. Nothing was stored or read.");
    }

    /// <summary>The key that seals new values of a tenant. Asks the database only when it is not cached.</summary>
    /// <returns>Null when the tenant is a workspace that is not the caller's.</returns>
    /// <exception cref="ProblemException">503 <c>vault_locked</c>.</exception>
    public async Task<DataKeyCache.Lease?> Active(TenantSession session, Tenant tenant, CancellationToken ct)
    {
        if (cache.Active(tenant.ToString()) is { } cached)
            return cached;
        try
        {
            // Another node may make the key between the two statements; then the second look finds that one.
            var row = await Find(session, tenant, ct) ?? await Make(session, tenant, ct) ?? await Find(session, tenant, ct);
            return row is null ? null : Open(tenant, row, active: true);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InsufficientPrivilege && tenant.Workspace is not null)
        {
            // Row-level security: no such workspace, or the caller is no admin of it.
            return null;
        }
    }

    /// <summary>Opens a key that was read together with the row it sealed.</summary>
    /// <returns>Null when its row was changed or moved.</returns>
    /// <exception cref="ProblemException">503 <c>vault_locked</c>: the master key that wrapped it is not here.</exception>
    public DataKeyCache.Lease? Open(Tenant tenant, DataKeyRow row, bool active = false)
    {
        if (cache.Find(row.Id, active) is { } cached)
            return cached;
        switch (new LocalKeyWrapper(ring).Unwrap(row.Name(tenant), row.Wrapped))
        {
            case UnwrapOutcome.Unwrapped unwrapped:
                return cache.Add(unwrapped.Key, active);
            case UnwrapOutcome.UnknownKey unknown:
                log.MasterKeyMissing(row.Id, unknown.Fingerprint);
                throw new ProblemException(503, "vault_locked",
                    $"This credential is sealed under master key {unknown.Fingerprint}, which the server was not given. Its operator adds that key to LOCKSTEP_MASTER_KEYS.");
            default:
                log.DataKeyDamaged(row.Id);
                return null;
        }
    }

    /// <summary>After the database said that a cached key is gone.</summary>
    public void Forget(Tenant tenant) => cache.Purge(tenant.ToString());

    private static Task<DataKeyRow?> Find(TenantSession session, Tenant tenant, CancellationToken ct) => session.First(
        new Statement(
            """
            SELECT k.id, k.version, k.provider, k.key_version, k.wrapped_key
            FROM   lockstep.data_keys k
            WHERE  k.tenant = $1
            AND    k.state = 'active'
            AND    lockstep.owns_credential(k.user_id, k.workspace_id)
            """,
            tenant.ToString()),
        row => DataKeyRow.Read(row, 0)!,
        ct);

    private async Task<DataKeyRow?> Make(TenantSession session, Tenant tenant, CancellationToken ct)
    {
        using var key = DataKey.Generate(new DataKeyName(tenant.ToString(), Guid.CreateVersion7(), FirstVersion));
        var wrapped = new LocalKeyWrapper(ring).Wrap(key)!;
        var made = await session.First(
            new Statement(
                """
                INSERT INTO lockstep.data_keys (id, user_id, workspace_id, version, provider, key_version, wrapped_key)
                VALUES ($1, $2, $3, $4, $5, $6, $7)
                ON CONFLICT DO NOTHING
                RETURNING id, version, provider, key_version, wrapped_key
                """,
                key.Name.Id, tenant.User?.Value, tenant.Workspace?.Value, key.Name.Version, wrapped.Provider, wrapped.KeyVersion, wrapped.Text),
            row => DataKeyRow.Read(row, 0)!,
            ct);
        if (made is not null)
            log.DataKeyMade(made.Id, tenant.ToString());
        return made;
    }
}
