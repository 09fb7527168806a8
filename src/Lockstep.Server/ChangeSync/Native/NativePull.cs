using System.Text.Json;
using System.Text.Json.Serialization;

namespace Lockstep.Server.ChangeSync.Native;

/// <param name="Cursor">Null: from the beginning.</param>
/// <param name="Collections">Table names; null for all of them.</param>
/// <param name="Limit">Changes a page; a stream has its own.</param>
internal sealed record NativePull(string? Cursor = null, string[]? Collections = null, int? Limit = null);

/// <param name="Cursor">Pass it back to get what comes after; opaque.</param>
/// <param name="RemovedScopes">Spaces that the caller has left: forget their data.</param>
internal sealed record NativePullAnswer(
    IReadOnlyList<NativeChangeView> Changes, string Cursor, bool HasMore, IReadOnlyList<string> RemovedScopes)
{
    public static NativePullAnswer Of(PullOutcome.Page page, string cursor) =>
        new([.. page.Changes.Select(NativeChangeView.Of)], cursor, page.HasMore, page.RemovedSpaces);
}

/// <param name="Fields">The fields to merge; each with its time and the client that breaks a tie.</param>
/// <param name="WrittenAt">When it was written, where no field says so: an insert without fields.</param>
/// <param name="DeletedAt">The delete to merge, also with an insert that came after one.</param>
/// <param name="Author">The user who made the change.</param>
internal sealed record NativeChangeView(
    string Table,
    string RecordId,
    string Op,
    IReadOnlyDictionary<string, NativeFieldView> Fields,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? WrittenAt,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? WrittenBy,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? DeletedAt,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? DeletedBy,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? SpaceId,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] JsonElement? Actor,
    int SchemaVersion,
    Guid Author)
{
    public static NativeChangeView Of(LoggedChange change) => new(
        change.Table,
        change.RecordId,
        AppendRows.Name(change.Op),
        change.State.Fields.ToDictionary(field => field.Key, field => new NativeFieldView(
            JsonText.Parse(field.Value.Json), field.Value.At.ToString(), field.Value.At.ClientId)),
        change.State.WrittenAt?.ToString(),
        change.State.WrittenAt?.ClientId,
        change.State.DeletedAt?.ToString(),
        change.State.DeletedAt?.ClientId,
        change.Space,
        change.Actor is { } actor ? JsonText.Parse(actor) : null,
        change.SchemaVersion,
        change.Author);
}

internal sealed record NativeFieldView(JsonElement Value, string At, string ClientId);
