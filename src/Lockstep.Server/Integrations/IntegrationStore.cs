using System.Diagnostics.CodeAnalysis;
using Lockstep.Crypto;
using Lockstep.Server.Calendars;
using Lockstep.Server.Integrations.Feed;
using Lockstep.Server.Integrations.Types;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Vault;
using NodaTime;
using Npgsql;

namespace Lockstep.Server.Integrations;

/// <summary>The door to integrations: what is connected, with which credential, and what the runs did.</summary>
/// <remarks>A secret goes from the request into the vault, in the transaction that makes the integration; its row never has it.</remarks>
[SuppressMessage("Performance", "CA1822:Mark members as static", Justification = "One door: a caller need not know which operation keeps state.")]
internal sealed class IntegrationStore(IntegrationRules rules, CredentialVault vault, CalendarMirror mirror, SyncSignal signal, TimeProvider time)
{
    public async Task<Integration?> Get(TenantSession session, IntegrationId id, CancellationToken ct) =>
        await session.First(IntegrationRows.Read(id, null, null, 1), Integration.Read, ct);

    /// <summary>Whether the caller may change it: its user, or an admin of its workspace.</summary>
    public static async Task<bool> Administers(TenantSession session, Integration integration, CancellationToken ct) =>
        integration.Workspace is not { } workspace
        || (await session.Query(new Statement("SELECT $1 = ANY (lockstep.administered_workspaces())", workspace.Value), row => row.GetBoolean(0), ct))[0];

    public async Task<IReadOnlyList<Integration>> List(
        TenantSession session, IntegrationId? after, WorkspaceId? workspace, int limit, CancellationToken ct) =>
        await session.Query(IntegrationRows.Read(null, after, workspace, limit), Integration.Read, ct);

    public Task<IReadOnlyList<MirroredCalendar>> Calendars(TenantSession session, IntegrationId id, CancellationToken ct) =>
        CalendarMirror.Calendars(session, id, ct);

    /// <summary>Connects an account; the first sync begins at once. Either the integration and its secret are stored, or neither.</summary>
    public async Task<IntegrationOutcome> Create(TenantSession session, CreateIntegrationRequest request, CancellationToken ct)
    {
        var (wanted, errors) = rules.Check(request);
        if (wanted is null)
            return new IntegrationOutcome.Invalid(errors.All);
        var id = IntegrationId.New();
        Statement? secret = null;
        var credential = request.CredentialId is { } given ? new CredentialId(given) : (CredentialId?)null;
        if (request.Secret is { } value)
        {
            var prepared = await vault.Prepare(session, SecretOf(id, wanted.Type, wanted.Workspace, wanted.Config, value), ct);
            if (prepared is PrepareOutcome.Refused refused)
                return Refusal(refused.Why);
            var ready = (PrepareOutcome.Ready)prepared;
            (credential, secret) = (ready.Id, ready.Insert);
        }
        var user = wanted.Workspace is null ? session.Caller.RequiredUser : (UserId?)null;
        var failure = await Guarded(() => session.Transact(transaction =>
            transaction.Execute(ct, secret is { } store
                ? [store, IntegrationRows.Insert(id, user, wanted, credential, ownsCredential: true, vaultSecret: null)]
                : [IntegrationRows.Insert(id, user, wanted, credential, ownsCredential: false, request.VaultSecretId)]), ct));
        if (failure is not null)
            return failure;
        signal.Wake();
        return new IntegrationOutcome.Done((await Get(session, id, ct))!, []);
    }

