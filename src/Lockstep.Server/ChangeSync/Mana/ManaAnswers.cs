using System.Text.Json;
using System.Text.Json.Serialization;

namespace Lockstep.Server.ChangeSync.Mana;

/// <param name="Conflicts">Always empty: the server merges. Clients read it.</param>
/// <param name="Rejected">Changes that were left out; absent when all were stored.</param>
internal sealed record ManaPushAnswer(
    IReadOnlyList<ManaChangeView> ServerChanges,
    IReadOnlyList<object> Conflicts,
    string SyncedUntil,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] bool HasMore,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<ManaRejection>? Rejected);

/// <param name="ServerTime">With <c>clock_skew</c>: what the client's clock should say.</param>
internal sealed record ManaRejection(
    int Index,
    string? Code,
    string? Detail,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? ServerTime);

internal sealed record ManaPullAnswer(IReadOnlyList<ManaChangeView> Changes, string SyncedUntil, bool HasMore);

/// <summary>The <c>changes</c> event of a stream.</summary>
internal sealed record ManaStreamPage(string Table, IReadOnlyList<ManaChangeView> Changes, string SyncedUntil, bool HasMore);

internal sealed record ManaChangeView(
    string Table,
    string Id,
    string Op,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? SpaceId,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] JsonElement? Actor,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Origin,
    Guid EventId,
    int SchemaVersion,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyDictionary<string, JsonElement>? Data,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyDictionary<string, ManaFieldView>? Fields,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? DeletedAt)
{
    public static ManaChangeView Of(LoggedChange change) => new(
        change.Table,
        change.RecordId,
        AppendRows.Name(change.Op),
        change.Space,
        change.Actor is { } actor ? JsonText.Parse(actor) : null,
        change.Origin,
        change.EventId,
        change.SchemaVersion,
        change.Op == ChangeOp.Insert ? change.State.Fields.ToDictionary(field => field.Key, field => JsonText.Parse(field.Value.Json)) : null,
        change.Op == ChangeOp.Update
            ? change.State.Fields.ToDictionary(field => field.Key, field => new ManaFieldView(JsonText.Parse(field.Value.Json), field.Value.At.ToRfc3339()))
            : null,
        change.Op == ChangeOp.Delete ? change.State.DeletedAt?.ToRfc3339() : null);
}

internal sealed record ManaFieldView(JsonElement Value, string At);
