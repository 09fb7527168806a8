using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Lockstep.Server.ChangeSync;

/// <summary>JSON values as one text each: compact, members in jsonb's order, numbers digit for digit as they came, and in strings nothing
/// escaped that need not be, as ECMAScript and RFC 8785 (section 3.2.2.2) write them. The encoders of .NET escape what they do not know
/// to be harmless, which differs between its versions; texts that decide a tie must not.</summary>
internal static class JsonText
{
    /// <summary>numeric holds 131,072 digits before the point and 16,383 after it (PostgreSQL manual, 8.1); far less is plenty.</summary>
    private const int LongestNumber = 1000;

    private static readonly JsonWriterOptions Compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    private static readonly SearchValues<char> Escaped = SearchValues.Create(['"', '\\', .. Enumerable.Range(0, 0x20).Select(c => (char)c)]);

    /// <param name="value">Storable, see <see cref="IsStorable(JsonElement)"/>.</param>
    public static string Of(JsonElement value)
    {
        var text = new StringBuilder();
        Write(text, value);
        return text.ToString();
    }

    /// <summary>A JSON text built by <paramref name="write"/>, for jsonb, which undoes the escapes.</summary>
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

    private static void Write(StringBuilder text, JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                var members = value.EnumerateObject()
                    .Select(member => (member.Name, Bytes: Encoding.UTF8.GetBytes(member.Name), member.Value))
                    .OrderBy(member => member.Bytes, JsonbOrder);
                var opening = '{';
                foreach (var (name, _, member) in members)
                {
                    text.Append(opening);
                    Quote(text, name);
                    text.Append(':');
                    Write(text, member);
                    opening = ',';
                }
                text.Append(opening == '{' ? "{}" : "}");
                break;
            case JsonValueKind.Array:
                var before = '[';
                foreach (var item in value.EnumerateArray())
                {
                    text.Append(before);
                    Write(text, item);
                    before = ',';
                }
                text.Append(before == '[' ? "[]" : "]");
                break;
            case JsonValueKind.String:
                Quote(text, value.GetString()!);
                break;
            default:
                text.Append(value.GetRawText());
                break;
        }
    }

    private static void Quote(StringBuilder text, ReadOnlySpan<char> plain)
    {
        text.Append('"');
        for (var at = plain.IndexOfAny(Escaped); at >= 0; at = plain.IndexOfAny(Escaped))
        {
            text.Append(plain[..at]).Append('\\');
            switch (plain[at])
            {
                case '\b':
                    text.Append('b');
                    break;
                case '\t':
                    text.Append('t');
                    break;
                case '\n':
                    text.Append('n');
                    break;
                case '\f':
                    text.Append('f');
                    break;
                case '\r':
                    text.Append('r');
                    break;
                case < ' ' and var control:
                    text.Append(CultureInfo.InvariantCulture, $"u{(int)control:x4}");
                    break;
                default:
                    text.Append(plain[at]);
                    break;
            }
            plain = plain[(at + 1)..];
        }
        text.Append(plain).Append('"');
    }

    // jsonb keeps members by length, then by bytes, so a text read back equals the text that went in.
    private static readonly Comparer<byte[]> JsonbOrder = Comparer<byte[]>.Create((left, right) =>
        left.Length != right.Length ? left.Length.CompareTo(right.Length) : left.AsSpan().SequenceCompareTo(right));
}
