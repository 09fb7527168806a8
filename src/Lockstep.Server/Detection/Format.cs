using System.Text.RegularExpressions;

namespace Lockstep.Server.Detection;

/// <summary>The shape of one provider's keys.</summary>
/// <param name="Anchors">Texts of which each key holds one; the search looks for these alone.</param>
/// <param name="Before">How many characters of the key stand before its anchor.</param>
/// <param name="Pattern">The whole key, without look-around: it runs in time linear to the text, whatever the text is.</param>
/// <param name="Confirm">What the pattern cannot say; null when it says all.</param>
internal sealed record Format(string Kind, string[] Anchors, int Before, string Pattern, Func<string, bool>? Confirm = null)
{
    private readonly Lazy<Regex> regex = new(() => new Regex($@"\A(?:{Pattern})", RegexOptions.NonBacktracking | RegexOptions.CultureInvariant));

    /// <summary>Is there a key of this format whose anchor stands at <paramref name="anchor"/>?</summary>
    /// <remarks>Inside of a longer word there is none: an image in base64 would otherwise hold every short format at some place.</remarks>
    public bool IsAt(string text, int anchor)
    {
        var start = anchor - Before;
        if (start < 0 || (start > 0 && char.IsAsciiLetterOrDigit(text[start - 1]) && char.IsAsciiLetterOrDigit(text[start])))
            return false;
        foreach (var match in regex.Value.EnumerateMatches(text.AsSpan(start)))
        {
            var end = start + match.Length;
            var whole = end == text.Length || !char.IsAsciiLetterOrDigit(text[end]) || !char.IsAsciiLetterOrDigit(text[end - 1]);
            return whole && (Confirm is null || Confirm(text[start..end]));
        }
        return false;
    }
}
