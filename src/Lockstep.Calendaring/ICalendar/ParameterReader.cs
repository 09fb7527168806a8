using System.Text;

namespace Lockstep.Calendaring.ICalendar;

/// <summary>Reads <c>NAME=value,"value";NAME=...</c>, the part between a property's name and its colon.</summary>
internal static class ParameterReader
{
    public static IReadOnlyList<Parameter> Read(ReadOnlySpan<char> text)
    {
        var parameters = new List<Parameter>();
        while (!text.IsEmpty)
        {
            var end = EndOf(text, ';');
            var one = text[..end];
            text = end < text.Length ? text[(end + 1)..] : [];
            var equals = one.IndexOf('=');
            var name = (equals < 0 ? one : one[..equals]).Trim();
            if (!name.IsEmpty)
                parameters.Add(new Parameter(name.ToString().ToUpperInvariant(), Values(equals < 0 ? [] : one[(equals + 1)..])));
        }
        return parameters;
    }

    private static List<string> Values(ReadOnlySpan<char> text)
    {
        var values = new List<string>(1);
        while (true)
        {
            var end = EndOf(text, ',');
            values.Add(Decode(text[..end]));
            if (end == text.Length)
                return values;
            text = text[(end + 1)..];
        }
    }

    /// <summary>The index of the separator outside quotes, or the length.</summary>
    private static int EndOf(ReadOnlySpan<char> text, char separator)
    {
        var quoted = false;
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '"')
                quoted = !quoted;
            else if (text[i] == separator && !quoted)
                return i;
        }
        return text.Length;
    }

    /// <summary>Takes the quotes off and undoes RFC 6868's carets; an unknown pair stays as it is (section 3.2).</summary>
    private static string Decode(ReadOnlySpan<char> value)
    {
        value = value.Trim();
        if (value.Length >= 2 && value[0] == '"' && value[^1] == '"')
            value = value[1..^1];
        if (!value.Contains('^'))
            return value.ToString();
        var decoded = new StringBuilder(value.Length);
        for (var i = 0; i < value.Length; i++)
        {
            var next = value[i] == '^' && i + 1 < value.Length ? value[i + 1] : '\0';
            var plain = next switch { 'n' => '\n', '^' => '^', '\'' => '"', _ => '\0' };
            decoded.Append(plain == '\0' ? value[i] : plain);
            if (plain != '\0')
                i++;
        }
        return decoded.ToString();
    }
}
