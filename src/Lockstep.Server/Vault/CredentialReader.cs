using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Vault.Keys;
using Lockstep.Server.Vault.OAuth;
using Microsoft.Extensions.Logging;
using NodaTime;

namespace Lockstep.Server.Vault;

/// <summary>Opens a value once its audit line has committed; an OAuth token that is due is refreshed first.</summary>
internal sealed class CredentialReader(ValueSealer seals, TokenRefresher refresher, SyncAudit syncAudit, TimeProvider time, ILogger<CredentialReader> log)
{
    private Instant Now => Instant.FromDateTimeOffset(time.GetUtcNow());

    /// <summary>For the worker: audited once in ten minutes and version, purpose <c>sync</c>.</summary>
    public async Task<RevealOutcome> ForSync(TenantSession session, CredentialId id, CancellationToken ct)
    {
        var audited = syncAudit.AuditedVersion(id);
        var outcome = await Read(session, id, "sync", version: null, audited, ct);
        if (outcome is RevealOutcome.Revealed revealed && revealed.Version != audited)
            syncAudit.Note(id, revealed.Version);
        return outcome;
    }

    /// <param name="version">A former one within its grace; null for the current one.</param>
    /// <param name="auditedVersion">No line is written for this version; null writes one for every version.</param>
    /// <exception cref="ProblemException">503: <c>vault_locked</c>, or <c>key_provider_unavailable</c>.</exception>
    public async Task<RevealOutcome> Read(TenantSession session, CredentialId id, string purpose, int? version, int? auditedVersion, CancellationToken ct)
    {
        var row = await session.First(SealedRows.Access(id, purpose, Now, version, auditedVersion, asItIs: false), SealedRow.Read, ct);
        if (row is { State: SealedRow.Open, Grant: { Held: true, CanRefresh: true } })
        {
            await refresher.Refresh(session, id, ct);
            // Whatever came of it: a token that still holds is released. The refreshed one is a version on, also for who named the one that was current.
            row = await session.First(SealedRows.Access(id, purpose, Now, version: null, auditedVersion, asItIs: true), SealedRow.Read, ct);
        }
        return row switch
        {
            null => new RevealOutcome.NotFound(),
            { State: "revoked" } => new RevealOutcome.Revoked(),
            { State: "expired" } => new RevealOutcome.Expired(row.Version),
            { State: "unknown_version" } => new RevealOutcome.UnknownVersion(row.Version),
            { State: "version_retired" } => new RevealOutcome.VersionRetired(row.Version),
            { Grant: { Held: true } grant } => Withheld(grant, row.Version),
            _ => await Open(id, row, ct),
        };
    }

    private async Task<RevealOutcome> Open(CredentialId id, SealedRow row, CancellationToken ct)
    {
        if (await seals.Open(row.Owner, id, row.Version, row.Sealed, ct) is not { } value)
            return new RevealOutcome.IntegrityFailure();
        if (row.Grant is null && !TokenBundle.IsBundle(value))
            return new RevealOutcome.Revealed(value, row.Version);
        using (value)
        {
            // The column and what was sealed disagree: releasing it could release a refresh token. A former value has no column, only its beginning.
            if ((row.Grant is null && !row.IsFormer) || TokenBundle.Open(value) is not { } tokens)
            {
                log.CredentialDamaged(id.Value, row.Version);
                return new RevealOutcome.IntegrityFailure();
            }
            tokens.Refresh?.Dispose();
            tokens.Client?.Dispose();
            return new RevealOutcome.Revealed(tokens.Access, row.Version, row.Grant?.ExpiresAt);
        }
    }

    private RevealOutcome Withheld(GrantState grant, int version)
    {
        var wait = TimeSpan.FromSeconds(grant.RetryAt is { } at ? Math.Max(1, (at - Now).TotalSeconds) : 2);
        return grant switch
        {
            { State: GrantStates.RefreshFailed, FailureCode: var code } => new RevealOutcome.RefreshFailed(code ?? "invalid_grant", version),
            { HasRefreshToken: false } => new RevealOutcome.TokenExpired(version),
            { State: GrantStates.Misconfigured, FailureCode: var code } => new RevealOutcome.GrantMisconfigured(code ?? "", wait),
            { State: GrantStates.Malformed, FailureCode: var code } => new RevealOutcome.AnswerMalformed(code ?? "", wait),
            _ => new RevealOutcome.EndpointUnavailable(wait),
        };
    }
}
