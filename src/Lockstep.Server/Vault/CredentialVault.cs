using System.Diagnostics.CodeAnalysis;
using Lockstep.Crypto;
using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Vault.Keys;
using Lockstep.Server.Vault.OAuth;
using Lockstep.Server.Vault.Reveals;
using Microsoft.Extensions.Logging;
using NodaTime;
using Npgsql;

namespace Lockstep.Server.Vault;

/// <summary>The door to credentials: seals before SQL, opens after the audit line has committed.</summary>
/// <remarks>
/// Each operation is one round trip when the owner's data key is cached (reveal always, unless an OAuth token is due); rotation and rollback are two,
/// since the value is sealed to a version that must be read first; storing a grant is one more. Whoever is not the owner (the user; an admin of the workspace; the service
/// role without a user for SYSTEM) gets the outcome of an unknown id. Operations that need a key throw <see cref="ProblemException"/>
/// 503 <c>vault_locked</c> without one.
/// </remarks>
[SuppressMessage("Performance", "CA1822:Mark members as static", Justification = "One door: a caller need not know which operation keeps state.")]
internal sealed class CredentialVault(ValueSealer seals, CredentialReader reader, RevealLimit limit, TimeProvider time, ILogger<CredentialVault> log)
{
    private const int FirstVersion = 1;

    /// <summary>For health: whether there is no key at all.</summary>
    public bool Locked => seals.Locked;

    private Instant Now => Instant.FromDateTimeOffset(time.GetUtcNow());

    public async Task<StoreOutcome> Store(TenantSession session, NewCredential credential, CancellationToken ct)
    {
        try
        {
            return await Insert(session, credential, CredentialId.New(), ct);
        }
        catch (PostgresException e) when (e is { SqlState: PostgresErrorCodes.ForeignKeyViolation, ConstraintName: "credentials_data_key_fkey" })
        {
            // The cached data key was shredded meanwhile: a new one is made.
            seals.Forget(OwnerOf(credential, session.Caller));
            return await Insert(session, credential, CredentialId.New(), ct);
        }
    }

    /// <summary>For a credential that is stored in one transaction with what uses it: <c>tx.Execute(ct, ready.Insert, ...)</c>.</summary>
    public Task<PrepareOutcome> Prepare(TenantSession session, NewCredential credential, CancellationToken ct) =>
        Prepare(session, credential, CredentialId.New(), ct);

    /// <summary>Stores a credential that was somewhere else before, under the id it had there.</summary>
    /// <returns><see cref="StoreOutcome.NameTaken"/> also when the id is there already.</returns>
    public async Task<StoreOutcome> Import(TenantSession session, NewCredential credential, CredentialId id, CancellationToken ct)
    {
        try
        {
            return await Insert(session, credential, id, ct);
        }
        catch (PostgresException e) when (e is { SqlState: PostgresErrorCodes.UniqueViolation, ConstraintName: "credentials_pkey" })
        {
            return new StoreOutcome.NameTaken();
        }
    }

    private async Task<PrepareOutcome> Prepare(TenantSession session, NewCredential credential, CredentialId id, CancellationToken ct)
    {
        var caller = session.Caller;
        if (CredentialRules.Check(credential, caller, Now) is { Any: true } errors)
            return new PrepareOutcome.Refused(new StoreOutcome.Invalid(errors.All));
        if (credential.Scope == CredentialScope.SYSTEM && caller is not { Role: CallerRole.Service, User: null })
            return new PrepareOutcome.Refused(new StoreOutcome.ScopeForbidden());
        seals.RequireUnlocked();
        var owner = OwnerOf(credential, caller);
        if (await seals.Seal(session, owner, id, FirstVersion, credential.Value, ct) is not { } value)
            return new PrepareOutcome.Refused(new StoreOutcome.UnknownWorkspace());
        return new PrepareOutcome.Ready(id, SealedRows.Insert(id, owner, credential, value, caller));
    }

    public async Task<CredentialView?> Get(TenantSession session, CredentialId id, CancellationToken ct)
    {
        var now = Now;
        return await session.First(CredentialRows.Get(id), row => CredentialView.Read(row, now), ct);
    }

