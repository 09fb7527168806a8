using Lockstep.Server.Postgres;
using Npgsql;

namespace Lockstep.Server.ChangeSync;

/// <summary>Stores pushes that need no handler: one transaction for all of them, two round trips.</summary>
/// <remarks>
/// <code>
/// (1) lock every client, then every scope, always in the same order; read the records       one round trip
/// (2) each push merges with what those before it did                                        no I/O
/// (3) what each has written, as its caller, then COMMIT                                     one round trip
/// </code>
/// Nobody's outcome is told before the commit. What breaks breaks for all of them: the caller tries each alone then.
/// </remarks>
internal static class PushTransaction
{
    /// <returns>The scopes that have new changes; null when one of the pushes touches more scopes than it names, and nothing was stored.</returns>
    public static async Task<IReadOnlyCollection<Guid>?> Store(IReadOnlyList<WaitingPush> pushes, WriteRules rules, CancellationToken ct)
    {
        var book = new ScopeBook();
        var staged = pushes
            .OrderBy(push => push.Session.Caller.RequiredUser.Value).ThenBy(push => push.App, StringComparer.Ordinal).ThenBy(push => push.ClientId, StringComparer.Ordinal)
            .Select(push => (Push: push, Stage: new StagedPush(
                new ScopeWriter(null, rules.WithoutHandlers, push.Session.Caller.RequiredUser.Value, book), push.App, push.ClientId, push.Mutations)))
            .ToList();
        await using var transaction = await pushes[0].Session.Share(ct);
        await transaction.QueryAll(
        [
            .. staged.Select(entry => With(entry.Push, entry.Stage.OpenClient())),
            // The other way round, so that the last caller's context need not be set again.
            .. Enumerable.Reverse(staged).Select(entry => With(entry.Push, entry.Stage.OpenScopes([]))),
        ], ct);
        var sought = staged.Where(entry => entry.Stage.Seek() is not null).Select(entry => With(entry.Push, entry.Stage.Seek()!.Value)).ToList();
        if (sought.Count > 0)
            await transaction.QueryAll(sought, ct);
        var outcomes = new List<PushOutcome>(staged.Count);
        var writes = new List<(Tenancy.Caller, Statement)>();
        foreach (var (push, stage) in staged) // The first one's context stands.
        {
            var (outcome, statements) = await stage.Apply(ct);
            if (stage.Missing.Count > 0)
                return null;
            outcomes.Add(outcome);
            writes.AddRange(statements.Select(statement => (push.Session.Caller, statement)));
        }
        await transaction.Commit(writes, ct);
        for (var i = 0; i < staged.Count; i++)
            staged[i].Push.Complete(outcomes[i]);
        return [.. staged.SelectMany(entry => entry.Stage.ChangedScopes).Distinct()];
    }

    private static (Tenancy.Caller, Statement, Action<NpgsqlDataReader>) With(WaitingPush push, (Statement Statement, Action<NpgsqlDataReader> Row) read) =>
        (push.Session.Caller, read.Statement, read.Row);
}
