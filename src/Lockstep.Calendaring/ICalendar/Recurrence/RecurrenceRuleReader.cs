using NodaTime;

namespace Lockstep.Calendaring.ICalendar;

/// <summary>Reads the text of a recurrence rule; tolerant of case, blanks, order, a trailing semicolon and unknown X- parts.</summary>
internal sealed class RecurrenceRuleReader
{
    private Frequency? frequency;
    private RecurrenceRule rule = new() { Frequency = Frequency.Daily };

    public RecurrenceRule? Read(string text, out string? problem)
    {
        foreach (var part in text.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var equals = part.IndexOf('=', StringComparison.Ordinal);
            var name = (equals < 0 ? part : part[..equals]).Trim().ToUpperInvariant();
            if (!Set(name, equals < 0 ? "" : part[(equals + 1)..].Trim(), out problem))
            {
                problem ??= $"{(name.Length <= 20 ? name : "a part")} has a value that the rule may not have.";
                return null;
            }
        }
        problem = frequency is null ? "FREQ is missing." : null;
        return frequency is { } freq ? rule with { Frequency = freq } : null;
    }

    private bool Set(string name, string value, out string? problem)
    {
        problem = null;
        switch (name)
        {
            case "FREQ":
                // Enum.TryParse would take a number too.
                frequency = value.Length > 0 && char.IsAsciiLetter(value[0]) && Enum.TryParse<Frequency>(value, true, out var read) ? read : null;
                return frequency is not null;
            case "INTERVAL":
                // Some writers mean "every" by 0.
                return Number(value, out var interval) && Keep(rule with { Interval = Math.Max(1, interval) });
            case "COUNT":
                // Some writers mean "no bound" by -1.
                return Signed(value, out var count) && Keep(rule with { Count = count < 0 ? null : count });
            case "UNTIL":
                return CalendarTime.Parse(value, null) is { } until && Keep(rule with { Until = until });
            case "WKST":
                return Day(value) is { } start && Keep(rule with { WeekStart = start });
            case "BYDAY":
                return Days(value) is { } days && Keep(rule with { ByDay = days });
            case "RSCALE" when !value.Equals("GREGORIAN", StringComparison.OrdinalIgnoreCase):
                problem = "RSCALE names a calendar other than the Gregorian one, which is not supported (RFC 7529).";
                return false;
            case "SKIP" when !value.Equals("OMIT", StringComparison.OrdinalIgnoreCase):
                problem = "SKIP other than OMIT is not supported (RFC 7529).";
                return false;
            default:
                return !name.StartsWith("BY", StringComparison.Ordinal) || SetNumbers(name, value);
        }
    }

    private bool Keep(RecurrenceRule changed)
    {
        rule = changed;
        return true;
    }

    private bool SetNumbers(string name, string value)
    {
        var (min, max) = name switch
        {
            "BYSECOND" => (0, 60),
            "BYMINUTE" => (0, 59),
            "BYHOUR" => (0, 23),
            "BYMONTH" => (1, 12),
            "BYMONTHDAY" => (-31, 31),
            "BYWEEKNO" => (-53, 53),
            "BYYEARDAY" => (-366, 366),
            "BYSETPOS" => (-100_000_000, 100_000_000),
            _ => (0, -1),
        };
        var numbers = new List<int>();
        foreach (var text in value.Split(',', StringSplitOptions.TrimEntries))
        {
            if (!Signed(text, out var number) || number < min || number > max || (min < 0 && number == 0) || numbers.Count >= 1000)
                return false;
            if (!numbers.Contains(number))
                numbers.Add(number);
        }
        rule = name switch
        {
            "BYSECOND" => rule with { BySecond = numbers },
            "BYMINUTE" => rule with { ByMinute = numbers },
            "BYHOUR" => rule with { ByHour = numbers },
            "BYMONTH" => rule with { ByMonth = numbers },
            "BYMONTHDAY" => rule with { ByMonthDay = numbers },
            "BYWEEKNO" => rule with { ByWeekNumber = numbers },
            "BYYEARDAY" => rule with { ByYearDay = numbers },
            _ => rule with { BySetPosition = numbers },
        };
        return true;
    }

    private static List<WeekdayNumber>? Days(string value)
    {
        var days = new List<WeekdayNumber>();
        foreach (var text in value.Split(',', StringSplitOptions.TrimEntries))
        {
            if (text.Length < 2 || Day(text[^2..]) is not { } day || days.Count >= 1000)
                return null;
            var ordinal = 0;
            if (text.Length > 2 && (!Signed(text[..^2].Trim(), out ordinal) || ordinal == 0 || Math.Abs(ordinal) > 53))
                return null;
            days.Add(new WeekdayNumber(ordinal, day));
        }
        return days;
    }

    private static IsoDayOfWeek? Day(string value) => value.ToUpperInvariant() switch
    {
        "MO" => IsoDayOfWeek.Monday,
        "TU" => IsoDayOfWeek.Tuesday,
        "WE" => IsoDayOfWeek.Wednesday,
        "TH" => IsoDayOfWeek.Thursday,
        "FR" => IsoDayOfWeek.Friday,
        "SA" => IsoDayOfWeek.Saturday,
        "SU" => IsoDayOfWeek.Sunday,
        _ => null,
    };

    private static bool Number(string text, out int number) => Digits.TryRead(text, out number);

    private static bool Signed(string text, out int number)
    {
        var sign = text.StartsWith('-') ? -1 : 1;
        var read = Digits.TryRead(text.AsSpan(text.StartsWith('-') || text.StartsWith('+') ? 1 : 0), out number);
        number *= sign;
        return read;
    }
}
