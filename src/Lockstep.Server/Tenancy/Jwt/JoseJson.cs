using System.Text.Json;
using System.Text.Unicode;

namespace Lockstep.Server.Tenancy.Jwt;

/// <summary>JSON as tokens and key sets need it: one object, every name once, every text readable (RFC 7515 section 4).</summary>
internal static class JoseJson
{
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 16 };

    /// <returns>Null unless <paramref name="utf8"/> is one JSON object without duplicate members, comments or trailing garbage.
    /// Texts inside never make <see cref="JsonElement.GetString"/> throw.</returns>
    public static JsonDocument? ParseObject(ReadOnlyMemory<byte> utf8)
    {
        if (!Utf8.IsValid(utf8.Span))
            return null;
        JsonDocument? document = null;
        try
        {
            document = JsonDocument.Parse(utf8, Strict);
            if (document.RootElement.ValueKind == JsonValueKind.Object)
            {
                ReadTexts(document.RootElement);
                return document;
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // Not JSON, or an escaped lone surrogate, which the reader reports as InvalidOperationException when the text is read.
        }

        document?.Dispose();
        return null;
    }

    /// <summary>The text of a member.</summary>
    /// <returns>False when it is there and no text; absent is true with null.</returns>
    public static bool TryText(this JsonElement parent, string name, out string? text)
    {
        text = null;
        if (!parent.TryGetProperty(name, out var member))
            return true;
        if (member.ValueKind != JsonValueKind.String)
            return false;
        text = member.GetString();
        return true;
    }

    private static void ReadTexts(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.String:
                _ = element.GetString();
                break;
            case JsonValueKind.Array:
                foreach (var item in element.EnumerateArray())
                    ReadTexts(item);
                break;
            case JsonValueKind.Object:
                foreach (var member in element.EnumerateObject())
                {
                    _ = member.Name;
                    ReadTexts(member.Value);
                }

                break;
            default:
                break;
        }
    }
}
