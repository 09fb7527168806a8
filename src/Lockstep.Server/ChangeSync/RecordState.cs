using System.Collections.Immutable;

namespace Lockstep.Server.ChangeSync;

/// <summary>A field's value, as compact JSON, and when it was written.</summary>
internal readonly record struct FieldValue(string Json, FieldTime At) : IComparable<FieldValue>
{
    /// <summary>By time; two values that one client gave the same time are ordered by their text, so that everybody picks the same.</summary>
    public int CompareTo(FieldValue other) => At.CompareTo(other.At) is var order and not 0 ? order : string.CompareOrdinal(Json, other.Json);
}

/// <summary>What is known of one record: the merged state, or one change to it, which is a small state of its own.</summary>
/// <param name="WrittenAt">The latest write, also one without fields; null when there is none after the delete.</param>
/// <param name="DeletedAt">The latest delete, kept when the record is written again; null when never deleted.</param>
internal sealed record RecordState(ImmutableSortedDictionary<string, FieldValue> Fields, FieldTime? WrittenAt, FieldTime? DeletedAt)
{
    public static readonly ImmutableSortedDictionary<string, FieldValue> NoFields =
        ImmutableSortedDictionary.Create<string, FieldValue>(StringComparer.Ordinal);

    private const int TimeSize = 24;

    public static readonly RecordState Nothing = new(NoFields, null, null);

    public bool IsLive => WrittenAt is not null;

    // A copy with other fields takes this along, so it says of which fields it is.
    private Written? written;

    /// <summary>What quotas count, in characters: names, values and times; 0 once deleted.</summary>
    public int Size => IsLive ? Texts.Size : 0;

    /// <summary>As jsonb columns; written when first asked for.</summary>
    public (string Data, string Times) Text => (Texts.Data, Texts.Times);

    private Written Texts => written is { } known && ReferenceEquals(known.Fields, Fields) ? known : written = Written.Of(this);

    /// <summary>A write of these fields, or an insert without any.</summary>
    public static RecordState Write(IEnumerable<KeyValuePair<string, FieldValue>> fields, FieldTime at)
    {
        var written = NoFields.AddRange(fields);
        return new RecordState(written, written.Values.Aggregate(at, (latest, field) => field.At > latest ? field.At : latest), null);
    }

    public static RecordState Delete(FieldTime at) => new(NoFields, null, at);

    public bool Equals(RecordState? other) =>
        other is not null && WrittenAt == other.WrittenAt && DeletedAt == other.DeletedAt && Fields.SequenceEqual(other.Fields);

    public override int GetHashCode() => HashCode.Combine(WrittenAt, DeletedAt, Fields.Count);

    private sealed record Written(ImmutableSortedDictionary<string, FieldValue> Fields, string Data, string Times, int Size)
    {
        public static Written Of(RecordState state)
        {
            var size = 0;
            foreach (var (name, field) in state.Fields)
                size += (2 * name.Length) + field.Json.Length + field.At.ClientId.Length + TimeSize;
            return new Written(state.Fields, StateText.Data(state), StateText.Times(state), size);
        }
    }
}
