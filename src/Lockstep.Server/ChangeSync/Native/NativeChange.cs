using System.Security.Cryptography;
using System.Text.Json;
using Lockstep.Server.ChangeSync.Schemas;
using Lockstep.Server.Http;

namespace Lockstep.Server.ChangeSync.Native;

/// <summary>A mutation of the wire as a change, or why it cannot be one.</summary>
internal static class NativeChange
{
    public static NumberedChange Read(NativeMutation mutation, string app, string clientId, TableSchemas schemas)
    {
        var hash = Convert.ToHexStringLower(SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(mutation, StrictJson.Options)).AsSpan(0, 16));
        try
        {
            return new NumberedChange(mutation.Id, ToChange(mutation, app, clientId, schemas), hash, null);
        }
        catch (UnusableException e)
        {
            return new NumberedChange(mutation.Id, new Change(app, "", "", ChangeOp.Update, clientId), hash, ChangeResult.Rejected(e.Code, e.Message));
        }
    }

    private static Change ToChange(NativeMutation mutation, string app, string clientId, TableSchemas schemas)
    {
        Require(Names.IsName(mutation.Table, Names.LongestTable), "invalid_table", $"table has 1 to {Names.LongestTable} characters and no NUL.");
        Require(Names.IsName(mutation.RecordId, Names.LongestRecordId), "invalid_record_id", $"recordId has 1 to {Names.LongestRecordId} characters and no NUL.");
        Require(mutation.SpaceId is null || JsonText.IsStorable(mutation.SpaceId), "unstorable_value", "spaceId holds a NUL or half a character.");
        Require(mutation.FromSpaceId is null || JsonText.IsStorable(mutation.FromSpaceId), "unstorable_value", "fromSpaceId holds a NUL or half a character.");
        Require(mutation.Actor is null || JsonText.IsStorable(mutation.Actor.Value), "unstorable_value", "actor holds a NUL, half a character or an endless number.");
        Require(mutation.SchemaVersion is null or > 0, "invalid_schema_version", "schemaVersion is 1 or more.");
        Require(mutation.SchemaVersion is not { } version || version <= schemas.NewestOf(app, mutation.Table), "schema_too_new", $"This server knows versions of the table up to {schemas.NewestOf(app, mutation.Table)}. Declare the new one before clients write it.");
        var op = mutation.Op switch
        {
            "insert" => ChangeOp.Insert,
            "update" => ChangeOp.Update,
            "delete" => ChangeOp.Delete,
            _ => throw new UnusableException("invalid_op", "op is insert, update or delete."),
        };
        var fields = mutation.Fields ?? new Dictionary<string, NativeField>();
        Require(op != ChangeOp.Delete || fields.Count == 0, "invalid_fields", "A delete has no fields.");
        Require(op == ChangeOp.Update || mutation.FromSpaceId is null, "invalid_op", "A record is moved by an update; fromSpaceId goes with nothing else.");
        Require(op != ChangeOp.Update || fields.Count > 0 || mutation.FromSpaceId is not null, "invalid_fields", "An update has at least one field, or a fromSpaceId.");
        Require(fields.Count <= Names.MostFields, "invalid_fields", $"A change has {Names.MostFields} fields at most.");
        var change = new Change(app, mutation.Table, mutation.RecordId, op, clientId)
        {
            At = Time(mutation.At, "at", clientId),
            Scope = new Scope(mutation.SpaceId ?? ""),
            FromSpace = mutation.FromSpaceId,
            MutationId = mutation.Id,
            Actor = mutation.Actor is { ValueKind: not JsonValueKind.Null } actor ? Text(actor, "actor") : null,
            SchemaVersion = mutation.SchemaVersion ?? 1,
        };
        return change with { Fields = change.Fields.AddRange(fields.Select(field => Field(field.Key, field.Value, clientId))) };
    }

    // The serializer keeps nulls out of members, not out of dictionaries.
    private static KeyValuePair<string, FieldWrite> Field(string name, NativeField? field, string clientId)
    {
        Require(Names.IsName(name, Names.LongestField), "invalid_fields", $"A field's name has 1 to {Names.LongestField} characters and no NUL.");
        if (field is null)
            throw new UnusableException("invalid_fields", $"fields.{name} is null; it is {{value, at}}, and null is a value.");
        Require(JsonText.IsStorable(field.Value), "unstorable_value", $"fields.{name} holds a NUL, half a character or an endless number.");
        return KeyValuePair.Create(name, new FieldWrite(Text(field.Value, $"fields.{name}"), Time(field.At, $"fields.{name}.at", clientId)));
    }

    private static string Text(JsonElement value, string where) =>
        JsonBounds.Text(value) ?? throw new UnusableException(JsonBounds.TooLargeCode, JsonBounds.TooLargeDetail(where));

    private static FieldTime? Time(string? text, string field, string clientId) => text is null
        ? null
        : FieldTime.Parse(text, clientId) ?? throw new UnusableException("invalid_time", $"{field} is RFC 3339, such as 2026-03-01T09:00:00.250Z.");

    private static void Require(bool holds, string code, string message)
    {
        if (!holds)
            throw new UnusableException(code, message);
    }

    private sealed class UnusableException(string code, string message) : Exception(message)
    {
        public string Code => code;
    }
}