    /// <summary>Changes what is given.</summary>
    public async Task<IntegrationOutcome> Update(TenantSession session, IntegrationId id, UpdateIntegrationRequest request, CancellationToken ct)
    {
        if (await Get(session, id, ct) is not { } current)
            return new IntegrationOutcome.NotFound();
        var calendars = await CalendarMirror.Calendars(session, id, ct);
        var (changed, errors) = rules.Check(request, current, calendars.ToDictionary(c => c.Id.Value, c => c.Href));
        if (changed is null)
            return new IntegrationOutcome.Invalid(errors.All);
        // A public feed has no secret; what its private address was goes with it.
        if (changed.Config is FeedConfig { Private: false })
            return await Done(await Write(session, null, changed with { Credential = null, OwnsCredential = false, VaultSecret = null },
                EndsPause(current, changed, newSecret: true), current is { OwnsCredential: true, Credential: { } address } ? address : null, ct));
        var moved = changed.Config.Origin != current.Config.Origin && (current.Credential is not null || current.VaultSecret is not null);
        // To name the secret of before once more is not to give it to the new address.
        var another = request.Secret is not null
            || (request.CredentialId is { } stored && stored != current.Credential?.Value)
            || (request.VaultSecretId is { } vaulted && vaulted != current.VaultSecret);
        if (moved && !another)
            return new IntegrationOutcome.SecretRequired(changed.Config.Host);
        var outcome = request.Secret is { } secret && !moved && current is { OwnsCredential: true, Credential: { } owned }
            ? await Rotate(session, owned, secret, current, changed, ct)
            : await Replace(session, current, changed, request, ct);
        if (outcome is IntegrationOutcome.SecretRefused { Why: ChangeOutcome.Revoked or ChangeOutcome.NotFound })
            outcome = await Replace(session, current, changed, request, ct);
        return await Done(outcome);

        async Task<IntegrationOutcome> Done(IntegrationOutcome? refused)
        {
            if (refused is not null)
                return refused;
            signal.Wake();
            return new IntegrationOutcome.Done((await Get(session, id, ct))!, calendars);
        }
    }

    /// <summary>Deletes it with what was mirrored and the credential made for it; the calendars on the server stay as they are.</summary>
    public async Task<IntegrationOutcome?> Delete(TenantSession session, IntegrationId id, CancellationToken ct)
    {
        if (await Get(session, id, ct) is not { } current)
            return new IntegrationOutcome.NotFound();
        return await Guarded(() => session.Transact<int>(async transaction =>
        {
            await mirror.SetCalendars(transaction, id, [], ct);
            var gone = await transaction.Query(IntegrationRows.Delete(id), row => row.GetGuidOrNull(0), ct);
            if (gone.Count == 0)
                throw new NotAdminException();
            return gone[0] is { } credential
                ? await transaction.Execute(ct, CredentialVault.DeleteStatement(new CredentialId(credential)))
                : 0;
        }, ct));
    }

    /// <summary>Makes it due now and wakes the worker.</summary>
    public async Task<RunRequest> RequestRun(TenantSession session, IntegrationId id, CancellationToken ct)
    {
        if (await Get(session, id, ct) is { Syncs: false } or { Config: UnreadableConfig })
            return new RunRequest.NothingToSync();
        await CalendarMirror.TryAgain(session, id, ct);
        var promised = await session.Query(IntegrationRows.RequestRun(id, Guid.CreateVersion7()), row => row.GetGuid(0), ct);
        if (promised.Count > 0)
        {
            signal.Wake();
            return new RunRequest.Promised(promised[0]);
        }
        return await Get(session, id, ct) switch
        {
            null => new RunRequest.NotFound(),
            { Enabled: false } => new RunRequest.Disabled(),
            { Pause: { } pause } paused when paused.IsPaused(Now) => new RunRequest.Paused(pause, paused.LastSyncError),
            _ => new RunRequest.NotAdmin(),
        };
    }

    /// <summary>The pause that the integration is in now, or null.</summary>
    public async Task<RunRequest.Paused?> PauseOf(TenantSession session, IntegrationId id, CancellationToken ct) =>
        await Get(session, id, ct) is { Pause: { } pause } paused && paused.IsPaused(Now) ? new RunRequest.Paused(pause, paused.LastSyncError) : null;