    /// <summary>Never a value. Oldest first.</summary>
    public async Task<Page<CredentialView>> List(TenantSession session, CredentialFilter filter, CancellationToken ct)
    {
        var now = Now;
        var found = await session.Query(CredentialRows.List(session.Caller, filter, now), row => CredentialView.Read(row, now), ct);
        return found.Count > filter.Limit
            ? new(found[..filter.Limit], found[filter.Limit - 1].Id.ToString())
            : new(found, null);
    }

    /// <summary>Newest first, the current one included; empty for an unknown id.</summary>
    public Task<List<CredentialVersionView>> Versions(TenantSession session, CredentialId id, CancellationToken ct) => session.Query(
        CredentialRows.Versions(id),
        row => new CredentialVersionView(
            row.GetInt32(0), row.GetString(1), row.GetInstant(2), row.GetInstantOrNull(3), row.GetInstantOrNull(4), row.IsDBNull(3)),
        ct);

    public async Task<ChangeOutcome> Update(TenantSession session, CredentialId id, CredentialChanges changes, CancellationToken ct)
    {
        if (CredentialRules.Check(changes) is { Any: true } errors)
            return new ChangeOutcome.Invalid(errors.All);
        try
        {
            return await Changed(session, CredentialRows.Update(id, changes), new ChangeOutcome.NotFound(), ct);
        }
        catch (PostgresException e) when (e is { SqlState: PostgresErrorCodes.UniqueViolation, ConstraintName: "credentials_identity_key" })
        {
            return new ChangeOutcome.NameTaken();
        }
    }

    /// <summary>For good: a revoked credential is never revealed again and takes no new value.</summary>
    public async Task<ChangeOutcome> Revoke(TenantSession session, CredentialId id, CancellationToken ct)
    {
        var outcome = await Changed(session, CredentialRows.Revoke(id, Now), new ChangeOutcome.NotFound(), ct);
        if (outcome is ChangeOutcome.Changed { Credential: var credential })
            seals.Forget(OwnerOf(credential.Scope, credential.WorkspaceId is { } workspace ? new WorkspaceId(workspace) : null, session.Caller));
        return outcome;
    }

    public async Task<DeleteOutcome> Delete(TenantSession session, CredentialId id, CancellationToken ct)
    {
        try
        {
            return await session.First(CredentialRows.Delete(id), row => row.GetString(0), ct) is null
                ? new DeleteOutcome.NotFound()
                : new DeleteOutcome.Deleted();
        }
        catch (PostgresException e) when (e is { SqlState: PostgresErrorCodes.ForeignKeyViolation, ConstraintName: "integrations_credential_fkey" })
        {
            return new DeleteOutcome.InUse(await session.Query(CredentialRows.UsedBy(id), row => row.GetString(0), ct));
        }
    }

    /// <summary>For a credential that goes in one transaction with what used it.</summary>
    public static Statement DeleteStatement(CredentialId id) => CredentialRows.Delete(id);

    public Task<ChangeOutcome> Rotate(TenantSession session, CredentialId id, Secret value, int? expectedVersion, CancellationToken ct) =>
        Rotate(session, id, value, grant: null, expectedVersion, graceSeconds: null, ct);

    /// <summary>Replaces the value; the former one is kept for <see cref="Rollback"/>.</summary>
    /// <param name="grant">Beside <paramref name="value"/> when that is the tokens of one; null for a plain value.</param>
    /// <param name="expectedVersion">Null takes the current one; even then a rotation at the same time is a conflict.</param>
    /// <param name="graceSeconds">So long the former value is still revealed to who asks for its version; null: not at all.</param>
    public async Task<ChangeOutcome> Rotate(
        TenantSession session, CredentialId id, Secret value, NewGrant? grant, int? expectedVersion, int? graceSeconds, CancellationToken ct)
    {
        if (CredentialRules.CheckRotation(value, grant, graceSeconds) is { Any: true } errors)
            return new ChangeOutcome.Invalid(errors.All);
        seals.RequireUnlocked();
        var head = await session.First(SealedRows.Head(id), HeadRow.Read, ct);
        return head is null ? new ChangeOutcome.NotFound()
            : !head.IsActive ? new ChangeOutcome.Revoked()
            : expectedVersion is { } expected && expected != head.Version ? new ChangeOutcome.VersionConflict(head.Version)
            : grant is not null && head.Type != CredentialType.OAUTH_TOKEN ? new ChangeOutcome.Invalid(CredentialRules.GrantOfAnotherType.All)
            : await Replace(session, id, head, new Replacement(value, grant, "CREDENTIAL_ROTATED", null, graceSeconds), ct);
    }

