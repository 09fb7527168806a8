namespace Lockstep.Server.ChangeSync;

/// <summary>How the changes of a collection merge.</summary>
internal enum MergeKind
{
    /// <summary>Field by field: edits of different fields all survive.</summary>
    Fields,

    /// <summary>As a whole: the latest write replaces every field. A calendar event is one.</summary>
    Register,
}

/// <summary>The one conflict rule. Pure, and a join of a semilattice (Shapiro et al., 2011): in whatever order and however often
/// changes arrive, everybody ends with the same state.</summary>
/// <remarks>
/// <code>
/// (1) a field belongs to its latest write; equal times: the greater client id, then the greater JSON text
/// (2) the latest delete hides every field written at or before it
/// (3) a field written after the delete brings the record back, with the fields written since and no others
/// (4) a register is one field: its latest write or delete replaces everything; at the same time the delete wins
/// </code>
/// </remarks>
internal static class ConflictRule
{
    public static RecordState Merge(MergeKind kind, RecordState left, RecordState right) =>
        kind == MergeKind.Register ? MergeRegister(left, right) : MergeFields(left, right);

    private static RecordState MergeFields(RecordState left, RecordState right)
    {
        var deleted = Later(left.DeletedAt, right.DeletedAt);
        var written = Later(left.WrittenAt, right.WrittenAt);
        var fields = left.Fields.ToBuilder();
        foreach (var (name, value) in right.Fields)
            if (!fields.TryGetValue(name, out var present) || value.CompareTo(present) > 0) // (1)
                fields[name] = value;
        if (deleted is { } end)
        {
            fields.RemoveRange([.. fields.Where(field => field.Value.At <= end).Select(field => field.Key)]); // (2)
            written = written > end ? written : null; // (3)
        }
        return new RecordState(fields.ToImmutable(), written, deleted);
    }

    private static RecordState MergeRegister(RecordState left, RecordState right)
    {
        var deleted = Later(left.DeletedAt, right.DeletedAt);
        var winner = CompareWrites(left, right) >= 0 ? left : right;
        return winner.WrittenAt is { } written && (deleted is null || written > deleted)
            ? winner.DeletedAt == deleted ? winner : winner with { DeletedAt = deleted }
            : new RecordState(RecordState.NoFields, null, deleted); // (4)
    }

    private static int CompareWrites(RecordState left, RecordState right) =>
        Nullable.Compare(left.WrittenAt, right.WrittenAt) is var order and not 0
            ? order
            : string.CompareOrdinal(RegisterText(left), RegisterText(right));

    private static string RegisterText(RecordState state) =>
        string.Join('\n', state.Fields.Select(field => $"{field.Key}\t{field.Value.Json}\t{field.Value.At.Clock:x16}\t{field.Value.At.ClientId}"));

    private static FieldTime? Later(FieldTime? left, FieldTime? right) => Nullable.Compare(left, right) >= 0 ? left : right;
}
