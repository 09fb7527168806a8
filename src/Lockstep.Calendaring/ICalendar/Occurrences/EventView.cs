namespace Lockstep.Calendaring.ICalendar;

/// <summary>What expanding needs of a VEVENT, read once.</summary>
internal sealed class EventView
{
    private const int MaxRules = 64;

    private readonly ZoneResolver zones;
    private readonly ExpansionReport report;
    private readonly List<ContentLine> exceptionDates = [];
    private readonly List<ContentLine> recurrenceDates = [];
    private ContentLine? start;
    private ContentLine? end;
    private ContentLine? duration;
    private string? summary;
    private ContentLine? summaryLine;

    private EventView(CalendarComponent component, ZoneResolver zones, ExpansionReport report)
    {
        (Component, this.zones, this.report) = (component, zones, report);
        foreach (var line in component.Properties)
            Read(line);
    }

    public CalendarComponent Component { get; }

    public string Uid { get; private set; } = "";

    public string Summary => summary ??= summaryLine?.Text ?? "";

    public Transparency Transparency { get; private set; }

    public EventStatus Status { get; private set; }

    public int? Sequence { get; private set; }

    /// <summary>What a RECURRENCE-ID names; null for a master.</summary>
    public CalendarTime? RecurrenceId { get; private set; }

    public bool IsOverride { get; private set; }

    public bool IsThisAndFuture { get; private set; }

    public CalendarTime Start { get; private set; }

    public bool IsDate => Start.IsDate;

    public long StartLocal { get; private set; }

    public long StartUnix { get; private set; }

    public ZoneClock Clock { get; private set; } = null!;

    public EventLength Length { get; private set; }

    public List<RecurrenceRule> Rules { get; } = [];

    public List<RecurrenceRule> ExceptionRules { get; } = [];

    public bool IsRecurring => Rules.Count > 0 || recurrenceDates.Count > 0;

    /// <returns>Null, and a line in the report, when it has no start that can be read.</returns>
    public static EventView? Of(CalendarComponent component, ZoneResolver zones, ExpansionReport report)
    {
        var view = new EventView(component, zones, report);
        return view.ReadTimes() ? view : null;
    }

    /// <summary>A time of this event as Unix seconds; where it says nothing of a zone, it is in that of DTSTART.</summary>
    public long ToUnix(CalendarTime time)
    {
        var zone = time.Form is TimeForm.Utc or TimeForm.Zoned ? zones.ZoneOf(time) : Clock.Zone;
        var local = Civil.Seconds(time.Local);
        return ReferenceEquals(zone, Clock.Zone) ? Clock.ToUnix(local) : new ZoneClock(zone).ToUnix(local);
    }

    /// <summary>The EXDATEs and EXRULEs' dates.</summary>
    public Exclusions Exclusions(WorkBudget budget)
    {
        var exclusions = new Exclusions();
        foreach (var line in exceptionDates)
            foreach (var range in Ranges(line.Value))
                if (!budget.Spend(1))
                    return exclusions;
                else if (CalendarTime.Parse(line.Value.AsSpan(range), line.Parameter("TZID")) is { } time)
                    exclusions.Add(time, this);
                else
                    Unreadable(line, incomplete: false);
        return exclusions;
    }

    /// <summary>DTSTART and the RDATEs, in order; at one start a period comes before a bare date.</summary>
    public List<Instance> Dates(WorkBudget budget)
    {
        var dates = new List<Instance> { new(StartUnix, null) };
        foreach (var line in recurrenceDates)
            foreach (var range in Ranges(line.Value))
                if (budget.Spend(1) && line.Value.AsSpan(range).Trim() is { Length: > 0 } text)
                    AddDate(dates, line, text);
        if (dates.Count > 1)
            dates.Sort((a, b) => a.Start != b.Start ? a.Start.CompareTo(b.Start) : (a.Period is null).CompareTo(b.Period is null));
        return dates;
    }

    private void AddDate(List<Instance> dates, ContentLine line, ReadOnlySpan<char> text)
    {
        var tzId = line.Parameter("TZID");
        if (CalendarPeriod.Parse(text, tzId) is { } period)
            dates.Add(new Instance(ToUnix(period.Start), period));
        else if (CalendarTime.Parse(text, tzId) is { } time)
        {
            // A bare date beside a timed DTSTART has that time of day (RFC 5545 has none such; calendars write them).
            var local = Civil.Seconds(time.Local) + (time.IsDate && !IsDate ? Civil.Modulo((int)(StartLocal % Civil.SecondsPerDay), (int)Civil.SecondsPerDay) : 0);
            dates.Add(new Instance(time.IsDate ? Clock.ToUnix(local) : ToUnix(IsDate ? CalendarTime.Date(time.Local.Date) : time), null));
        }
        else
            Unreadable(line, incomplete: true);
    }

