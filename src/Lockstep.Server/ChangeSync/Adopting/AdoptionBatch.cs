namespace Lockstep.Server.ChangeSync.Adopting;

/// <summary>How rows are cut into transactions. Pure.</summary>
internal static class AdoptionBatch
{
    public const int MostRows = 500;
    private const int MostCharacters = 4 * 1024 * 1024;

    /// <summary>In their order. Where a record is looked for over all spaces is read before a transaction writes, so a record that is named in another
    /// place than before begins a new one.</summary>
    public static IEnumerable<IReadOnlyList<T>> Cut<T>(IEnumerable<T> rows, Func<T, AdoptedChange> change)
    {
        var batch = new List<T>();
        var named = new Dictionary<(string App, string Table, string RecordId), string>();
        var size = 0;
        foreach (var row in rows)
        {
            var (author, next, _) = change(row);
            var (key, place) = ((next.App, next.Table, next.RecordId), next.Scope.Space.Length > 0 ? next.Scope.Space : author.ToString());
            if (batch.Count >= MostRows || size >= MostCharacters || named.TryGetValue(key, out var before) && before != place)
            {
                yield return batch;
                (batch, size) = ([], 0);
                named.Clear();
            }
            batch.Add(row);
            named[key] = place;
            size += next.Fields.Values.Sum(field => field.Json.Length);
        }
        if (batch.Count > 0)
            yield return batch;
    }
}
