using Lockstep.Server.ChangeSync.Places;
using Lockstep.Server.Postgres;

namespace Lockstep.Server.ChangeSync.Export;

/// <summary>Finds the ids under which restored records of another slice's app are merged: they may be here already, under others.</summary>
internal static class Restoring
{
    /// <returns>The changes with the ids of here, and by position those that are to be tried where the id turns out to be somebody else's.</returns>
    public static async Task<(IReadOnlyList<Change> Named, IReadOnlyDictionary<int, Change> Spares)> Name(
        TenantTransaction transaction, ChangeHandlers handlers, IReadOnlyList<Change> changes, CancellationToken ct)
    {
        var named = changes.ToArray();
        var spares = new Dictionary<int, Change>();
        var apps = Enumerable.Range(0, named.Length).GroupBy(i => named[i].App, StringComparer.Ordinal).Where(app => handlers.FinderFor(app.Key) is not null).ToList();
        if (apps.Count == 0)
            return (named, spares);
        // All of them at once and before anything is read: scopes are locked in one order, and nobody else writes these records from here on.
        await transaction.QueryAll(ct, (new Statement(
            "SELECT count(*) FROM lockstep.lock_scopes($1)", (object)changes.Select(change => change.Scope.Space).Distinct(StringComparer.Ordinal).ToArray()), static _ => { }
        ));
        foreach (var app in apps)
        {
            var at = app.ToArray();
            var found = await handlers.FinderFor(app.Key)!(transaction, [.. at.Select(i => named[i])], ct);
            for (var n = 0; n < at.Length; n++)
            {
                named[at[n]] = named[at[n]] with { RecordId = found[n].Id };
                if (found[n].Spare != found[n].Id)
                    spares[at[n]] = named[at[n]] with { RecordId = found[n].Spare };
            }
        }
        return (named, spares);
    }

    public static Elsewhere Place(Change change) => new(change.Scope.Space, change.App, change.Table, change.RecordId);
}
