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

    /// <summary>What quotas count, in characters: names, values and times; 0 once deleted.</summary>
    public int Size => IsLive ? Fields.Sum(each => 2 * each.Key.Length + each.Value.Json.Length + each.Value.At.ClientId.Length + TimeSize) : 0;

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
}
