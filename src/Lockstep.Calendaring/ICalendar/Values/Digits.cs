namespace Lockstep.Calendaring.ICalendar;

/// <summary>Runs of ASCII digits, as dates and times are written.</summary>
internal static class Digits
{
    /// <summary>At most nine digits and nothing else.</summary>
    public static bool TryRead(ReadOnlySpan<char> text, out int value)
    {
        value = 0;
        foreach (var c in text)
        {
            if (!char.IsAsciiDigit(c))
                return false;
            value = (value * 10) + (c - '0');
        }
        return text.Length is > 0 and < 10;
    }

    /// <param name="date">yyyymmdd</param>
    public static bool IsDate(int date)
    {
        var (year, month, day) = (date / 10000, date / 100 % 100, date % 100);
        return year is >= 1 and <= 9999 && month is >= 1 and <= 12 && day >= 1 && day <= Civil.DaysInMonth(year, month);
    }

    public static void Write(Span<char> span, int value)
    {
        for (var i = span.Length - 1; i >= 0; i--, value /= 10)
            span[i] = (char)('0' + (value % 10));
    }
}
