using System.Text.RegularExpressions;

namespace Lockstep.Server.Detection;

/// <summary>Whether a value that stands where a secret would stand looks like one.</summary>
internal static partial class RandomLooking
{
    private const int Shortest = 8;
    private const int Longest = 4_096;

    /// <summary>Bits of all characters together, by the Shannon entropy of the value itself: eight different characters have 24.</summary>
    private const double LeastBits = 22;

    public static bool Is(string value)
    {
        value = value.Trim().Trim('"', '\'');
        return AppPassword().IsMatch(value) || (value.Length is >= Shortest and <= Longest
            && !value.Any(char.IsWhiteSpace)
            && !Harmless().IsMatch(value)
            && Bits(value) >= LeastBits
            && IsMixed(value));
    }

    private static double Bits(string value)
    {
        var counts = new Dictionary<char, int>();
        foreach (var c in value)
            counts[c] = counts.GetValueOrDefault(c) + 1;
        return -counts.Values.Sum(count => count * Math.Log2((double)count / value.Length));
    }

    /// <summary>Words, also several in a row, are not random; digits between letters, and cases that change within a word, are.</summary>
    private static bool IsMixed(string value)
    {
        var letters = value.Count(char.IsAsciiLetter);
        var digits = value.Count(char.IsAsciiDigit);
        var others = value.Length - letters - digits;
        if (letters == 0)
            return digits >= 16 || (others > 0 && digits > 0 && !Number().IsMatch(value));
        if (digits > 0)
            return !WordAndNumber().IsMatch(value);
        // No digit: punctuation that joins no words, or letters without a word's shape.
        return Punctuation().IsMatch(value) || (letters >= 16 && others == 0 && !IsWord(value));
    }

    /// <summary>As names are written: <c>clientCredentials</c>, <c>CLIENT</c>; random letters change case at random and have few vowels.</summary>
    private static bool IsWord(string value)
    {
        var changes = 0;
        for (var i = 1; i < value.Length; i++)
        {
            if (char.IsUpper(value[i]) != char.IsUpper(value[i - 1]))
                changes++;
        }
        var vowels = value.Count(c => "aeiouyAEIOUY".Contains(c, StringComparison.Ordinal));
        return changes * 4 <= value.Length && vowels * 4 >= value.Length;
    }

    [GeneratedRegex(
        """
        ^(?i:
            (?:https?|wss?|ftp|file|urn|arn|mailto|tel|data|env|vault|ref|secretref|op|ssm|keychain|projects|did):.*   # where something is
          | \$\(?\{?.*\}?\)? | \{\{?.*\}?\} | <.*> | %[^%]+% | \[.*\] | \(.*\)                             # to be filled in
          | .*(?:example|placeholder|changeme|change-me|redacted|your[-_ ]|dummy|sample|insert|replace|\*\*\*|xxxx|\.\.\.).*
          | [/~].* | \.\.?/.* | [A-Z]:\\.*                                                                 # paths
          | [^\s@]+@[^\s@]+\.[a-z]{2,}                                                                     # an e-mail address
          | \d{4}-\d\d-\d\d(?:[T ].*)?                                                                     # a time
          | v?\d+(?:\.\d+)+(?:[-+][0-9a-z.-]+)?                                                            # a version
          | [0-9a-f]{16}:[0-9a-f:]+ | (?:sha(?:1|256|384|512)|md5)[-:].*                                   # a fingerprint
          | [a-z_]\w*(?:\.[a-z_]\w*)+[([].*                                                                # a call in program text
          | ssh-(?:rsa|ed25519|dss).* | ecdsa-sha2.* | -----BEGIN\ (?:PUBLIC|CERTIFICATE|RSA\ PUBLIC).*     # public
        )\z
        """, RegexOptions.IgnorePatternWhitespace | RegexOptions.Singleline | RegexOptions.CultureInvariant)]
    private static partial Regex Harmless();

    /// <summary><c>stripe-prod-2</c>, <c>oauth2</c>, <c>v2_token</c>: words with a number at an end of them.</summary>
    [GeneratedRegex(@"^(?:v?\d{1,4}[-_. ])?[A-Za-z]?[a-z]*(?:[-_. /:][A-Za-z]?[a-z]*){0,8}[-_. ]?\d{0,2}\z|^[A-Z]+(?:[-_. ][A-Z]+){0,8}[-_. ]?\d{0,2}\z")]
    private static partial Regex WordAndNumber();

    /// <summary>As calendar providers give them out: four groups of four small letters, with hyphens or spaces between.</summary>
    [GeneratedRegex(@"^[a-z]{4}(?:[- ][a-z]{4}){3}\z")]
    private static partial Regex AppPassword();

    [GeneratedRegex(@"^[-+]?[\d., :/()-]+\z")]
    private static partial Regex Number();

    [GeneratedRegex(@"[A-Za-z][!#$%^&*+=?~|;<>@]+(?:[A-Za-z!#$%^&*+=?~|;<>@]|\z)")]
    private static partial Regex Punctuation();
}
