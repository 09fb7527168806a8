using NodaTime;

namespace Lockstep.Calendaring.ICalendar;

/// <summary>Values of type UTC-OFFSET (RFC 5545 section 3.3.14).</summary>
public static class UtcOffset
{
    /// <summary>Reads <c>+0100</c>, <c>-033000</c>.</summary>
    /// <returns>Null when the text is not an offset of at most 18 hours.</returns>
    public static Offset? Parse(ReadOnlySpan<char> text)
    {
        text = text.Trim();
        if (text is not ['+' or '-', ..] || text.Length is not (5 or 7) || !Digits.TryRead(text[1..], out var digits))
            return null;
        digits = text.Length == 5 ? digits * 100 : digits;
        var seconds = (digits / 10000 * 3600) + (digits / 100 % 100 * 60) + (digits % 100);
        return digits / 100 % 100 > 59 || digits % 100 > 59 || seconds > 18 * 3600
            ? null
            : Offset.FromSeconds(text[0] == '-' ? -seconds : seconds);
    }

    public static string Format(Offset offset)
    {
        var seconds = Math.Abs(offset.Seconds);
        var text = $"{(offset.Seconds < 0 ? '-' : '+')}{seconds / 3600:00}{seconds / 60 % 60:00}";
        return seconds % 60 == 0 ? text : $"{text}{seconds % 60:00}";
    }
}
