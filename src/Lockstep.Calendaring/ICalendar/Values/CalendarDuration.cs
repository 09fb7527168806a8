using System.Text;
using NodaTime;

namespace Lockstep.Calendaring.ICalendar;

/// <summary>A DURATION (RFC 5545 section 3.3.6): whole days move the local date, the rest is exact time.</summary>
/// <param name="Days">Weeks are seven days each. Has the sign of the duration.</param>
/// <param name="Time">Hours, minutes and seconds, with the same sign.</param>
public readonly record struct CalendarDuration(int Days, Duration Time)
{
    /// <summary>With days of 24 hours.</summary>
    internal long TotalSeconds => (Days * Civil.SecondsPerDay) + (long)Time.TotalSeconds;

    /// <summary>Reads <c>P15DT5H0M20S</c>, <c>-PT15M</c>, <c>P7W</c>.</summary>
    /// <returns>Null when the text is not a duration.</returns>
    public static CalendarDuration? Parse(ReadOnlySpan<char> text)
    {
        text = text.Trim();
        var sign = 1;
        if (text is ['+' or '-', ..])
        {
            sign = text[0] == '-' ? -1 : 1;
            text = text[1..];
        }
        if (text is not ['P' or 'p', _, ..])
            return null;
        text = text[1..];
        long days = 0, seconds = 0;
        var inTime = false;
        while (!text.IsEmpty)
        {
            if (text[0] is 'T' or 't' && !inTime)
            {
                inTime = true;
                text = text[1..];
                continue;
            }
            var end = text.IndexOfAnyExceptInRange('0', '9');
            if (end <= 0 || !Digits.TryRead(text[..end], out var number))
                return null;
            switch (char.ToUpperInvariant(text[end]), inTime)
            {
                case ('W', false): days += number * 7L; break;
                case ('D', false): days += number; break;
                case ('H', true): seconds += number * 3600L; break;
                case ('M', true): seconds += number * 60L; break;
                case ('S', true): seconds += number; break;
                default: return null;
            }
            text = text[(end + 1)..];
        }
        // Ten thousand years: more cannot be added to any date.
        return days > 3_652_059 || seconds > 3_652_059L * 86_400
            ? null
            : new CalendarDuration((int)(sign * days), Duration.FromSeconds(sign * seconds));
    }

    /// <summary>The value as it stands on a line.</summary>
    public override string ToString()
    {
        var negative = Days < 0 || Time < Duration.Zero;
        var (days, seconds) = (Math.Abs(Days), Math.Abs((long)Time.TotalSeconds));
        var text = new StringBuilder(negative ? "-P" : "P");
        if (days > 0)
            text.Append(days).Append('D');
        if (seconds > 0 || days == 0)
            text.Append('T');
        if (seconds >= 3600)
            text.Append(seconds / 3600).Append('H');
        if (seconds % 3600 >= 60)
            text.Append(seconds % 3600 / 60).Append('M');
        if (seconds % 60 > 0 || (days == 0 && seconds == 0))
            text.Append(seconds % 60).Append('S');
        return text.ToString();
    }
}