    /// <summary>Waits for the log entry of a run.</summary>
    /// <returns>Null when it is not there after <paramref name="patience"/>, or as soon as a pause keeps it from coming.</returns>
    public async Task<SyncLogEntry?> Await(TenantSession session, IntegrationId id, Guid run, TimeSpan patience, CancellationToken ct)
    {
        var began = time.GetTimestamp();
        while (true)
        {
            var finished = signal.NextFinished();
            if (await session.First(IntegrationRows.Log(id, run, null, 1), SyncLogEntry.Read, ct) is { } entry)
                return entry;
            var left = patience - time.GetElapsedTime(began);
            // A run that ends in a pause writes both at once: it may have ended between the two looks.
            if (left <= TimeSpan.Zero || await PauseOf(session, id, ct) is not null)
                return await session.First(IntegrationRows.Log(id, run, null, 1), SyncLogEntry.Read, ct);
            // Another node may be doing it: its end is seen by looking.
            await Task.WhenAny(finished, Task.Delay(left < SyncSignal.Look ? left : SyncSignal.Look, time, ct));
            ct.ThrowIfCancellationRequested();
        }
    }

    /// <summary>Newest first.</summary>
    public async Task<IReadOnlyList<SyncLogEntry>> Log(TenantSession session, IntegrationId id, Guid? before, int limit, CancellationToken ct) =>
        await session.Query(IntegrationRows.Log(id, null, before, limit), SyncLogEntry.Read, ct);

    /// <summary>Lets the next run delete that many.</summary>
    /// <returns>False when nothing waits for a confirmation, or the caller may not give it.</returns>
    public async Task<bool> ConfirmDeletions(TenantSession session, IntegrationId id, int count, CancellationToken ct)
    {
        var confirmed = await session.Query(IntegrationRows.ConfirmDeletions(id, count), row => row.GetGuid(0), ct);
        if (confirmed.Count > 0)
            signal.Wake();
        return confirmed.Count > 0;
    }

    private Instant Now => Instant.FromDateTimeOffset(time.GetUtcNow());

    /// <summary>The server stays: the same credential gets a new value, which ends a pause for a refused password by itself.</summary>
    private async Task<IntegrationOutcome?> Rotate(
        TenantSession session, CredentialId credential, Secret secret, Integration current, Integration changed, CancellationToken ct)
    {
        if (await vault.Rotate(session, credential, secret, null, ct) is not ChangeOutcome.Changed and var refused)
            return new IntegrationOutcome.SecretRefused(refused);
        return await Write(session, null, changed, EndsPause(current, changed, newSecret: true), null, ct);
    }

    /// <summary>Address and credential change in one transaction: no secret ever goes to the server that it is not for.</summary>
    private async Task<IntegrationOutcome?> Replace(
        TenantSession session, Integration current, Integration changed, UpdateIntegrationRequest request, CancellationToken ct)
    {
        Statement? store = null;
        if (request.Secret is { } secret)
        {
            // A credential's name is unique for its owner, and the old one goes only after the new one has come.
            var password = SecretOf(IntegrationId.New(), current.Type, current.Workspace, changed.Config, secret);
            var prepared = await vault.Prepare(session, password, ct);
            if (prepared is PrepareOutcome.Refused refused)
                return Refusal(refused.Why);
            var ready = (PrepareOutcome.Ready)prepared;
            store = ready.Insert;
            changed = changed with { Credential = ready.Id, OwnsCredential = true, VaultSecret = null };
        }
        else if (request.CredentialId is { } given && given != current.Credential?.Value)
        {
            changed = changed with { Credential = new CredentialId(given), OwnsCredential = false, VaultSecret = null };
        }
        else if (request.VaultSecretId is { } named)
        {
            changed = changed with { Credential = null, OwnsCredential = false, VaultSecret = named };
        }
        var left = current is { OwnsCredential: true, Credential: { } old } && changed.Credential != old ? old : (CredentialId?)null;
        return await Write(session, store, changed, EndsPause(current, changed, newSecret: changed.Credential != current.Credential || changed.VaultSecret != current.VaultSecret), left, ct);
    }

