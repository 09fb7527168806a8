using System.Collections.Immutable;
using System.Text.Json;

namespace Lockstep.Server.ChangeSync;

/// <summary>States as jsonb columns: <c>data</c> {name: value}, <c>field_times</c> {name: [milliseconds, counter, client]}. In a change the
/// time under the empty name, which no field has, is that of the write itself, where it is later than every field's: an insert without fields.</summary>
internal static class StateText
{
    public static string Data(RecordState state) => JsonText.Build(writer =>
    {
        writer.WriteStartObject();
        foreach (var (name, field) in state.Fields)
        {
            writer.WritePropertyName(name);
            writer.WriteRawValue(field.Json, skipInputValidation: true);
        }
        writer.WriteEndObject();
    });

    public static string Times(RecordState state) => JsonText.Build(writer =>
    {
        writer.WriteStartObject();
        foreach (var (name, field) in state.Fields)
        {
            writer.WritePropertyName(name);
            Write(writer, field.At);
        }
        writer.WriteEndObject();
    });

    /// <summary>Of one change in the log.</summary>
    public static string ChangeTimes(RecordState state) => LaterTimes(state) ?? Times(state);

    /// <summary>Of a change that was written later than each of its fields; null for another, whose times are the record's.</summary>
    public static string? LaterTimes(RecordState state) => state.WrittenAt is { } written && state.Fields.Values.All(field => field.At < written)
        ? Times(state with { Fields = state.Fields.Add("", new FieldValue("null", written)) })
        : null;

    /// <summary>Of one change in the log, from its <c>field_times</c>; null where its fields say it.</summary>
    public static FieldTime? WrittenAt(string times) => JsonText.Parse(times).TryGetProperty("", out var written) ? Time(written) : null;

    public static string? Time(FieldTime? time) => time is { } given ? JsonText.Build(writer => Write(writer, given)) : null;

    public static string Numbers(IReadOnlyDictionary<string, long> numbers) => JsonText.Build(writer =>
    {
        writer.WriteStartObject();
        foreach (var (name, number) in numbers)
            writer.WriteNumber(name, number);
        writer.WriteEndObject();
    });

    public static RecordState Read(string data, string times, string? writtenAt, string? deletedAt) =>
        new(Fields(data, times), Time(writtenAt), Time(deletedAt));

    public static ImmutableSortedDictionary<string, FieldValue> Fields(string data, string times)
    {
        var at = JsonText.Parse(times).EnumerateObject().ToDictionary(time => time.Name, time => Time(time.Value), StringComparer.Ordinal);
        return RecordState.NoFields.AddRange(JsonText.Parse(data).EnumerateObject().Select(field =>
            KeyValuePair.Create(field.Name, new FieldValue(JsonText.Of(field.Value), at.GetValueOrDefault(field.Name, FieldTime.Beginning)))));
    }

    public static FieldTime? Time(string? json) => json is null ? null : Time(JsonText.Parse(json));

    public static Dictionary<string, long> Numbers(string json) =>
        JsonText.Parse(json).EnumerateObject().ToDictionary(number => number.Name, number => number.Value.GetInt64(), StringComparer.Ordinal);

    private static FieldTime Time(JsonElement time) => FieldTime.Of(time[0].GetInt64(), time[1].GetInt32(), time[2].GetString()!);

    private static void Write(Utf8JsonWriter writer, FieldTime time)
    {
        writer.WriteStartArray();
        writer.WriteNumberValue(time.Milliseconds);
        writer.WriteNumberValue(time.Counter);
        writer.WriteStringValue(time.ClientId);
        writer.WriteEndArray();
    }
}
