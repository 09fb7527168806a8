using Lockstep.Server.ChangeSync.Export;
using Lockstep.Server.ChangeSync.Places;
using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Lockstep.Server.ChangeSync;

/// <summary>The door to the change log: who writes synced data goes through here, and whoever reads it in order.</summary>
internal sealed partial class ChangeLog(WriteRules rules, ScopeSignals signals, PushGroups groups, ILogger<ChangeLog> log)
{
    private const int Attempts = 4;

    /// <summary>Locks a scope until the transaction ends. Call it before touching rows that a handler of pushed changes touches as
    /// well: the handler holds the scope already, and whoever takes the two the other way round deadlocks with it.</summary>
    public static Task Lock(TenantTransaction transaction, Scope scope, CancellationToken ct) =>
        transaction.QueryAll(ct, (new Statement("SELECT count(*) FROM lockstep.lock_scopes($1)", (object)new[] { scope.Space }), _ => { }
    ));

    /// <summary>Merges and appends changes that a slice of ours made, in its own transaction; two round trips.</summary>
    /// <returns>One result a change, in order.</returns>
    public async Task<IReadOnlyList<ChangeResult>> Append(
        TenantTransaction transaction, Scope scope, IReadOnlyList<Change> changes, CancellationToken ct)
    {
        var scoped = changes.Select(change => change with { Scope = scope }).ToList();
        var writer = new ScopeWriter(transaction, WriteRules.None);
        await transaction.QueryAll(ct, writer.Open(scoped, []));
        var results = await ApplyAll(writer, scoped, ct);
        await transaction.Execute(ct, writer.Statements());
        transaction.AfterCommit(() => signals.Raise(writer.ChangedScopes));
        return results;
    }

    /// <summary>As <see cref="Append"/>, and ends the transaction; <paramref name="rows"/> go before the changes, in the round trip of the COMMIT.</summary>
    /// <returns>One result a change. When one is not applied nothing was written: throw, so that the transaction rolls back.</returns>
    public async Task<IReadOnlyList<ChangeResult>> AppendAndCommit(
        TenantTransaction transaction, Scope scope, IReadOnlyList<Change> changes, IEnumerable<Statement> rows, CancellationToken ct)
    {
        var scoped = changes.Select(change => change with { Scope = scope }).ToList();
        var writer = new ScopeWriter(transaction, WriteRules.None);
        await transaction.QueryAll(ct, writer.Open(scoped, []));
        var results = await ApplyAll(writer, scoped, ct);
        if (results.Any(result => result.Status != ChangeStatus.Applied))
            return results;
        await transaction.Commit(ct, [.. rows, .. writer.Statements()]);
        transaction.AfterCommit(() => signals.Raise(writer.ChangedScopes));
        return results;
    }

    /// <summary>A push of the native protocol: idempotent by mutation id, one transaction, two round trips.</summary>
    /// <remarks>Pushes to one scope that meet on this node share a transaction.</remarks>
    /// <param name="mutations">At least one, ids ascending.</param>
    public Task<PushOutcome> Push(
        TenantSession session, string app, string clientId, IReadOnlyList<NumberedChange> mutations, CancellationToken ct)
    {
        var space = mutations[0].Change.Scope.Space;
        if (rules.Handlers.For(app) is not null || mutations.Any(mutation => mutation.Change.Scope.Space != space || mutation.Change.FromSpace is not null || Visibility.Hides(mutation.Change)))
            return PushAlone(session, app, clientId, mutations, ct);
        var user = session.Caller.RequiredUser;
        return groups.Join(
            space.Length == 0 ? $"user {user}" : $"space {space}",
            $"{user}\n{app}\n{clientId}",
            new WaitingPush(session, app, clientId, mutations, ct),
            StoreGroup);
    }

    private Task<PushOutcome> PushAlone(
        TenantSession session, string app, string clientId, IReadOnlyList<NumberedChange> mutations, CancellationToken ct) =>
        WithAll(session, async (transaction, also) =>
        {
            var push = new StagedPush(new ScopeWriter(transaction, rules), app, clientId, mutations);
            await transaction.QueryAll(ct, push.OpenClient(), push.OpenScopes(also));
            if (push.Seek() is { } look)
                await transaction.QueryAll(ct, look);
            var (outcome, writes) = await push.Apply(ct);
            if (push.Missing.Count > 0)
                return (outcome, push.Missing);
            await transaction.Commit(ct, writes);
            transaction.AfterCommit(() => signals.Raise(push.ChangedScopes));
            return (outcome, []);
        }, ct);

    /// <summary>Completes every push of the group. What fails for the group is tried for each alone: one must not spoil it for the others.</summary>
    private async Task StoreGroup(IReadOnlyList<WaitingPush> group)
    {
        var present = new List<WaitingPush>(group.Count);
        foreach (var push in group)
        {
            if (push.RequestEnded.IsCancellationRequested)
                push.Cancel();
            else
                present.Add(push);
        }
        if (present.Count == 0)
            return;
        try
        {
            var changed = present.Count == 1
                ? await Retry(() => PushTransaction.Store(present, rules, CancellationToken.None))
                : await PushTransaction.Store(present, rules, CancellationToken.None);
            if (changed is not null)
                signals.Raise(changed);
            else if (present is [var push])
                push.Complete(await PushAlone(push.Session, push.App, push.ClientId, push.Mutations, CancellationToken.None));
            else
                foreach (var each in present)
                    await StoreGroup([each]);
        }
        catch (Exception) when (present.Count > 1)
        {
            foreach (var push in present.Where(push => !push.Outcome.IsCompleted))
                await StoreGroup([push]);
        }
        catch (Exception e)
        {
            present[0].Fail(e);
        }
    }

