using System.Text;

namespace Lockstep.Calendaring.ICalendar;

/// <summary>Values of type TEXT (RFC 5545 section 3.3.11).</summary>
public static class TextValue
{
    /// <summary>Escapes backslash, semicolon, comma and line breaks; other control characters are left out, they may not stand in TEXT.</summary>
    public static string Escape(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var escaped = new StringBuilder(text.Length + 8);
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (c is '\\' or ';' or ',')
                escaped.Append('\\').Append(c);
            else if (c == '\n' || (c == '\r' && (i + 1 == text.Length || text[i + 1] != '\n')))
                escaped.Append("\\n");
            else if (c == '\t' || !char.IsControl(c) || c >= 0x80)
                escaped.Append(c);
        }
        return escaped.ToString();
    }

    /// <summary>Undoes <see cref="Escape"/>. A backslash before anything else stays, as writers forget to escape it.</summary>
    public static string Unescape(string value)
    {
        ArgumentNullException.ThrowIfNull(value);
        var at = value.IndexOf('\\', StringComparison.Ordinal);
        if (at < 0)
            return value;
        var text = new StringBuilder(value.Length).Append(value, 0, at);
        for (var i = at; i < value.Length; i++)
        {
            var next = value[i] == '\\' && i + 1 < value.Length ? value[i + 1] : '\0';
            if (next is '\\' or ';' or ',')
                text.Append(value[++i]);
            else if (next is 'n' or 'N')
                (text, i) = (text.Append('\n'), i + 1);
            else
                text.Append(value[i]);
        }
        return text.ToString();
    }
}