    /// <summary>Makes a former value current again, as a new version.</summary>
    public async Task<ChangeOutcome> Rollback(TenantSession session, CredentialId id, int version, CancellationToken ct)
    {
        seals.RequireUnlocked();
        var head = await session.First(SealedRows.Head(id), HeadRow.Read, ct);
        if (head is null)
            return new ChangeOutcome.NotFound();
        if (!head.IsActive)
            return new ChangeOutcome.Revoked();
        if (await session.First(SealedRows.Former(id, version), row => SealedRead.Read(row, 0), ct) is not { } former)
            return new ChangeOutcome.UnknownVersion(version);
        using var value = await seals.Open(head.Owner, id, version, former, ct);
        return value is null ? new ChangeOutcome.IntegrityFailure()
            : TokenBundle.IsBundle(value) ? new ChangeOutcome.FormerGrant(version)
            : await Replace(session, id, head, new Replacement(value, null, "CREDENTIAL_ROLLED_BACK", version, null), ct);
    }

    public Task<RevealOutcome> Reveal(TenantSession session, CredentialId id, string purpose, CancellationToken ct) =>
        Reveal(session, id, purpose, version: null, ct);

    /// <summary>Releases the value to somebody who says what for.</summary>
    /// <param name="purpose">1 to 200 characters, kept in the audit.</param>
    /// <param name="version">A former one within its grace; null for the current one.</param>
    public async Task<RevealOutcome> Reveal(TenantSession session, CredentialId id, string purpose, int? version, CancellationToken ct)
    {
        if (CredentialRules.CheckPurpose(purpose) is { Any: true } errors)
            return new RevealOutcome.Invalid(errors.All);
        if (seals.Locked)
        {
            await AuditRefusal(session, id, purpose, "vault_locked", ct);
            seals.RequireUnlocked();
        }
        if (limit.Take(session.Caller.Actor) is { } wait)
        {
            log.RevealLimitReached(session.Caller.Actor, (int)wait.TotalSeconds);
            await AuditRefusal(session, id, purpose, "reveal_limit", ct);
            return new RevealOutcome.TooMany(wait);
        }
        try
        {
            return await reader.Read(session, id, purpose, version, auditedVersion: null, ct);
        }
        catch (PostgresException e) when (e.SqlState == BulkReads.SqlState)
        {
            var until = await BulkReads.Block(session, id, ct);
            log.BulkReadBlocked(session.Caller.Actor, id.Value, until);
            return new RevealOutcome.BulkReadBlocked(until, Duration.Max(until - Now, Duration.FromSeconds(1)));
        }
    }

    /// <summary>Revokes everything that a user or a workspace has, tells the admins of the workspaces, and forgets the tenant's data key.</summary>
    /// <returns>How many were active; null when there is no such tenant, or it is not the caller's.</returns>
    public async Task<long?> RevokeAll(TenantSession session, Tenant tenant, string reason, CancellationToken ct)
    {
        var revoked = await session.Query(CredentialRows.RevokeAll(tenant, reason), row => row.GetInt64(0), ct);
        if (revoked.Count == 0)
            return null;
        seals.Forget(tenant);
        return revoked[0];
    }

    /// <summary>Releases the value to the worker, outside the reveal limit; audited once in ten minutes and version, purpose <c>sync</c>.</summary>
    public Task<RevealOutcome> RevealForSync(TenantSession session, CredentialId id, CancellationToken ct)
    {
        seals.RequireUnlocked();
        return reader.ForSync(session, id, ct);
    }