    /// <summary>A push of the mana protocol: all of it or, when a space is not the caller's, nothing; two round trips.</summary>
    /// <param name="faults">Why a change cannot be stored, by position; such a change is left out.</param>
    public Task<StoreOutcome> Store(
        TenantSession session, IReadOnlyList<Change> changes, IReadOnlyDictionary<int, ChangeResult> faults, CancellationToken ct) =>
        WithAll<StoreOutcome>(session, async (transaction, also) =>
        {
            var sound = changes.Where((_, i) => !faults.ContainsKey(i)).ToList();
            var writer = new ScopeWriter(transaction, rules);
            await transaction.QueryAll(ct, writer.Open(sound, also), writer.Look(sound));
            var foreign = Enumerable.Range(0, changes.Count).Where(i => !faults.ContainsKey(i) && !writer.Knows(changes[i].Scope)).ToList();
            if (foreign.Count > 0)
                return (new StoreOutcome.Foreign(foreign), []);
            var results = new List<ChangeResult>(changes.Count);
            for (var i = 0; i < changes.Count; i++)
                results.Add(faults.GetValueOrDefault(i) ?? await writer.Apply(changes[i], ct));
            if (writer.Missing.Count > 0)
                return (new StoreOutcome.Stored(results), writer.Missing);
            await transaction.Commit(ct, writer.Statements());
            transaction.AfterCommit(() => signals.Raise(writer.ChangedScopes));
            return (new StoreOutcome.Stored(results), []);
        }, ct);

    /// <summary>Merges changes that bring all their times with them, each for itself.</summary>
    /// <returns>One result a change, in order; one that was applied has a code where the record is not in all as it was.</returns>
    public Task<IReadOnlyList<ChangeResult>> Merge(TenantSession session, IReadOnlyList<Change> changes, CancellationToken ct) =>
        WithAll<IReadOnlyList<ChangeResult>>(session, async (transaction, also) =>
        {
            var (named, spares) = await Restoring.Name(transaction, rules.Handlers, changes, ct);
            var writer = new ScopeWriter(transaction, rules);
            await transaction.QueryAll(ct, writer.Open(named, [.. also, .. spares.Select(spare => Restoring.Place(spare.Value))]));
            if (writer.Seek(named) is { } look)
                await transaction.QueryAll(ct, look);
            var results = new List<ChangeResult>(named.Count);
            for (var i = 0; i < named.Count; i++)
            {
                var result = await writer.Apply(named[i], ct);
                results.Add(result.Code == RecordName.Unavailable && spares.TryGetValue(i, out var spare) ? await writer.Apply(spare, ct) : result);
            }
            if (writer.Missing.Count > 0)
                return (results, writer.Missing);
            await transaction.Commit(ct, writer.Statements());
            transaction.AfterCommit(() => signals.Raise(writer.ChangedScopes));
            return (results, []);
        }, ct);

    /// <summary>What the caller may see and has not seen; one round trip.</summary>
    public static Task<PullOutcome> Pull(TenantSession session, PullRequest request, CancellationToken ct) =>
        PullPage.Read(session, request, ct);

    private static async Task<IReadOnlyList<ChangeResult>> ApplyAll(ScopeWriter writer, List<Change> changes, CancellationToken ct)
    {
        var results = new List<ChangeResult>(changes.Count);
        foreach (var change in changes)
            results.Add(await writer.Apply(change, ct));
        return results;
    }

    // Scopes are locked in one order, so whoever finds while writing that it takes more of them lets go of all and begins again.
    private async Task<T> WithAll<T>(
        TenantSession session, Func<TenantTransaction, IReadOnlyList<Elsewhere>, Task<(T Result, IReadOnlyList<Elsewhere> Missing)>> work, CancellationToken ct)
    {
        var also = new List<Elsewhere>();
        for (var attempt = 1; attempt <= Attempts; attempt++)
        {
            var (result, missing) = await Retry(() => session.Transact(transaction => work(transaction, also), ct));
            if (missing.Count == 0)
                return result;
            also.AddRange(missing);
        }
        throw Busy();
    }

    // 40001 is also a membership that ended between the two round trips: the next attempt says so by name.
    private async Task<T> Retry<T>(Func<Task<T>> work)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await work();
            }
            catch (PostgresException e) when (attempt < Attempts && e.SqlState
                is PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.InsufficientPrivilege)
            {
                RetryingPush(log, attempt, e.SqlState);
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.LockNotAvailable)
            {
                throw Busy();
            }
        }
    }

    private static ProblemException Busy() => new(503, "scope_busy",
        "Another change to the same data takes long. Nothing was stored; send the same request again.", TimeSpan.FromSeconds(1));

    [LoggerMessage(2001, LogLevel.Information, "A push is tried again after attempt {Attempt} ended with {SqlState}")]
    private static partial void RetryingPush(ILogger logger, int attempt, string sqlState);
}
