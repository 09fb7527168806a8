using Lockstep.Crypto;
using Lockstep.Server.Activity.Chain;
using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;

namespace Lockstep.Server.Vault;

/// <summary>Derives the keys that sign the audit's checkpoints from data keys of the system, which are wrapped and rewrapped like every other.</summary>
internal sealed class AuditKeys(DataKeys keys, Database database)
{
    /// <inheritdoc cref="AuditSigner"/>
    public async Task<SigningKey?> Open(Guid? dataKey, CancellationToken ct)
    {
        if (keys.Locked)
            return null;
        var session = database.For(Caller.Service);
        try
        {
            using var key = dataKey is { } id ? await Find(session, id, ct) : await keys.Active(session, Tenant.System, ct);
            return key is null ? null : SigningKey.Derive(key.Key, Checkpoint.Purpose);
        }
        catch (ProblemException)
        {
            // Its master key is not here, which has been logged.
            return null;
        }
    }

    private async Task<DataKeyCache.Lease?> Find(TenantSession session, Guid id, CancellationToken ct)
    {
        var row = await session.First(
            new Statement("SELECT k.id, k.version, k.provider, k.key_version, k.wrapped_key FROM lockstep.data_keys k WHERE k.id = $1 AND k.tenant = 'system'", id),
            found => DataKeyRow.Read(found, 0)!,
            ct);
        return row is null ? null : await keys.Open(Tenant.System, row, ct);
    }
}
