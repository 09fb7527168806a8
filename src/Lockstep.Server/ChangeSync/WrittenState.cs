namespace Lockstep.Server.ChangeSync;

/// <summary>What one change says, as a state to merge. Pure.</summary>
internal static class WrittenState
{
    /// <param name="arrival">What counts where the change says no time of its own.</param>
    public static RecordState Of(Change change, MergeKind kind, FieldTime arrival)
    {
        if (change.Whole is { } whole && kind == MergeKind.Register)
            return whole;
        var at = change.At ?? arrival;
        if (change.Op == ChangeOp.Delete)
            return RecordState.Delete(at);
        var fields = change.Fields.Select(field => KeyValuePair.Create(field.Key, new FieldValue(field.Value.Json, field.Value.At ?? at))).ToList();
        if (fields.Count > 0 && (kind == MergeKind.Register || change.At is null && change.Fields.Values.All(field => field.At is not null)))
            at = fields.Max(field => field.Value.At);
        return kind == MergeKind.Register
            ? RecordState.Write(fields.Select(field => KeyValuePair.Create(field.Key, field.Value with { At = at })), at)
            : RecordState.Write(fields, at);
    }
}
