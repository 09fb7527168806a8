using System.Globalization;

namespace Lockstep.Calendaring.ICalendar;

/// <summary>Whether the value of a line is of its property's type, wherever it stands.</summary>
internal static class ValueRules
{
    public static void Check(ContentLine line, FindingList findings)
    {
        switch (line.Name)
        {
            case "DTSTART" or "DTEND" or "DUE" or "RECURRENCE-ID":
                CheckTime(line, findings);
                break;
            case "DTSTAMP" or "CREATED" or "LAST-MODIFIED" or "COMPLETED":
                if (CalendarTime.Of(line) is not { } stamp)
                    findings.Error(line, $"{line.Name} is no time that can be read; write 20261121T101500Z.", Section(line.Name));
                else if (stamp.Form != TimeForm.Utc)
                    findings.Warning(line, $"{line.Name} must be a UTC time, ending in Z.", Section(line.Name));
                break;
            case "EXDATE" or "RDATE":
                foreach (var value in line.Value.Split(','))
                    if (CalendarTime.Parse(value, null) is null && (line.Name == "EXDATE" || CalendarPeriod.Parse(value, null) is null))
                    {
                        findings.Error(line, $"{line.Name} has a value that is no date or time.", Section(line.Name));
                        break;
                    }
                break;
            case "DURATION":
                if (CalendarDuration.Parse(line.Value) is not { } duration)
                    findings.Error(line, "DURATION cannot be read; write PT1H30M or P2D.", "3.3.6");
                else if (duration.TotalSeconds < 0)
                    findings.Error(line, "DURATION is negative.", "3.8.2.5");
                break;
            case "TRIGGER":
                if (CalendarDuration.Parse(line.Value) is null && CalendarTime.Parse(line.Value, null) is not { Form: TimeForm.Utc })
                    findings.Error(line, "TRIGGER is neither a duration such as -PT15M nor a UTC time.", "3.8.6.3");
                break;
            case "STATUS":
                CheckStatus(line, findings);
                break;
            case "TRANSP":
                OneOf(line, findings, "3.8.2.7", "OPAQUE", "TRANSPARENT");
                break;
            case "VERSION" when line.Parent?.Name == "VCALENDAR":
                OneOf(line, findings, "3.7.4", "2.0");
                break;
            case "CALSCALE":
                OneOf(line, findings, "3.7.1", "GREGORIAN");
                break;
            case "PRIORITY":
                Number(line, findings, 0, 9, "3.8.1.9");
                break;
            case "PERCENT-COMPLETE":
                Number(line, findings, 0, 100, "3.8.1.8");
                break;
            case "SEQUENCE":
                Number(line, findings, 0, int.MaxValue, "3.8.7.4");
                break;
            case "REPEAT":
                Number(line, findings, 0, int.MaxValue, "3.8.6.2");
                break;
            case "TZOFFSETFROM" or "TZOFFSETTO":
                if (UtcOffset.Parse(line.Value) is null)
                    findings.Error(line, $"{line.Name} is no offset of at most 18 hours; write +0100.", "3.3.14");
                break;
            case "GEO":
                if (line.Value.Split(';') is not [var latitude, var longitude] || !Within(latitude, 90) || !Within(longitude, 180))
                    findings.Error(line, "GEO is not latitude;longitude in degrees.", "3.8.1.6");
                break;
            case "ATTENDEE" or "ORGANIZER":
                if (!line.Value.Contains(':', StringComparison.Ordinal))
                    findings.Error(line, $"{line.Name} is no address such as mailto:jo@example.com.", "3.3.3");
                break;
            case "SUMMARY" or "DESCRIPTION" or "LOCATION" or "COMMENT" or "CONTACT":
                CheckText(line, findings);
                break;
            default:
                break;
        }
    }

    private static void CheckTime(ContentLine line, FindingList findings)
    {
        if (CalendarTime.Of(line) is not { } time)
        {
            findings.Error(line, $"{line.Name} is no date or time; write 20261121, 20261121T101500 or 20261121T101500Z.", Section(line.Name));
            return;
        }
        var declared = line.Parameter("VALUE")?.ToUpperInvariant();
        if (time.IsDate && declared != "DATE")
            findings.Error(line, $"{line.Name} is a date and must say so: {line.Name};VALUE=DATE:{time}.", "3.2.20");
        else if (!time.IsDate && declared == "DATE")
            findings.Error(line, $"{line.Name} says VALUE=DATE and has a time.", "3.2.20");
    }

    private static void CheckStatus(ContentLine line, FindingList findings)
    {
        switch (line.Parent?.Name)
        {
            case "VEVENT":
                OneOf(line, findings, "3.8.1.11", "TENTATIVE", "CONFIRMED", "CANCELLED");
                break;
            case "VTODO":
                OneOf(line, findings, "3.8.1.11", "NEEDS-ACTION", "COMPLETED", "IN-PROCESS", "CANCELLED");
                break;
            case "VJOURNAL":
                OneOf(line, findings, "3.8.1.11", "DRAFT", "FINAL", "CANCELLED");
                break;
            default:
                break;
        }
    }

    private static void CheckText(ContentLine line, FindingList findings)
    {
        var value = line.Value;
        for (var i = 0; i < value.Length; i++)
            if (value[i] == '\\' && i + 1 < value.Length && value[i + 1] is '\\' or ';' or ',' or 'n' or 'N')
                i++;
            else if (value[i] is '\\' or ';' or ',')
            {
                findings.Warning(line, $"{line.Name} has a {Named(value[i])} that is not escaped; write \\{value[i]}.", "3.3.11");
                return;
            }
    }

    private static string Named(char c) => c switch { ';' => "semicolon", ',' => "comma", _ => "backslash" };

    private static void OneOf(ContentLine line, FindingList findings, string section, params ReadOnlySpan<string> words)
    {
        foreach (var word in words)
            if (word.Equals(line.Value.Trim(), StringComparison.OrdinalIgnoreCase))
                return;
        findings.Error(line, $"{line.Name} must be {string.Join(" or ", words!)}.", section);
    }

    private static void Number(ContentLine line, FindingList findings, int min, int max, string section)
    {
        if (!int.TryParse(line.Value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) || number < min || number > max)
            findings.Error(line, max == int.MaxValue ? $"{line.Name} must be a whole number." : $"{line.Name} must be a number from {min} to {max}.", section);
    }

    private static bool Within(string text, double most) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && Math.Abs(number) <= most;

    private static string Section(string property) => property switch
    {
        "DTSTART" => "3.8.2.4",
        "DTEND" => "3.8.2.2",
        "DUE" => "3.8.2.3",
        "RECURRENCE-ID" => "3.8.4.4",
        "EXDATE" => "3.8.5.1",
        "RDATE" => "3.8.5.2",
        "DTSTAMP" => "3.8.7.2",
        "CREATED" => "3.8.7.1",
        "LAST-MODIFIED" => "3.8.7.3",
        _ => "3.8.2.1",
    };
}