    /// <summary>Another secret, user or server may be accepted; and a guard about another server's events means nothing.</summary>
    private static bool EndsPause(Integration current, Integration changed, bool newSecret) => current.Pause?.Reason switch
    {
        PauseReasons.Unauthorized or PauseReasons.CredentialRevoked => newSecret || changed.Config.Account != current.Config.Account,
        null => false,
        _ => changed.Config.Origin != current.Config.Origin,
    };

    private static Task<IntegrationOutcome?> Write(
        TenantSession session, Statement? store, Integration changed, bool endPause, CredentialId? left, CancellationToken ct) =>
        Guarded(() => session.Transact<int>(async transaction =>
        {
            if (store is { } insert)
                await transaction.Execute(ct, insert);
            if ((await transaction.Query(IntegrationRows.Update(changed, endPause), row => row.GetGuid(0), ct)).Count == 0)
                throw new NotAdminException();
            if (left is { } credential)
                await transaction.Execute(ct, CredentialVault.DeleteStatement(credential));
            return 0;
        }, ct));

    internal static NewCredential SecretOf(IntegrationId id, string type, WorkspaceId? workspace, IntegrationConfig config, Secret secret)
    {
        var (kind, description) = config switch
        {
            FeedConfig feed => (CredentialType.SECRET, $"Address of a feed at {feed.Host}"),
            ApiKeyConfig key => (CredentialType.API_KEY, $"Key of {key.Account}"),
            WebhookConfig webhook => (CredentialType.SECRET, $"Signs what is sent to {webhook.Host}"),
            _ => (CredentialType.PASSWORD, $"Password of {config.Account} at {config.Host}"),
        };
        return new($"integration {id}", type, kind, secret, workspace is null ? CredentialScope.USER : CredentialScope.WORKSPACE, workspace, description);
    }

    private static IntegrationOutcome Refusal(StoreOutcome outcome) => outcome switch
    {
        StoreOutcome.Invalid invalid => new IntegrationOutcome.Invalid(invalid.Errors.ToDictionary(
            error => error.Key == "value" ? "secret" : error.Key, error => error.Value, StringComparer.Ordinal)),
        _ => new IntegrationOutcome.NotFound(),
    };

    /// <returns>Null when it was done.</returns>
    private static async Task<IntegrationOutcome?> Guarded(Func<Task<int>> write)
    {
        try
        {
            await write();
            return null;
        }
        catch (NotAdminException)
        {
            return new IntegrationOutcome.NotAdmin();
        }
        catch (PostgresException e) when (e is { SqlState: PostgresErrorCodes.UniqueViolation, ConstraintName: "integrations_account_key" })
        {
            return new IntegrationOutcome.Exists();
        }
        catch (PostgresException e) when (e is { SqlState: PostgresErrorCodes.CheckViolation, ConstraintName: "integrations_config_check" })
        {
            // The rules before it said nothing: the net knows better, and names the column and what is wrong.
            return new IntegrationOutcome.Invalid(new Dictionary<string, string[]> { ["config"] = [e.MessageText + "."] });
        }
        catch (PostgresException e) when (e is { SqlState: PostgresErrorCodes.CheckViolation, ConstraintName: "integrations_plaintext_check" })
        {
            return new IntegrationOutcome.Invalid(new Dictionary<string, string[]>
            {
                ["config"] = ["or the label, the mappings or the schedule hold what looks like a password, key or token. Give it as secret: it then goes into the vault."],
            });
        }
        catch (PostgresException e) when (e is { SqlState: PostgresErrorCodes.ForeignKeyViolation, ConstraintName: "integrations_credential_fkey" or "integrations_vault_secret_fkey" or "integrations_workspace_fkey" })
        {
            return new IntegrationOutcome.NotFound();
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InsufficientPrivilege)
        {
            // Row-level security: no such workspace, or the caller is no admin of it.
            return new IntegrationOutcome.NotFound();
        }
    }

    /// <summary>Row-level security shows a row to a member of its workspace who may not change it; rolls back what went before.</summary>
    private sealed class NotAdminException : Exception;
}
