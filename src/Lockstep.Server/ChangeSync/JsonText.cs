using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Lockstep.Server.ChangeSync;

/// <summary>JSON values as one text each: compact, members in jsonb's order, numbers digit for digit as they came.</summary>
internal static class JsonText
{
    /// <summary>numeric holds 131,072 digits before the point and 16,383 after it (PostgreSQL manual, 8.1); far less is plenty.</summary>
    private const int LongestNumber = 1000;

    private static readonly JsonWriterOptions Compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    public static string Of(JsonElement value)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, Compact))
            Write(writer, value);
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    /// <summary>A JSON text built by <paramref name="write"/>.</summary>
    public static string Build(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, Compact))
            write(writer);
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    public static JsonElement Parse(string json)
    {
        using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 128 });
        return document.RootElement.Clone();
    }

    /// <summary>Whether jsonb can hold it: no NUL, no half of a surrogate pair, no number beyond numeric.</summary>
    public static bool IsStorable(JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.String:
                return IsStorable(TextOf(value));
            case JsonValueKind.Number:
                var raw = value.GetRawText();
                return raw.Length <= LongestNumber && (raw.IndexOfAny(['e', 'E']) is var e && (e < 0 ||
                    (int.TryParse(raw.AsSpan(e + 1), out var exponent) && Math.Abs(exponent) <= LongestNumber)));
            case JsonValueKind.Array:
                return value.EnumerateArray().All(IsStorable);
            case JsonValueKind.Object:
                return value.EnumerateObject().All(member => IsStorable(NameOf(member)) && IsStorable(member.Value));
            default:
                return true;
        }
    }

    public static bool IsStorable(string? text)
    {
        if (text is null)
            return false;
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '\0' || char.IsLowSurrogate(text[i]))
                return false;
            if (char.IsHighSurrogate(text[i]) && (++i == text.Length || !char.IsLowSurrogate(text[i])))
                return false;
        }
        return true;
    }

    /// <summary>Null for half a surrogate pair: the reader keeps <c>\ud800</c> as it came and fails only when asked for the text.</summary>
    public static string? TextOf(JsonElement value)
    {
        try
        {
            return value.GetString();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    private static string? NameOf(JsonProperty member)
    {
        try
        {
            return member.Name;
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    private static void Write(Utf8JsonWriter writer, JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                writer.WriteStartObject();
                foreach (var (name, _, member) in value.EnumerateObject()
                    .Select(member => (member.Name, Bytes: Encoding.UTF8.GetBytes(member.Name), member.Value))
                    .OrderBy(member => member.Bytes, JsonbOrder))
                {
                    writer.WritePropertyName(name);
                    Write(writer, member);
                }
                writer.WriteEndObject();
                break;
            case JsonValueKind.Array:
                writer.WriteStartArray();
                foreach (var item in value.EnumerateArray())
                    Write(writer, item);
                writer.WriteEndArray();
                break;
            default:
                value.WriteTo(writer);
                break;
        }
    }

    // jsonb keeps members by length, then by bytes, so a text read back equals the text that went in.
    private static readonly Comparer<byte[]> JsonbOrder = Comparer<byte[]>.Create((left, right) =>
        left.Length != right.Length ? left.Length.CompareTo(right.Length) : left.AsSpan().SequenceCompareTo(right));
}
