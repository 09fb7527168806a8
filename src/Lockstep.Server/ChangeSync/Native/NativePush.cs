using System.Text.Json;
using System.Text.Json.Serialization;

namespace Lockstep.Server.ChangeSync.Native;

/// <param name="ClientId">One for each installation that keeps its own queue.</param>
internal sealed record NativePush(string ClientId, IReadOnlyList<NativeMutation> Mutations);

/// <param name="Id">Rises by one for each mutation of the client in this app, from 1.</param>
/// <param name="Op">insert, update or delete.</param>
/// <param name="At">When it was deleted, or written where a field has no time of its own; absent: when it arrives.</param>
/// <param name="SpaceId">Absent: the caller's own data.</param>
/// <param name="FromSpaceId">Moves the record: the space in which it is, empty for the caller's own data. With update alone.</param>
internal sealed record NativeMutation(
    long Id,
    string Table,
    string RecordId,
    string Op,
    IReadOnlyDictionary<string, NativeField>? Fields = null,
    string? At = null,
    string? SpaceId = null,
    JsonElement? Actor = null,
    int? SchemaVersion = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? FromSpaceId = null);

/// <param name="At">RFC 3339, with <c>-</c> and four hex digits where a clock counts within a millisecond.</param>
internal sealed record NativeField(JsonElement Value, string? At = null);

internal sealed record NativePushAnswer(IReadOnlyList<NativeResult> Results);

/// <param name="Status">applied, superseded, rejected, or duplicate: the same id twice in one push.</param>
/// <param name="ServerTime">With <c>clock_skew</c>: the server's time when it gave this answer, also to a repetition; RFC 3339.</param>
internal sealed record NativeResult(
    long Id,
    string Status,
    string? Code,
    string? Detail,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? ServerTime = null);
