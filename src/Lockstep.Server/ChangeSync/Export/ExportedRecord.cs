using System.Text.Json;
using Lockstep.Server.ChangeSync.Schemas;
using Lockstep.Server.Postgres;
using Npgsql;

namespace Lockstep.Server.ChangeSync.Export;

/// <summary>One record as it stands, with every time that the conflict rule asks for: merged anywhere, any number of times, it is the same record.</summary>
/// <param name="Space">Null: the user's own.</param>
internal sealed record ExportedRecord(Guid Scope, string App, string Table, string RecordId, string? Space, int SchemaVersion, RecordState State)
{
    public const string Type = "record";

    public static ExportedRecord Read(NpgsqlDataReader row) => new(
        row.GetGuid(0), row.GetString(1), row.GetString(2), row.GetString(3), row.GetStringOrNull(4), row.GetInt32(5),
        StateText.Read(row.GetString(6), row.GetString(7), row.GetStringOrNull(8), row.GetStringOrNull(9)));

    /// <summary>As its table has it now.</summary>
    public ExportedRecord Upgraded(TableSchema? table) => table is null ? this : this with { State = table.Upgrade(State, 1, State.IsLive), SchemaVersion = table.Version };

    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("type", Type);
        json.WriteString("app", App);
        json.WriteString("table", Table);
        json.WriteString("recordId", RecordId);
        if (Space is not null)
            json.WriteString("spaceId", Space);
        json.WriteNumber("schemaVersion", SchemaVersion);
        WriteTime(json, "writtenAt", "writtenBy", State.WrittenAt);
        WriteTime(json, "deletedAt", "deletedBy", State.DeletedAt);
        json.WriteStartObject("fields");
        foreach (var (name, field) in State.Fields)
        {
            json.WriteStartObject(name);
            json.WritePropertyName("value");
            json.WriteRawValue(field.Json, skipInputValidation: true);
            WriteTime(json, "at", "clientId", field.At);
            json.WriteEndObject();
        }
        json.WriteEndObject();
        json.WriteEndObject();
    }

    /// <summary>A line of an export as changes: the delete if there was one, then the write if it is live.</summary>
    /// <returns>Null when the line is no record.</returns>
    public static IReadOnlyList<Change>? ToChanges(JsonElement line, TableSchemas schemas)
    {
        if (Text(line, "app") is not { } app || !Names.IsApp(app) || Text(line, "table") is not { } table || !Names.IsName(table, Names.LongestTable)
            || Text(line, "recordId") is not { } id || !Names.IsName(id, Names.LongestRecordId) || !JsonText.IsStorable(line))
            return null;
        var change = new Change(app, table, id, ChangeOp.Insert, "import")
        {
            Scope = new Scope(Text(line, "spaceId") ?? ""),
            IsRestored = true,
            SchemaVersion = line.TryGetProperty("schemaVersion", out var version) && version.TryGetInt32(out var number) && number > 0 && number <= schemas.NewestOf(app, table) ? number : 0,
        };
        if (change.SchemaVersion == 0 || !Time(line, "deletedAt", "deletedBy", out var deleted) || !Time(line, "writtenAt", "writtenBy", out var written))
            return null;
        var changes = new List<Change>(2);
        if (deleted is not null)
            changes.Add(change with { Op = ChangeOp.Delete, At = deleted });
        if (written is not null)
        {
            var fields = change.Fields.ToBuilder();
            if (!line.TryGetProperty("fields", out var members) || members.ValueKind != JsonValueKind.Object)
                return null;
            foreach (var member in members.EnumerateObject())
            {
                if (!Names.IsName(member.Name, Names.LongestField) || member.Value.ValueKind != JsonValueKind.Object || fields.Count == Names.MostFields
                    || !member.Value.TryGetProperty("value", out var value) || JsonBounds.Text(value) is not { } json || !Time(member.Value, "at", "clientId", out var at))
                    return null;
                fields[member.Name] = new FieldWrite(json, at);
            }
            changes.Add(change with { At = written, Fields = fields.ToImmutable() });
        }
        return changes.Count > 0 ? changes : null;
    }

    private static void WriteTime(Utf8JsonWriter json, string time, string client, FieldTime? at)
    {
        if (at is not { } given)
            return;
        json.WriteString(time, given.ToString());
        json.WriteString(client, given.ClientId);
    }

    private static bool Time(JsonElement json, string time, string client, out FieldTime? at)
    {
        at = Text(json, time) is { } text ? FieldTime.Parse(text, Text(json, client) ?? "") : null;
        return at is not null || !json.TryGetProperty(time, out _);
    }

    private static string? Text(JsonElement json, string name) => Mana.ManaChange.Text(json, name);
}
