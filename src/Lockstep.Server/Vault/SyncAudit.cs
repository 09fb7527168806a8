using Lockstep.Server.Tenancy;

namespace Lockstep.Server.Vault;

/// <summary>Remembers which version of a credential the worker's use was audited for, so that a sync every minute makes a line every ten.</summary>
/// <remarks>It holds no value: the worker reads the row each time, so a rotation or a revocation counts at once.</remarks>
internal sealed class SyncAudit(TimeProvider time)
{
    public static readonly TimeSpan Interval = TimeSpan.FromMinutes(10);

    private const int TidyAbove = 10_000;

    private readonly Lock gate = new();
    private readonly Dictionary<CredentialId, (int Version, long At)> audited = [];

    /// <returns>The version that needs no new line; null when every one does.</returns>
    public int? AuditedVersion(CredentialId id)
    {
        lock (gate)
            return audited.TryGetValue(id, out var last) && time.GetElapsedTime(last.At) < Interval ? last.Version : null;
    }

    /// <summary>After the commit of the audit line, never before.</summary>
    public void Note(CredentialId id, int version)
    {
        lock (gate)
        {
            if (audited.Count > TidyAbove)
            {
                foreach (var (known, last) in audited)
                {
                    if (time.GetElapsedTime(last.At) >= Interval)
                        audited.Remove(known);
                }
            }
            audited[id] = (version, time.GetTimestamp());
        }
    }
}
