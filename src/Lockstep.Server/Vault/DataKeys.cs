using System.Collections.Concurrent;
using Lockstep.Crypto;
using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Vault.Keys;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Lockstep.Server.Vault;

/// <summary>The data key of each tenant: made when its first value is stored, unwrapped when needed, cached a while.</summary>
internal sealed class DataKeys(KeyProviders providers, DataKeyCache cache, ILogger<DataKeys> log)
{
    /// <summary>2^32 sealings under one key is where GCM with random nonces ends (NIST SP 800-38D, section 8.3). Each value has a subkey of its
    /// own, so this is a second bound, not the first.</summary>
    public const long MostUses = 1L << 32;

    private const int FirstVersion = 1;

    private readonly ConcurrentDictionary<Guid, Lazy<Task<UnwrapOutcome?>>> underWay = new();

    /// <summary>No key at all: nothing can be sealed or opened.</summary>
    public bool Locked => providers.Locked;

    /// <exception cref="ProblemException">503 <c>vault_locked</c>.</exception>
    public void RequireUnlocked() => providers.RequireUnlocked();

    /// <summary>The key that seals a new value of a tenant. Asks the database only when it is not cached.</summary>
    /// <returns>Null when the tenant is a workspace that is not the caller's.</returns>
    /// <exception cref="ProblemException">503: <c>vault_locked</c>, or <c>key_provider_unavailable</c>.</exception>
    public Task<DataKeyCache.Lease?> Active(TenantSession session, Tenant tenant, CancellationToken ct) => Active(session, tenant, counted: false, ct);

    /// <param name="counted">The value was counted as a write of the stand-in already.</param>
    public async Task<DataKeyCache.Lease?> Active(TenantSession session, Tenant tenant, bool counted, CancellationToken ct)
    {
        if (cache.Active(tenant.ToString()) is { } cached)
            return counted ? cached : Counted(cached);
        try
        {
            var row = await DataKeyStatements.Reserve(session, tenant, ct);
            // Wrapping a new key is counted by itself.
            counted |= row is null;
            // Another node may make the key between the two statements; then the second look finds that one.
            row ??= await Make(session, tenant, null, ct) ?? await DataKeyStatements.Reserve(session, tenant, ct);
            if (row is null || await Usable(session, tenant, row, ct) is not { } lease)
                return null;
            return counted || lease.Key.Name.Id != row.Key.Id ? lease : Counted(lease);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InsufficientPrivilege && tenant.Workspace is not null)
        {
            // Row-level security: no such workspace, or the caller is no admin of it.
            return null;
        }
    }

    /// <summary>Opens a key that was read together with the row it sealed.</summary>
    /// <returns>Null when its row was changed or moved.</returns>
    /// <exception cref="ProblemException">503: <c>vault_locked</c> when the master key that wrapped it is not here, or
    /// <c>key_provider_unavailable</c>.</exception>
    public Task<DataKeyCache.Lease?> Open(Tenant tenant, DataKeyRow row, CancellationToken ct) => Open(tenant, row, active: false, ct);

    /// <summary>After the database said that a cached key is gone, or its tenant was revoked.</summary>
    public void Forget(Tenant tenant) => cache.Purge(tenant.ToString());

    /// <summary>The active key, or the next version when it is used up or its provider is away.</summary>
    private async Task<DataKeyCache.Lease?> Usable(TenantSession session, Tenant tenant, ActiveKeyRow row, CancellationToken ct)
    {
        if (row.Uses <= MostUses)
        {
            var outcome = await Load(tenant, row.Key, ct);
            if (outcome is not UnwrapOutcome.Unavailable { Trouble.Kind: KeyTroubleKind.Away })
                return await Open(tenant, row.Key, active: true, ct, row.Pending);
        }
        // A new value needs no old key: the next one is wrapped by whoever is there.
        var next = await Make(session, tenant, row.Key, ct) ?? await DataKeyStatements.Reserve(session, tenant, ct);
        return next is null ? null : await Open(tenant, next.Key, active: true, ct, next.Pending);
    }

    /// <summary>A value sealed under a key of the stand-in is a write of the stand-in, as long as the first provider is away.</summary>
    private DataKeyCache.Lease Counted(DataKeyCache.Lease lease)
    {
        if (lease.StandIn && providers.Trouble is { } trouble)
        {
            try
            {
                providers.TakeStandIn(trouble);
            }
            catch
            {
                lease.Dispose();
                throw;
            }
        }
        return lease;
    }

    private async Task<DataKeyCache.Lease?> Open(Tenant tenant, DataKeyRow row, bool active, CancellationToken ct, bool standIn = false)
    {
        while (true)
        {
            if (cache.Find(row.Id, active, standIn) is { } cached)
                return cached;
            switch (await Load(tenant, row, ct))
            {
                case null:
                    continue;
                case UnwrapOutcome.UnknownKey unknown:
                    log.MasterKeyMissing(row.Id, unknown.Fingerprint);
                    throw new ProblemException(503, "vault_locked",
                        $"This credential is sealed under master key {unknown.Fingerprint}, which the server was not given. Its operator adds that key beside the others.");
                case UnwrapOutcome.Unavailable(var trouble):
                    throw KeyProviders.Unavailable(trouble);
                default:
                    log.DataKeyDamaged(row.Id);
                    return null;
            }
        }
    }

    /// <summary>Brings a key into the cache. Many who need it at once ask the provider once.</summary>
    /// <returns>Null when it is there now; else why not.</returns>
    private async Task<UnwrapOutcome?> Load(Tenant tenant, DataKeyRow row, CancellationToken ct)
    {
        if (cache.Find(row.Id, active: false) is { } present)
        {
            present.Dispose();
            return null;
        }
        // Not the first caller's token: he may leave while others wait. Providers bound their own time.
        var flight = underWay.GetOrAdd(row.Id, _ => new Lazy<Task<UnwrapOutcome?>>(() => Unwrap(tenant, row)));
        return await flight.Value.WaitAsync(ct);
    }

    private async Task<UnwrapOutcome?> Unwrap(Tenant tenant, DataKeyRow row)
    {
        try
        {
            var outcome = await providers.Unwrap(row.Name(tenant), row.Wrapped, CancellationToken.None);
            if (outcome is not UnwrapOutcome.Unwrapped(var key))
                return outcome;
            cache.Add(key, active: false).Dispose();
            return null;
        }
        finally
        {
            underWay.TryRemove(row.Id, out _);
        }
    }

    /// <param name="former">The active key that this one replaces; null for a tenant's first.</param>
    /// <returns>Null when another was made meanwhile.</returns>
    private async Task<ActiveKeyRow?> Make(TenantSession session, Tenant tenant, DataKeyRow? former, CancellationToken ct)
    {
        var version = former is null ? FirstVersion : former.Version + 1;
        using var key = DataKey.Generate(new DataKeyName(tenant.ToString(), Guid.CreateVersion7(), version));
        var wrapping = await providers.Wrap(key, ct);
        var made = await DataKeyStatements.Insert(session, tenant, key.Name, wrapping, former?.Id, ct);
        if (made is not null)
            log.DataKeyMade(made.Key.Id, tenant.ToString());
        return made;
    }
}
