using Lockstep.Server.ChangeSync.Places;
using Lockstep.Server.Postgres;
using Npgsql;

namespace Lockstep.Server.ChangeSync;

/// <summary>One push of the native protocol inside a transaction, which it may share with other pushes.</summary>
/// <param name="mutations">At least one, ids ascending.</param>
internal sealed class StagedPush(ScopeWriter writer, string app, string clientId, IReadOnlyList<NumberedChange> mutations)
{
    private readonly Receipts receipts = new(app, clientId);

    private IReadOnlyList<Change> Sound => [.. mutations.Where(mutation => mutation.Fault is null).Select(mutation => mutation.Change)];

    public IReadOnlyCollection<Guid> ChangedScopes => writer.ChangedScopes;

    /// <summary>First: whoever locks a scope before a client waits for who does it the other way round.</summary>
    public (Statement Statement, Action<NpgsqlDataReader> Row) OpenClient() => receipts.Open(mutations[0].Id, mutations[^1].Id);

    /// <param name="also">What an attempt before this one found <see cref="Missing"/>.</param>
    public (Statement Statement, Action<NpgsqlDataReader> Row) OpenScopes(IReadOnlyList<Elsewhere> also) => writer.Open(Sound, also);

    /// <summary>Null when nothing is to be looked for; after the two above.</summary>
    public (Statement Statement, Action<NpgsqlDataReader> Row)? Seek() => writer.Seek(Sound);

    /// <summary>Not empty: nothing of it may be stored, and it is to be tried again with these.</summary>
    public IReadOnlyList<Elsewhere> Missing => writer.Missing;

    /// <returns>The outcome if the statements commit; they are empty when nothing is to be stored.</returns>
    public async Task<(PushOutcome Outcome, IReadOnlyList<Statement> Writes)> Apply(CancellationToken ct)
    {
        if (receipts.Check(mutations) is { } refused)
            return (refused, []);
        var answer = new List<Receipt>(mutations.Count);
        var fresh = new List<Receipt>();
        foreach (var mutation in mutations)
        {
            if (receipts.Of(mutation) is { } known)
            {
                answer.Add(known);
                continue;
            }
            var receipt = new Receipt(mutation.Id, mutation.Hash, mutation.Fault ?? await writer.Apply(mutation.Change, ct));
            answer.Add(receipt);
            fresh.Add(receipt);
        }
        return (new PushOutcome.Stored(answer, writer.Now == default ? null : writer.Now), [.. writer.Statements(), .. receipts.Store(fresh)]);
    }
}
