using System.Buffers;
using System.Text;

namespace Lockstep.Server.Detection;

/// <summary>Takes away what makes a key look like one to a reader and not to a program.</summary>
/// <remarks>
/// Zero-width and other invisible characters go; full-width forms (U+FF01 to U+FF5E) and the mathematical alphabets (U+1D400 to U+1D7FF) become the
/// ASCII that they stand for. Done by hand: Unicode normalization depends on the globalization mode.
/// </remarks>
internal static class FoldedText
{
    private const char FirstFullWidth = '\uFF01';
    private const char LastFullWidth = '\uFF5E';

    /// <summary>The characters that make a text worth folding.</summary>
    private static readonly SearchValues<char> Suspicious = SearchValues.Create(
        string.Concat(Enumerable.Range(FirstFullWidth, LastFullWidth - FirstFullWidth + 1).Select(c => (char)c)) + Invisible + "\uD835");

    private static readonly SearchValues<char> Unseen = SearchValues.Create(Invisible);

    /// <summary>Soft hyphen, grapheme joiner, Arabic letter mark, Mongolian separators, zero-width space to right-to-left mark, embeddings,
    /// word joiner to nominal digit shapes, variation selectors, byte order mark.</summary>
    private const string Invisible =
        "\u00AD\u034F\u061C\u115F\u1160\u17B4\u17B5\u180B\u180C\u180D\u180E\u200B\u200C\u200D\u200E\u200F\u202A\u202B\u202C\u202D\u202E"
        + "\u2060\u2061\u2062\u2063\u2064\u2065\u2066\u2067\u2068\u2069\u206A\u206B\u206C\u206D\u206E\u206F\u3164"
        + "\uFE00\uFE01\uFE02\uFE03\uFE04\uFE05\uFE06\uFE07\uFE08\uFE09\uFE0A\uFE0B\uFE0C\uFE0D\uFE0E\uFE0F\uFEFF\uFFA0";

    /// <returns>The same string when there is nothing to fold.</returns>
    public static string Of(string text)
    {
        if (text.AsSpan().IndexOfAny(Suspicious) < 0)
            return text;
        var folded = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (Unseen.Contains(c))
                continue;
            if (c is >= FirstFullWidth and <= LastFullWidth)
                folded.Append((char)(c - FirstFullWidth + '!'));
            else if (char.IsHighSurrogate(c) && i + 1 < text.Length && Mathematical(char.IsLowSurrogate(text[i + 1]) ? char.ConvertToUtf32(c, text[i + 1]) : 0) is { } ascii)
            {
                folded.Append(ascii);
                i++;
            }
            else
                folded.Append(c);
        }
        return folded.ToString();
    }

    /// <summary>Thirteen alphabets of 52 letters from U+1D400 on, and five rows of ten digits from U+1D7CE on.</summary>
    private static char? Mathematical(int codePoint)
    {
        const int Letters = 0x1D400;
        const int Digits = 0x1D7CE;
        return codePoint switch
        {
            >= Digits and < Digits + 50 => (char)('0' + ((codePoint - Digits) % 10)),
            >= Letters and < Letters + (13 * 52) => "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"[(codePoint - Letters) % 52],
            _ => null,
        };
    }
}
