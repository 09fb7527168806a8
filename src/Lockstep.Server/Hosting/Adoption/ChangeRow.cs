using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Lockstep.Server.Calendars;
using Lockstep.Server.ChangeSync;
using Lockstep.Server.ChangeSync.Adopting;
using Lockstep.Server.ChangeSync.Mana;
using Lockstep.Server.ChangeSync.Schemas;
using Lockstep.Server.Http;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Tenancy.Jwt;
using NodaTime;

namespace Lockstep.Server.Hosting.Adoption;

/// <summary>Reads rows of a <see cref="ChangeSource"/> by the rules of what comes in over the wire: its columns are put together as their client has sent them.</summary>
/// <param name="user">Which user a subject is.</param>
internal sealed class ChangeRow(ChangeSource source, Func<string, UserId> user, TableSchemas schemas, Instant now)
{
    private ChangeColumns Columns => source.Columns!;

    /// <exception cref="FormatException">Says what is wrong, and never repeats a value.</exception>
    public AdoptedChange Read(SourceRow row)
    {
        var columns = Columns;
        var app = source.App ?? row.Text(columns.App!);
        if (!Names.IsApp(app))
            throw new FormatException($"{columns.App ?? "app"} is no app's name: 1 to {Names.LongestApp} letters, digits, '.', '_' or '-'");
        if (app == EventChanges.App)
            throw new FormatException("the records of app 'calendar' are the calendar's own here; take its integrations over instead");
        var receivedAt = Time(row.Json(columns.CreatedAt)) ?? throw new FormatException($"{columns.CreatedAt} is no time");
        if (receivedAt > now + FieldTime.LargestLead)
            throw new FormatException($"{columns.CreatedAt} is in the future");
        var subject = row.Text(columns.UserId!);
        if (subject.Length is 0 or > JwtClaims.MaximumSubjectLength)
            throw new FormatException($"{columns.UserId} is no subject of a token");
        var client = row.Optional(columns.ClientId) ?? "";
        if (client.Length > 0 && !Names.IsName(client, Names.LongestClientId))
            throw new FormatException($"{columns.ClientId} has more than {Names.LongestClientId} characters");
        var id = row.Text(columns.Id!);
        var change = Wire(row, app, client) with
        {
            Earlier = new EarlierEntry(Guid.TryParse(id, out var uuid) ? uuid : SubjectId.Derive($"adopted {source.Table}", id), receivedAt),
        };
        change = change with { SchemaVersion = Version(row, change) };
        return AdoptedChange.Of(user(subject), source.LateTimesCountAsArrival ? Sobered(change, receivedAt) : Timely(change));
    }

