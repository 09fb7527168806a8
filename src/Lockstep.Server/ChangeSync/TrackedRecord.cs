namespace Lockstep.Server.ChangeSync;

internal readonly record struct RecordKey(Guid Scope, string App, string Table, string RecordId);

/// <summary>A record while a transaction changes it.</summary>
/// <param name="author">Who made it; null while nobody has.</param>
/// <param name="movedAway">It is deleted because it went to another scope.</param>
internal sealed class TrackedRecord(RecordState state, Dictionary<string, long> fieldSeq, string? label, Guid? author, bool movedAway)
{
    public RecordState State { get; private set; } = state;

    public long LastSeq { get; private set; }

    /// <summary>The space that it names.</summary>
    public string? Label { get; private set; } = label;

    public int SchemaVersion { get; private set; }

    public Guid? Author { get; private set; } = author;

    public bool MovedAway => MovedTo is not null || LastSeq == 0 && movedAway;

    /// <summary>The scope to which this transaction moved it.</summary>
    public Guid? MovedTo { get; private set; }

    /// <summary>With <see cref="MovedTo"/>: it is in the space of before.</summary>
    public bool SameSpace { get; private set; }

    /// <summary>The scope from which this transaction moved it here.</summary>
    public Guid? MovedFrom { get; private set; }

    /// <summary>Which change brought each field that the record has now.</summary>
    public IReadOnlyDictionary<string, long> FieldSeq => fieldSeq;

    public static TrackedRecord New() => new(RecordState.Nothing, new Dictionary<string, long>(StringComparer.Ordinal), null, null, false);

    public void Become(RecordState after, RecordDelta delta, long seq, string? label, int schemaVersion, Guid by)
    {
        foreach (var name in fieldSeq.Keys.Where(name => !after.Fields.ContainsKey(name)).ToList())
            fieldSeq.Remove(name);
        foreach (var name in delta.State.Fields.Keys)
            if (!State.Fields.TryGetValue(name, out var before) || before != after.Fields[name])
                fieldSeq[name] = seq;
        (State, LastSeq, Label, SchemaVersion, MovedTo) = (after, seq, label, schemaVersion, null);
        Author ??= by;
    }

    public void Left(Guid scope, bool sameSpace) => (MovedTo, MovedFrom, SameSpace) = (scope, null, sameSpace);

    public void Came(Guid scope, Guid? author) => (MovedFrom, Author) = (scope, author);
}
