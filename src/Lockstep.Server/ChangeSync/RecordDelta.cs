namespace Lockstep.Server.ChangeSync;

internal enum ChangeOp
{
    Insert,
    Update,
    Delete,
}

/// <summary>What a merge changed, as it goes into the log: enough for a reader that has the state before.</summary>
/// <param name="State">The fields to merge, and the delete if there is one: a state of its own.</param>
internal sealed record RecordDelta(ChangeOp Op, RecordState State)
{
    /// <returns>Null when nothing changed: the change was superseded, or is a repetition.</returns>
    public static RecordDelta? Between(MergeKind kind, RecordState before, RecordState after)
    {
        if (before.Equals(after))
            return null;
        if (!after.IsLive)
            return new RecordDelta(ChangeOp.Delete, after);
        // A late delete can take single fields away. Readers that only know insert, update and delete get the whole record.
        if (!before.IsLive || before.DeletedAt != after.DeletedAt)
            return new RecordDelta(ChangeOp.Insert, after);
        if (kind == MergeKind.Register)
            return new RecordDelta(ChangeOp.Update, after);
        var changed = after.Fields.RemoveRange(
            after.Fields.Where(field => before.Fields.TryGetValue(field.Key, out var old) && old == field.Value).Select(field => field.Key));
        return new RecordDelta(ChangeOp.Update, after with { Fields = changed, WrittenAt = after.WrittenAt == before.WrittenAt ? null : after.WrittenAt, DeletedAt = null });
    }
}
