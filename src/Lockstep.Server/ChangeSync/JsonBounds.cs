using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace Lockstep.Server.ChangeSync;

/// <summary>How much JSON a push and one value of it may be. Bytes alone say little: three of them, <c>[],</c>, are two tokens, and each
/// costs tens of bytes and a step of every writer and reader after it.</summary>
internal static class JsonBounds
{
    /// <summary>Of a whole push, member names and brackets counted.</summary>
    public const int MostTokens = 1_000_000;

    /// <summary>Of one value: a field's or an actor.</summary>
    public const int MostValueTokens = 20_000;

    /// <summary>Bytes of one value as it is stored: UTF-8, compact, nothing escaped that need not be.</summary>
    public const int LargestValue = 2 * 1024 * 1024;

    public const string TooLargeCode = "value_too_large";

    public static string TooLargeDetail(string where) =>
        $"{where} is over {LargestValue >> 20} MiB or {MostValueTokens} JSON tokens. Split it over several records, or store it as a file.";

    /// <summary>Reads without building anything. What is not JSON counts up to where it breaks, as every parser stops there too.</summary>
    public static bool Fits(ReadOnlySpan<byte> json, int mostTokens)
    {
        var reader = new Utf8JsonReader(json);
        try
        {
            for (var tokens = 0; reader.Read();)
            {
                if (++tokens > mostTokens)
                    return false;
            }
        }
        catch (JsonException)
        {
            return true;
        }
        return true;
    }

    /// <summary>The text to store of a storable value, or null when the value is too large.</summary>
    public static string? Text(JsonElement value)
    {
        if (!Fits(JsonMarshal.GetRawUtf8Value(value), MostValueTokens))
            return null;
        var text = JsonText.Of(value);
        return Encoding.UTF8.GetByteCount(text) <= LargestValue ? text : null;
    }
}
