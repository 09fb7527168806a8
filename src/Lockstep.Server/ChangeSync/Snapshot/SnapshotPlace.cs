using System.Buffers.Text;
using System.Text.Json;

namespace Lockstep.Server.ChangeSync.Snapshot;

/// <summary>How far a snapshot was read: the record after which it goes on.</summary>
/// <param name="Scope">Scopes come in the order of their ids.</param>
internal readonly record struct SnapshotPlace(Guid Scope, string Table, string RecordId)
{
    public static readonly SnapshotPlace Start = new(Guid.Empty, "", "");

    /// <summary>Behind the cursor of the snapshot's beginning. Not signed: it says where in one's own data to go on, no more.</summary>
    public string After(string cursor) => $"{cursor}.{Base64Url.EncodeToString(JsonSerializer.SerializeToUtf8Bytes(new[] { Scope.ToString(), Table, RecordId }))}";

    /// <returns>Null when it is not one of ours.</returns>
    public static (string Cursor, SnapshotPlace Place)? Read(string text)
    {
        if (text.Split('.') is not [{ Length: > 0 } cursor, var place] || !Base64Url.IsValid(place))
            return null;
        try
        {
            return JsonSerializer.Deserialize<string[]>(Base64Url.DecodeFromChars(place)) is [var scope, { } table, { } record]
                && Guid.TryParseExact(scope, "D", out var id) && JsonText.IsStorable(table) && JsonText.IsStorable(record)
                ? (cursor, new SnapshotPlace(id, table, record))
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
