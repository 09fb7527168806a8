namespace Lockstep.Server.ChangeSync.Schemas;

/// <summary>What brings a record of one version of its table to the next: names first, then what is dropped, then what is missing.</summary>
/// <param name="Rename">Former name to new one. Where both are there, the later write stays.</param>
/// <param name="Drop">Names of fields that are no more.</param>
/// <param name="Defaults">By name, JSON text; only for whole records, and older than any write.</param>
internal sealed record SchemaStep(IReadOnlyDictionary<string, string> Rename, IReadOnlyList<string> Drop, IReadOnlyDictionary<string, string> Defaults)
{
    /// <param name="whole">All fields of a record, not some that were written.</param>
    public RecordState Apply(RecordState state, bool whole)
    {
        var fields = state.Fields.ToBuilder();
        foreach (var (former, name) in Rename)
        {
            if (!fields.Remove(former, out var field))
                continue;
            if (!fields.TryGetValue(name, out var present) || field.CompareTo(present) > 0)
                fields[name] = field;
        }
        fields.RemoveRange(Drop);
        if (whole)
            foreach (var (name, json) in Defaults)
                fields.TryAdd(name, new FieldValue(json, FieldTime.Beginning));
        return state with { Fields = fields.ToImmutable() };
    }
}