    private Change Wire(SourceRow row, string app, string client)
    {
        var (table, record, op) = (row.Text(Columns.Table!), row.Text(Columns.RecordId!), row.Text(Columns.Op!));
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("table", table);
            json.WriteString("id", record);
            json.WriteString("op", op);
            if (row.Optional(Columns.SpaceId) is { Length: > 0 } space)
                json.WriteString("spaceId", space);
            if (row.Optional(Columns.Origin) is { Length: > 0 } origin)
                json.WriteString("origin", origin);
            if (row.Json(Columns.Actor) is { } actor)
                Raw(json, "actor", actor);
            var (data, times) = (Object(row, Columns.Data), Object(row, Columns.FieldTimes));
            if (op == "delete")
                json.WriteString("deletedAt", Stamp(row.Json(Columns.DeletedAt)) ?? Stamp(Member(data, "deletedAt")) ?? Stamp(Member(times, "deletedAt")) ?? "");
            else
                WriteFields(json, op == "insert", data, times);
            json.WriteEndObject();
        }
        try
        {
            using var document = JsonDocument.Parse(buffer.WrittenMemory);
            var change = ManaChange.Read(document.RootElement, app, client, 0, out var fault);
            // An update of nothing is one.
            return fault is null || change is { Op: ChangeOp.Update, Fields.Count: 0 } && fault.Code == "invalid_fields" && Object(row, Columns.Data)?.EnumerateObject().Any() != true
                ? change
                : throw new FormatException(fault.Detail);
        }
        catch (ManaFaultException e)
        {
            throw new FormatException(e.Message.Replace(" in change 0", "", StringComparison.Ordinal));
        }
    }

    private static void WriteFields(Utf8JsonWriter json, bool insert, JsonElement? data, JsonElement? times)
    {
        if (insert && data is { } record)
            Raw(json, "data", record);
        json.WriteStartObject("fields");
        foreach (var member in data?.EnumerateObject().ToList() ?? [])
        {
            var at = Stamp(Member(times, member.Name));
            if (insert && at is null)
                continue;
            json.WriteStartObject(member.Name);
            Raw(json, "value", member.Value);
            if (at is not null)
                json.WriteString("at", at);
            json.WriteEndObject();
        }
        json.WriteEndObject();
    }

    private int Version(SourceRow row, Change change)
    {
        var newest = schemas.NewestOf(change.App, change.Table);
        var version = row.Optional(Columns.SchemaVersion) is { } text
            ? int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? Math.Max(number, 1) : throw new FormatException($"{Columns.SchemaVersion} is no number")
            : 1;
        return version <= newest ? version
            : throw new FormatException($"{Columns.SchemaVersion} is {version}, and {newest} is the newest that is known here of this table: declare its schemas first (docs/change-sync.md)");
    }

    private Change Timely(Change change)
    {
        var state = WrittenState.Of(change, MergeKind.Fields, FieldTime.Beginning);
        return state.WrittenAt?.IsAheadOf(now) == true || state.DeletedAt?.IsAheadOf(now) == true
            ? throw new FormatException("one of its times is in the future; \"lateTimesCountAsArrival\": true in the mapping takes the time of its arrival instead")
            : change;
    }

    private static Change Sobered(Change change, Instant receivedAt) => change with
    {
        At = change.At?.IsAheadOf(receivedAt) == true ? null : change.At,
        Fields = change.Fields.SetItems(change.Fields.Where(field => field.Value.At?.IsAheadOf(receivedAt) == true)
            .Select(field => KeyValuePair.Create(field.Key, field.Value with { At = null }))),
    };

    private static JsonElement? Object(SourceRow row, string? column) => row.Json(column) is not { } value ? null
        : value.ValueKind == JsonValueKind.Object ? value
        : throw new FormatException(value.ValueKind == JsonValueKind.String ? $"{column} is a text: read it through a view that casts it to jsonb" : $"{column} is no JSON object");

    private static JsonElement? Member(JsonElement? element, string name) =>
        element is { } given && given.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    /// <returns>RFC 3339 where it is a time; what it says where it is a text that is none.</returns>
    private static string? Stamp(JsonElement? value) => value is { ValueKind: JsonValueKind.Object } object_ ? Stamp(Member(object_, "at") ?? Member(object_, "updatedAt"))
        : Time(value) is { } time ? FieldTime.Of(time, "").ToRfc3339()
        : value?.ToString();

    /// <summary>Of RFC 3339, a timestamp of the database with or without its zone (then UTC), or milliseconds since 1970.</summary>
    private static Instant? Time(JsonElement? value) => value switch
    {
        { ValueKind: JsonValueKind.String } text => Rfc3339.Read(text.GetString()!) ?? Rfc3339.Read(text.GetString() + "Z"),
        { ValueKind: JsonValueKind.Number } number when number.TryGetInt64(out var ms) && ms is >= 0 and < 1L << 48 => Instant.FromUnixTimeMilliseconds(ms),
        _ => null,
    };

    private static void Raw(Utf8JsonWriter json, string name, JsonElement value)
    {
        json.WritePropertyName(name);
        json.WriteRawValue(value.GetRawText(), skipInputValidation: true);
    }
}
