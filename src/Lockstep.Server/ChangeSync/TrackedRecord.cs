namespace Lockstep.Server.ChangeSync;

internal readonly record struct RecordKey(Guid Scope, string App, string Table, string RecordId);

/// <summary>A record while a transaction changes it.</summary>
/// <param name="author">Who made it; null while nobody has.</param>
internal sealed class TrackedRecord(RecordState state, Dictionary<string, long> fieldSeq, Guid? author)
{
    public Guid? Author { get; private set; } = author;

    public RecordState State { get; private set; } = state;

    public long LastSeq { get; private set; }

    public string? Label { get; private set; }

    public int SchemaVersion { get; private set; }

    /// <summary>Which change brought each field that the record has now.</summary>
    public IReadOnlyDictionary<string, long> FieldSeq => fieldSeq;

    public static TrackedRecord New() => new(RecordState.Nothing, new Dictionary<string, long>(StringComparer.Ordinal), null);

    public void Become(RecordState after, RecordDelta delta, long seq, string? label, int schemaVersion, Guid by)
    {
        foreach (var name in fieldSeq.Keys.Where(name => !after.Fields.ContainsKey(name)).ToList())
            fieldSeq.Remove(name);
        foreach (var name in delta.State.Fields.Keys)
            if (!State.Fields.TryGetValue(name, out var before) || before != after.Fields[name])
                fieldSeq[name] = seq;
        (State, LastSeq, Label, SchemaVersion) = (after, seq, label, schemaVersion);
        Author ??= by;
    }
}