    /// <summary>After a service refused a token before its time: the next reveal refreshes it, at most once in five minutes. Does nothing to a plain value.</summary>
    public Task TokenRefused(TenantSession session, CredentialId id, int version, CancellationToken ct) =>
        session.Execute(GrantRows.Doubt(id, version, Now), ct);

    private static Tenant OwnerOf(NewCredential credential, Caller caller) => OwnerOf(credential.Scope, credential.Workspace, caller);

    private static Tenant OwnerOf(CredentialScope scope, WorkspaceId? workspace, Caller caller) => scope switch
    {
        CredentialScope.USER => Tenant.Of(caller.RequiredUser),
        CredentialScope.WORKSPACE => Tenant.Of(workspace!.Value),
        _ => Tenant.System,
    };

    private async Task<StoreOutcome> Insert(TenantSession session, NewCredential credential, CredentialId id, CancellationToken ct)
    {
        var prepared = await Prepare(session, credential, id, ct);
        if (prepared is PrepareOutcome.Refused refused)
            return refused.Why;
        var ready = (PrepareOutcome.Ready)prepared;
        try
        {
            return new StoreOutcome.Stored((await WithGrant(session, ready.Insert, ready.Id, credential.Grant, ct))!);
        }
        catch (PostgresException e) when (e is { SqlState: PostgresErrorCodes.UniqueViolation, ConstraintName: "credentials_identity_key" })
        {
            return new StoreOutcome.NameTaken();
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InsufficientPrivilege && session.Caller.Token is { Limits: not null })
        {
            return new StoreOutcome.Invalid(new Dictionary<string, string[]> { ["provider"] = ["is not one that this token is limited to."] });
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InsufficientPrivilege && credential.Workspace is not null)
        {
            // Row-level security: the caller is no admin of that workspace, whose data key somebody else's request had cached.
            return new StoreOutcome.UnknownWorkspace();
        }
    }

    private async Task AuditRefusal(TenantSession session, CredentialId id, string purpose, string reason, CancellationToken ct)
    {
        if (limit.TellsRefusal(session.Caller.Actor, id))
            await session.Query(SealedRows.Refuse(id, purpose, reason), row => row.GetInt64(0), ct);
    }

    private async Task<ChangeOutcome> Replace(TenantSession session, CredentialId id, HeadRow head, Replacement next, CancellationToken ct)
    {
        if (await seals.Seal(session, head.Owner, id, head.Version + 1, next.Value, ct) is not { } value)
            return new ChangeOutcome.IntegrityFailure();
        var now = Now;
        var replace = SealedRows.Replace(
            id, head.Version, value, MaskedValue.Of(head.Type, next.Value), now, next.Action, next.RolledBackTo,
            next.GraceSeconds > 0 ? now + Duration.FromSeconds(next.GraceSeconds.Value) : null);
        return await WithGrant(session, replace, id, next.Grant, ct) is { } credential
            ? new ChangeOutcome.Changed(credential)
            : new ChangeOutcome.VersionConflict(null);
    }

    /// <summary>Stores a value, and the grant beside it in the same transaction.</summary>
    private async Task<CredentialView?> WithGrant(TenantSession session, Statement deed, CredentialId id, NewGrant? grant, CancellationToken ct)
    {
        var now = Now;
        if (grant is null)
            return await session.First(deed, row => CredentialView.Read(row, now), ct);
        return await session.Transact(async transaction =>
        {
            var stored = await transaction.First(deed, row => CredentialView.Read(row, now), ct);
            if (stored is not null)
                await transaction.Commit(ct, GrantRows.Put(id, grant));
            return stored;
        }, ct);
    }

    private async Task<ChangeOutcome> Changed(TenantSession session, Statement statement, ChangeOutcome otherwise, CancellationToken ct)
    {
        var now = Now;
        return await session.First(statement, row => CredentialView.Read(row, now), ct) is { } credential
            ? new ChangeOutcome.Changed(credential)
            : otherwise;
    }

    private sealed record Replacement(Secret Value, NewGrant? Grant, string Action, int? RolledBackTo, int? GraceSeconds);
}
