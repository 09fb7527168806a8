using System.Text;
using System.Text.Json;

namespace Lockstep.Server.Vault;

/// <summary>Says whether PostgreSQL can keep a JSON object as it is: <c>jsonb</c> has no U+0000, no half surrogates and no numbers like 1e400000.</summary>
internal static class MetadataRules
{
    public const int MaxBytes = 8 * 1024;

    private const int LongestNumber = 64;

    /// <returns>Null when it passes, else what is wrong.</returns>
    public static string? Fault(JsonElement metadata) =>
        metadata.ValueKind != JsonValueKind.Object ? "must be a JSON object."
        : Encoding.UTF8.GetByteCount(metadata.GetRawText()) > MaxBytes ? $"has more than {MaxBytes} bytes; keep large data elsewhere and put a reference here."
        : ElementFault(metadata);

    private static string? ElementFault(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => element.EnumerateObject().Select(member => TextFault(() => member.Name) ?? ElementFault(member.Value)).FirstOrDefault(fault => fault is not null),
        JsonValueKind.Array => element.EnumerateArray().Select(ElementFault).FirstOrDefault(fault => fault is not null),
        JsonValueKind.String => TextFault(() => element.GetString()!),
        JsonValueKind.Number => NumberFault(element),
        _ => null,
    };

    private static string? TextFault(Func<string> read)
    {
        try
        {
            return read().Contains('\0', StringComparison.Ordinal) ? "holds the character U+0000, which the database cannot keep." : null;
        }
        catch (InvalidOperationException)
        {
            return "holds half of a surrogate pair (\\ud800 to \\udfff alone), which is not text.";
        }
    }

    private static string? NumberFault(JsonElement number)
    {
        var text = number.GetRawText();
        var mantissa = text.Split('e', 'E')[0];
        return text.Length <= LongestNumber
            && number.TryGetDouble(out var value)
            && double.IsFinite(value)
            && (value != 0 || !mantissa.AsSpan().ContainsAnyInRange('1', '9'))
                ? null
                : "holds a number that is too large, too small or too long; write it as a string.";
    }
}
