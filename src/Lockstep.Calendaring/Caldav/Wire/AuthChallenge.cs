namespace Lockstep.Calendaring.Caldav.Wire;

/// <summary>One challenge of a <c>WWW-Authenticate</c> header (RFC 9110 section 11.6.1), its parameters by lower-case name.</summary>
internal sealed record AuthChallenge(string Scheme, IReadOnlyDictionary<string, string> Parameters)
{
    public string? Get(string name) => Parameters.GetValueOrDefault(name);

    public bool Is(string scheme) => Scheme.Equals(scheme, StringComparison.OrdinalIgnoreCase);

    /// <summary>Reads all challenges; one header line may hold several, and their parameters share the comma with them.</summary>
    public static IReadOnlyList<AuthChallenge> ParseAll(IEnumerable<string> headers)
    {
        var all = new List<AuthChallenge>();
        foreach (var header in headers)
        {
            Dictionary<string, string>? parameters = null;
            foreach (var part in SplitOutsideQuotes(header))
            {
                var space = part.IndexOf(' ', StringComparison.Ordinal);
                var equals = part.IndexOf('=', StringComparison.Ordinal);
                var opens = equals < 0 || (space >= 0 && space < equals && part[..equals].Trim().Contains(' ', StringComparison.Ordinal));
                var rest = part;
                if (opens)
                {
                    parameters = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
                    all.Add(new AuthChallenge(space < 0 ? part : part[..space], parameters));
                    rest = space < 0 ? "" : part[(space + 1)..];
                }

                var at = rest.IndexOf('=', StringComparison.Ordinal);
                if (at > 0 && parameters is not null)
                    parameters[rest[..at].Trim()] = Unquote(rest[(at + 1)..].Trim());
            }
        }

        return all;
    }

    private static IEnumerable<string> SplitOutsideQuotes(string header)
    {
        var start = 0;
        var quoted = false;
        for (var i = 0; i < header.Length; i++)
        {
            if (quoted && header[i] == '\\')
                i++;
            else if (header[i] == '"')
                quoted = !quoted;
            else if (header[i] == ',' && !quoted)
            {
                if (header[start..i].Trim() is { Length: > 0 } part)
                    yield return part;
                start = i + 1;
            }
        }

        if (header[Math.Min(start, header.Length)..].Trim() is { Length: > 0 } last)
            yield return last;
    }

    private static string Unquote(string value)
    {
        if (value.Length < 2 || value[0] != '"' || value[^1] != '"')
            return value;
        var text = new System.Text.StringBuilder(value.Length);
        for (var i = 1; i < value.Length - 1; i++)
            text.Append(value[i] == '\\' && i + 1 < value.Length - 1 ? value[++i] : value[i]);
        return text.ToString();
    }
}
