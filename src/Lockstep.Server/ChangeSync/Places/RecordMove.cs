namespace Lockstep.Server.ChangeSync.Places;

/// <summary>What a record leaves in one scope and what arrives in another. Pure.</summary>
/// <remarks>
/// <code>
/// (1) where it was, a deletion that hides every field of it
/// (2) where it goes, all its fields with their times and those of the change merged into them; but where the record was before and was deleted, what is
///     not later than that deletion gets the time of the move: else it would stay hidden, by rule (2) of <see cref="ConflictRule"/>
/// </code>
/// </remarks>
internal static class RecordMove
{
    /// <summary>(1)</summary>
    /// <param name="now">When it arrived, by the database's clock.</param>
    public static RecordState Leave(RecordState record, FieldTime now) =>
        ConflictRule.Merge(MergeKind.Fields, record, RecordState.Delete(record.WrittenAt is { } written && written > now ? written : now));

    /// <summary>(2)</summary>
    /// <param name="there">What is known of it where it goes; not live.</param>
    /// <param name="record">As it was where it came from, with the change merged.</param>
    public static RecordState Arrive(RecordState there, RecordState record, FieldTime now)
    {
        if (there.DeletedAt is not { } end)
            return record;
        var stamp = now > end ? now : end with { Clock = end.Clock + 1 };
        var fields = record.Fields.ToBuilder();
        foreach (var (name, field) in record.Fields)
            if (field.At <= end)
                fields[name] = field with { At = stamp };
        return ConflictRule.Merge(MergeKind.Fields, there, new RecordState(fields.ToImmutable(), record.WrittenAt > end ? record.WrittenAt : stamp, record.DeletedAt is { } gone && gone < stamp ? gone : null));
    }
}
