using Lockstep.Calendaring.ICalendar;
using Lockstep.Server.Http;
using Lockstep.Server.Tenancy;

namespace Lockstep.Server.Calendars;

/// <summary>An event as it is to be made: summary, start and end are needed.</summary>
[Needs("summary", "start", "end")]
internal sealed class NewEventBody : EventBody;

/// <summary>What is to change of an event: what is left out stays, and null clears.</summary>
internal class EventBody
{
    private readonly HashSet<string> given = new(StringComparer.Ordinal);

    public string? Summary { get; init => field = Give(value, nameof(Summary)); }

    public EventTime? Start { get; init => field = Give(value, nameof(Start)); }

    /// <summary>Exclusive, of the same kind as the start.</summary>
    public EventTime? End { get; init => field = Give(value, nameof(End)); }

    public string? Description { get; init => field = Give(value, nameof(Description)); }

    public string? Location { get; init => field = Give(value, nameof(Location)); }

    /// <summary>OPAQUE (takes time) or TRANSPARENT.</summary>
    [OneOf("OPAQUE", "TRANSPARENT")]
    public string? Transparency { get; init => field = Give(value, nameof(Transparency)); }

    /// <summary>CONFIRMED, TENTATIVE or CANCELLED.</summary>
    [OneOf("CONFIRMED", "TENTATIVE", "CANCELLED")]
    public string? Status { get; init => field = Give(value, nameof(Status)); }

    /// <summary>Lines of RRULE, RDATE and EXDATE (RFC 5545): <c>RRULE:FREQ=WEEKLY;BYDAY=MO</c>.</summary>
    public IReadOnlyList<string>? Recurrence { get; init => field = Give(value, nameof(Recurrence)); }

    /// <summary>
    /// Our id of a calendar or its href. Left out when the event is made: the write target, if there is one. In a change: the event moves
    /// there, on the servers too; null takes it off its server and keeps it here.
    /// </summary>
    public string? CalendarId { get; init => field = Give(value, nameof(CalendarId)); }

    public Guid? MatterId { get; init => field = Give(value, nameof(MatterId)); }

    /// <summary>Whose event it is, when not the caller's own; only when it is made.</summary>
    public Guid? WorkspaceId { get; init => field = Give(value, nameof(WorkspaceId)); }

    /// <summary>What it asks for, checked; null when there are errors.</summary>
    public EventChange? Check(bool making, FieldErrors errors)
    {
        if (making)
        {
            errors.Require(Summary is not null, "summary", "An event needs a summary.");
            errors.Require(Start is not null, "start", "An event needs a start.");
            errors.Require(End is not null, "end", "An event needs an end.");
        }
        else
        {
            errors.Require(!Has(nameof(WorkspaceId)), "workspaceId", "An event stays with its owner. Make a new one there and delete this one.");
            errors.Require(!Has(nameof(Start)) || Start is not null, "start", "An event needs a start.");
            errors.Require(!Has(nameof(End)) || End is not null, "end", "An event needs an end.");
        }
        Length(errors, "summary", Summary, 1_000);
        Length(errors, "description", Description, 100_000);
        Length(errors, "location", Location, 1_000);
        Length(errors, "calendarId", CalendarId, 10_000);
        var change = new EventChange(
            Given(nameof(Summary), Summary),
            Given(nameof(Description), Description),
            Given(nameof(Location), Location),
            Start?.Read("start", errors) is { } start ? start : default(Given<CalendarTime>),
            End?.Read("end", errors) is { } end ? end : default(Given<CalendarTime>),
            Given(nameof(Status), Word(errors, "status", Status, "CONFIRMED", "TENTATIVE", "CANCELLED")),
            Given(nameof(Transparency), Word(errors, "transparency", Transparency, "OPAQUE", "TRANSPARENT")),
            Given(nameof(Recurrence), Lines(errors)),
            Given<MatterId?>(nameof(MatterId), MatterId is { } matter ? new MatterId(matter) : null),
            making ? default : Given(nameof(CalendarId), CalendarId));
        if (!errors.Any && making && change.TimesProblem(null, null) is { } problem)
            errors.Add("end", problem);
        return errors.Any ? null : change;
    }

    /// <summary>What it asks for of a single occurrence, or of one and all that follow; null when there are errors.</summary>
    public EventChange? CheckOccurrence(bool andFuture, FieldErrors errors)
    {
        const string Whole = "belongs to the event as a whole. Change it there: PATCH /v1/events/{id}.";
        errors.Require(andFuture || !Has(nameof(Recurrence)), "recurrence", Whole);
        errors.Require(andFuture || !Has(nameof(MatterId)), "matterId", Whole);
        errors.Require(!Has(nameof(CalendarId)), "calendarId", Whole);
        return Check(making: false, errors);
    }

    private T? Give<T>(T? value, string name)
    {
        given.Add(name);
        return value;
    }

    private bool Has(string name) => given.Contains(name);

    private Given<T> Given<T>(string name, T? value) => new(Has(name), value);

    private IReadOnlyList<string> Lines(FieldErrors errors)
    {
        var lines = Recurrence ?? [];
        errors.Require(lines.Count <= 100, "recurrence", "At most 100 lines.");
        for (var i = 0; i < Math.Min(lines.Count, 100); i++)
            if (RecurrenceLine.Read(lines[i]) is null)
                errors.Add($"recurrence[{i}]", "This is not a line of RRULE, RDATE or EXDATE that can be read, such as RRULE:FREQ=WEEKLY;BYDAY=MO.");
        return lines;
    }

    private static string Word(FieldErrors errors, string field, string? value, params string[] words)
    {
        var found = words.FirstOrDefault(word => word.Equals(value ?? words[0], StringComparison.OrdinalIgnoreCase));
        errors.Require(found is not null, field, $"One of {string.Join(", ", words)}.");
        return found ?? words[0];
    }

    private static void Length(FieldErrors errors, string field, string? value, int max) => errors.Require(
        value is null || (value.Length <= max && !value.Contains('\0', StringComparison.Ordinal)), field,
        $"At most {max} characters, and no NUL.");
}
