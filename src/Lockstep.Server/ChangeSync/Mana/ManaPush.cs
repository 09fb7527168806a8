using System.Text.Json;
using Lockstep.Server.ChangeSync.Schemas;

namespace Lockstep.Server.ChangeSync.Mana;

/// <summary>A push as the mana protocol spells it. Unknown members are ignored: newer clients send them.</summary>
/// <param name="Faults">Changes that cannot be stored, by position; each is rejected alone.</param>
internal sealed record ManaPush(string ClientId, string? Since, IReadOnlyList<Change> Changes, IReadOnlyDictionary<int, ChangeResult> Faults)
{
    private const int MostChanges = 10_000;

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 64 };

    /// <param name="client">From the header; wins over the body when not empty.</param>
    /// <exception cref="ManaFaultException">The push as a whole cannot be read.</exception>
    public static ManaPush Read(ReadOnlyMemory<byte> body, string app, string? client, TableSchemas schemas)
    {
        using var document = Parse(body);
        var root = document.RootElement;
        if (root.ValueKind != JsonValueKind.Object)
            throw new ManaFaultException(400, "invalid_json", "the body is not an object");
        var usual = RequireSchema(root, schemas.NewestOf(app)) ?? 1;
        var clientId = string.IsNullOrEmpty(client) ? ManaChange.Text(root, "clientId") ?? "" : client;
        if (clientId.Length > 0 && !Names.IsName(clientId, Names.LongestClientId))
            throw new ManaFaultException(422, "invalid_client_id", $"clientId has {Names.LongestClientId} characters at most and no NUL");
        // A client that was wiped may have nothing but its name to say. What says none of it is the body of another protocol; as a push without changes it would be lost.
        if (!root.TryGetProperty("changes", out _) && (root.TryGetProperty("mutations", out _) || !root.TryGetProperty("since", out _) && !root.TryGetProperty("clientId", out _)))
            throw new ManaFaultException(400, "invalid_changes", "changes is missing: send {\"clientId\": ..., \"since\": ..., \"changes\": [...]}");
        var changes = new List<Change>();
        var faults = new Dictionary<int, ChangeResult>();
        if (root.TryGetProperty("changes", out var list) && list.ValueKind != JsonValueKind.Null)
        {
            if (list.ValueKind != JsonValueKind.Array)
                throw new ManaFaultException(400, "invalid_changes", "changes is not an array");
            if (list.GetArrayLength() > MostChanges)
                throw new ManaFaultException(422, "too_many_changes", $"{MostChanges} changes at most in one push");
            foreach (var change in list.EnumerateArray())
            {
                var newest = ManaChange.Text(change, "table") is { } table ? schemas.NewestOf(app, table) : Names.NewestSchema;
                var version = RequireSchema(change, newest) ?? Math.Min(usual, newest);
                var read = ManaChange.Read(change, app, clientId, changes.Count, out var fault);
                if (fault is not null)
                    faults[changes.Count] = fault;
                changes.Add(read with { SchemaVersion = version });
            }
        }
        return new ManaPush(clientId, ManaChange.Text(root, "since"), changes, faults);
    }

    private static JsonDocument Parse(ReadOnlyMemory<byte> body)
    {
        try
        {
            return JsonDocument.Parse(body, Strict);
        }
        catch (JsonException e)
        {
            throw new ManaFaultException(400, "invalid_json", $"the body is not JSON with each member once: line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}");
        }
    }

    /// <returns>Null when it says none; 0 and below count as 1.</returns>
    private static int? RequireSchema(JsonElement element, int newest)
    {
        if (element.ValueKind == JsonValueKind.Object && element.TryGetProperty("schemaVersion", out var version) &&
            version.ValueKind == JsonValueKind.Number)
            return version.TryGetInt32(out var number) && number <= newest ? Math.Max(number, 1) : throw new ManaFaultException(400, "schema_too_new", $"unsupported schemaVersion {version.GetRawText()} (max {newest})");
        return null;
    }
}

/// <summary>A request that is refused as a whole.</summary>
internal sealed class ManaFaultException(int status, string code, string detail) : Exception(detail)
{
    public int Status => status;

    public string Code => code;
}