    private void Read(ContentLine line)
    {
        switch (line.Name)
        {
            case "DTSTART": start ??= line; break;
            case "DTEND": end ??= line; break;
            case "DURATION": duration ??= line; break;
            case "UID": Uid = line.Value.Trim(); break;
            case "SUMMARY": summaryLine ??= line; break;
            case "TRANSP": Transparency = EventWords.Transparency(line.Value); break;
            case "STATUS": Status = EventWords.Status(line.Value); break;
            case "SEQUENCE": Sequence = int.TryParse(line.Value, out var sequence) ? sequence : null; break;
            case "RDATE": recurrenceDates.Add(line); break;
            case "EXDATE": exceptionDates.Add(line); break;
            case "RRULE": ReadRule(line, Rules); break;
            case "EXRULE": ReadRule(line, ExceptionRules); break;
            case "RECURRENCE-ID":
                IsOverride = true;
                RecurrenceId = CalendarTime.Of(line);
                IsThisAndFuture = "THISANDFUTURE".Equals(line.Parameter("RANGE"), StringComparison.OrdinalIgnoreCase);
                if (RecurrenceId is null)
                    Unreadable(line, incomplete: false);
                break;
            default: break;
        }
    }

    private void ReadRule(ContentLine line, List<RecurrenceRule> rules)
    {
        // Some writers put an empty RRULE on what does not repeat.
        if (string.IsNullOrWhiteSpace(line.Value))
            return;
        var rule = RecurrenceRule.Parse(line.Value, out var problem);
        if (rule is null || rules.Count >= MaxRules)
            report.Add(ProblemKind.BadValue, line.LineNumber, $"{line.Name} is not used: {problem ?? "there are too many of them."}", incomplete: true);
        else if (!rules.Exists(other => other.ToString() == rule.ToString()))
            rules.Add(rule);
    }

    private bool ReadTimes()
    {
        if (start is null)
        {
            report.Add(ProblemKind.MissingProperty, Component.LineNumber, "The event has no DTSTART.", incomplete: true);
            return false;
        }
        if (CalendarTime.Of(start) is not { } time)
        {
            Unreadable(start, incomplete: true);
            return false;
        }
        Start = time;
        if (time.Form == TimeForm.Zoned && zones.Resolve(time.TzId!).Source == ZoneSource.Default)
            report.Add(ProblemKind.UnknownZone, start.LineNumber, $"TZID \"{time.TzId}\" is unknown; {zones.ZoneOf(time).Id} is used.", incomplete: false);
        Clock = new ZoneClock(zones.ZoneOf(time));
        StartLocal = Civil.Seconds(time.Local);
        StartUnix = Clock.ToUnix(StartLocal);
        Length = EventLength.Default(IsDate);
        if (end is not null)
            ReadEnd(end);
        else if (duration is not null)
            Length = CalendarDuration.Parse(duration.Value) is { } length ? EventLength.Of(length, IsDate) : Unread(duration);
        return true;
    }

    private void ReadEnd(ContentLine line)
    {
        if (CalendarTime.Of(line) is not { } time)
            Length = Unread(line);
        else if (IsDate)
            Length = EventLength.OfDays((int)Civil.CeilDiv(Civil.Seconds(time.Local) - StartLocal, Civil.SecondsPerDay));
        else
            Length = EventLength.Exact(ToUnix(time) - StartUnix);
        if (Length.IsNegative)
        {
            report.Add(ProblemKind.BadValue, line.LineNumber, "DTEND is before DTSTART; the event is taken without length.", incomplete: true);
            Length = EventLength.Default(IsDate);
        }
    }

    private EventLength Unread(ContentLine line)
    {
        Unreadable(line, incomplete: true);
        return Length;
    }

    private void Unreadable(ContentLine line, bool incomplete) =>
        report.Add(ProblemKind.BadValue, line.LineNumber, $"{line.Name} has a value that cannot be read.", incomplete);

    private static MemoryExtensions.SpanSplitEnumerator<char> Ranges(string value) => value.AsSpan().Split(',');
}
