using System.Text.Json;
using System.Text.RegularExpressions;

namespace Lockstep.Server.Detection;

/// <summary>Looks for secrets in what is not meant to hold any. Says where and of which kind, never what.</summary>
/// <remarks>
/// <code>
/// JSON -> every member's name and value, arrays, JSON written into a string
///   text -> folded (zero-width, full-width)  -> known formats, as they stand and in base64     structured
///        -> random under a telling name, or after "password:" in a sentence                     generic
/// </code>
/// Pure, and linear in the text: no pattern backtracks.
/// </remarks>
internal static partial class SecretDetector
{
    private const int DeepestJson = 64;
    private const int DeepestNested = 3;

    /// <summary>One text under a name.</summary>
    /// <param name="name">The member, column or setting that holds it; empty for none.</param>
    public static IEnumerable<Finding> InText(string path, string name, string text) => InText(path, name, text, 0);

    /// <summary>A JSON value with everything in it.</summary>
    /// <param name="name">As of <see cref="InText(string, string, string)"/>.</param>
    public static IEnumerable<Finding> InJson(string path, string name, JsonElement value) => InJson(path, name, value, 0, 0);

    private static IEnumerable<Finding> InText(string path, string name, string text, int nested)
    {
        if (KindOf(name, text) is { } kind)
        {
            yield return new Finding(path, kind);
            yield break;
        }
        if (nested < DeepestNested && Nested(text) is { } document)
        {
            using (document)
            {
                foreach (var finding in InJson(path, name, document.RootElement, 0, nested + 1))
                    yield return finding;
            }
        }
    }

    private static IEnumerable<Finding> InJson(string path, string name, JsonElement value, int depth, int nested)
    {
        if (depth > DeepestJson)
            yield break;
        switch (value.ValueKind)
        {
            case JsonValueKind.String when Text(value) is { } text:
                foreach (var finding in InText(path, name, text, nested))
                    yield return finding;
                break;
            case JsonValueKind.Array:
                var i = 0;
                foreach (var item in value.EnumerateArray())
                {
                    foreach (var finding in InJson($"{path}[{i}]", name, item, depth + 1, nested))
                        yield return finding;
                    i++;
                }
                break;
            case JsonValueKind.Object:
                foreach (var (member, inner) in Members(value))
                {
                    // The path must not show a key that stands as a member's name.
                    var secret = KindOf("", member);
                    var at = path.Length == 0 ? Shown(member, secret) : $"{path}.{Shown(member, secret)}";
                    if (secret is not null)
                        yield return new Finding(at, secret);
                    foreach (var finding in InJson(at, member, inner, depth + 1, nested))
                        yield return finding;
                }
                break;
            default:
                break;
        }
    }

    private static string? KindOf(string name, string text)
    {
        var folded = FoldedText.Of(text);
        if (StructuredScan.Find(folded) is { } kind)
            return kind;
        if (name.Length > 0 && TellingName.Is(FoldedText.Of(name)) && RandomLooking.Is(folded))
            return Finding.Generic;
        return IsAssigned(folded) ? Finding.Generic : null;
    }

    /// <summary>Does a text give a name that says secret something that looks random?</summary>
    private static bool IsAssigned(string text)
    {
        for (var match = Assignment().Match(text); match.Success; match = match.NextMatch())
        {
            if (TellingName.Is(match.Groups["name"].Value) && RandomLooking.Is(match.Groups["value"].Value.TrimEnd('.', ',', ';', ')')))
                return true;
        }
        return false;
    }

    private static string Shown(string member, string? secret)
    {
        if (secret is not null || member.Length is 0 or > 64)
            return "?";
        return member.Any(char.IsControl) ? "?" : member;
    }

    /// <returns>Null when the string holds half of a surrogate pair, which no key does.</returns>
    private static string? Text(JsonElement value)
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

    private static IEnumerable<(string Name, JsonElement Value)> Members(JsonElement value)
    {
        foreach (var member in value.EnumerateObject())
        {
            string name;
            try
            {
                name = member.Name;
            }
            catch (InvalidOperationException)
            {
                name = "";
            }
            yield return (name, member.Value);
        }
    }

    private static JsonDocument? Nested(string text)
    {
        var start = text.AsSpan().TrimStart();
        if (start.Length < 2 || start[0] is not ('{' or '[' or '"'))
            return null;
        try
        {
            return JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = DeepestJson });
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary><c>password: ...</c>, <c>API_KEY=...</c>, <c>the token is ...</c>, <c>"secret": "..."</c> in a text. The name does not follow a colon or
    /// a slash, as in a path or an ARN; every part is bounded.</summary>
    [GeneratedRegex(
        """(?<![\w:/.-])(?<name>[A-Za-z][A-Za-z0-9_.-]{1,60}(?:[ ](?i:keys?|token|password|secret))?)["']?(?:\s{0,3}(?::=|=>|[:=])\s{0,3}|\s{1,3}(?:is|ist|was)\s{0,3}:?\s{0,3})["']?(?<value>[^\s"']{8,400})""",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex Assignment();
}
