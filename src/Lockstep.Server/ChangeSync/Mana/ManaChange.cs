using System.Text.Json;
using Lockstep.Server.ChangeSync.Places;

namespace Lockstep.Server.ChangeSync.Mana;

/// <summary>One change of the mana wire.</summary>
internal static class ManaChange
{
    /// <summary>Characters; nothing else bounds it, and everybody who reads the change reads it.</summary>
    private const int LongestOrigin = 200;

    /// <param name="fault">Why it cannot be stored; the change returned is then a place-holder.</param>
    /// <exception cref="ManaFaultException">It names no record or no known operation: the client is broken, so nothing of the push is stored.</exception>
    public static Change Read(JsonElement json, string app, string clientId, int index, out ChangeResult? fault)
    {
        var table = Text(json, "table");
        var id = Text(json, "id");
        if (string.IsNullOrEmpty(table) || string.IsNullOrEmpty(id))
            throw new ManaFaultException(400, "invalid_change", $"missing table or id in change {index}");
        var op = Text(json, "op") switch
        {
            "insert" => ChangeOp.Insert,
            "update" => ChangeOp.Update,
            "delete" => ChangeOp.Delete,
            var other => throw new ManaFaultException(400, "invalid_change", $"invalid op \"{other}\" in change {index}"),
        };
        var data = Member(json, "data", JsonValueKind.Object, index);
        var fields = Member(json, "fields", JsonValueKind.Object, index);
        var change = new Change(app, table, id, op, clientId)
        {
            Scope = new Scope(Space(json, data, fields, out var naming)),
            Naming = naming,
            Origin = Text(json, "origin"),
            RepeatsAreNothing = true,
        };
        fault = Fault(json, change);
        if (fault is not null)
            return change with { Scope = Scope.Own };
        if (json.TryGetProperty("actor", out var actor) && actor.ValueKind != JsonValueKind.Null)
        {
            if (JsonBounds.Text(actor) is not { } text)
                return TooLarge(change, "actor", out fault);
            change = change with { Actor = text };
        }
        return op == ChangeOp.Delete ? Delete(change, json, out fault) : Write(change, data, fields, out fault);
    }

    public static string? Text(JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String &&
        JsonText.TextOf(value) is { } text ? text : null;

    private static Change Delete(Change change, JsonElement json, out ChangeResult? fault)
    {
        fault = null;
        return Text(json, "deletedAt") is not { Length: > 0 } text ? change
            : FieldTime.Parse(text, change.ClientId) is { } at ? change with { At = at }
            : Fail(change, "invalid_time", "deletedAt is not RFC 3339.", out fault);
    }

    // Without times of its own an insert counts as written when its data says, else before everything that has a time.
    private static Change Write(Change change, JsonElement? data, JsonElement? fields, out ChangeResult? fault)
    {
        fault = null;
        var writes = change.Fields.ToBuilder();
        if (data is { } record)
        {
            var at = Time(record, "updatedAt", change.ClientId) ?? Time(record, "createdAt", change.ClientId)
                ?? FieldTime.Of(0, 0, change.ClientId);
            if (change.Op == ChangeOp.Insert)
                change = change with { At = at };
            foreach (var member in record.EnumerateObject())
            {
                if (JsonBounds.Text(member.Value) is not { } json)
                    return TooLarge(change, $"data.{member.Name}", out fault);
                writes[member.Name] = new FieldWrite(json, at);
            }
        }
        if (fields is { } timed)
        {
            foreach (var member in timed.EnumerateObject())
            {
                if (member.Value.ValueKind is not (JsonValueKind.Object or JsonValueKind.Null))
                    return Fail(change, "invalid_fields", $"fields.{member.Name} is not {{value, at}}.", out fault);
                var text = Text(member.Value, "at") ?? Text(member.Value, "updatedAt");
                var at = string.IsNullOrEmpty(text) ? null : FieldTime.Parse(text, change.ClientId);
                if (at is null && !string.IsNullOrEmpty(text))
                    return Fail(change, "invalid_time", $"fields.{member.Name}.at is not RFC 3339.", out fault);
                if (change.Op == ChangeOp.Insert && data is not null && writes.TryGetValue(member.Name, out var present))
                    writes[member.Name] = present with { At = at ?? present.At };
                else if ((member.Value.ValueKind == JsonValueKind.Object && member.Value.TryGetProperty("value", out var value)
                    ? JsonBounds.Text(value) : "null") is { } json)
                    writes[member.Name] = new FieldWrite(json, at);
                else
                    return TooLarge(change, $"fields.{member.Name}", out fault);
            }
        }
        if (writes.Count > Names.MostFields || (writes.Count == 0 && change.Op == ChangeOp.Update))
            return Fail(change, "invalid_fields", $"An update has 1 to {Names.MostFields} fields.", out fault);
        if (writes.Keys.FirstOrDefault(name => !Names.IsName(name, Names.LongestField)) is { } wrong)
            return Fail(change, "invalid_fields", $"A field's name of {wrong.Length} characters; 1 to {Names.LongestField} are allowed.", out fault);
        return change with { Fields = writes.ToImmutable() };
    }

    private static ChangeResult? Fault(JsonElement json, Change change) =>
        !JsonText.IsStorable(json)
            ? ChangeResult.Rejected("unstorable_value", "The change holds a NUL, half a character or an endless number.")
            : !Names.IsName(change.Table, Names.LongestTable) || !Names.IsName(change.RecordId, Names.LongestRecordId)
                ? ChangeResult.Rejected("invalid_record_id", $"table has {Names.LongestTable} and id {Names.LongestRecordId} characters at most.")
                : change.Origin is { Length: > LongestOrigin }
                    ? ChangeResult.Rejected("invalid_origin", $"origin has {LongestOrigin} characters at most.")
                    : null;

    private static Change TooLarge(Change change, string where, out ChangeResult? fault) =>
        Fail(change, JsonBounds.TooLargeCode, JsonBounds.TooLargeDetail(where), out fault);

    private static Change Fail(Change change, string code, string detail, out ChangeResult? fault)
    {
        fault = ChangeResult.Rejected(code, detail);
        return change;
    }

    private static string Space(JsonElement json, JsonElement? data, JsonElement? fields, out Naming naming)
    {
        var inside = data is { } record && record.TryGetProperty(RecordPlaces.SpaceField, out var member) ? member : default;
        var timed = fields is { } edits && edits.TryGetProperty(RecordPlaces.SpaceField, out var field) && field.ValueKind == JsonValueKind.Object
            && field.TryGetProperty("value", out var value) ? value : default;
        var named = Text(json, RecordPlaces.SpaceField) is { Length: > 0 } beside ? beside : TextOf(inside) ?? TextOf(timed) ?? "";
        naming = inside.ValueKind != JsonValueKind.Undefined || timed.ValueKind != JsonValueKind.Undefined ? Naming.AsField
            : named.Length > 0 ? Naming.Beside : Naming.Anywhere;
        return named;
    }

    private static string? TextOf(JsonElement value) =>
        value.ValueKind == JsonValueKind.String && JsonText.TextOf(value) is { Length: > 0 } text ? text : null;

    private static FieldTime? Time(JsonElement json, string name, string clientId) =>
        Text(json, name) is { } text ? FieldTime.Parse(text, clientId) : null;

    private static JsonElement? Member(JsonElement json, string name, JsonValueKind kind, int index) =>
        !json.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null ? null
        : value.ValueKind == kind ? value
        : throw new ManaFaultException(400, "invalid_change", $"{name} is not an object in change {index}");
}
