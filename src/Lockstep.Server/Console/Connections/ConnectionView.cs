using Lockstep.Server.Calendars;
using Lockstep.Server.Integrations;

namespace Lockstep.Server.Console.Connections;

/// <param name="Log">Newest first.</param>
internal sealed record ConnectionView(
    Integration Connection, IReadOnlyList<MirroredCalendar> Calendars, IReadOnlyList<MirrorCount> Counts, IReadOnlyList<SyncLogEntry> Log, IReadOnlyList<ConflictView> Conflicts)
{
    public IEnumerable<SyncLogEntry> Errors => Log.Where(entry => entry.Error is not null).Take(5);
}

/// <summary>A line of two versions of an event, next to each other.</summary>
internal sealed record ConflictLine(string Name, string? Local, string? Remote)
{
    public bool Differs => Local != Remote;

    /// <summary>Null for a side that had deleted the event.</summary>
    public static IReadOnlyList<ConflictLine> Of(ConflictView conflict)
    {
        var (local, remote) = (Read(conflict.Local), Read(conflict.Remote));
        ConflictLine Line(string name, Func<EventFacts, string?> value) => new(name, local is null ? null : value(local) ?? "", remote is null ? null : value(remote) ?? "");
        return
        [
            Line("Title", facts => facts.Summary),
            Line("Begins", facts => When(facts.Start, facts.Zone)),
            Line("Ends", facts => When(facts.End, facts.Zone)),
            Line("Place", facts => facts.Location),
            Line("Note", facts => facts.Description),
            Line("Repeats", facts => string.Join(" ", facts.Recurrence)),
            Line("Status", facts => facts.Status.ToLowerInvariant()),
        ];
    }

    private static EventFacts? Read(ConflictSide side) => side.Ics is null ? null : EventFacts.Read(side.Ics, out _);

    private static string When(Calendaring.ICalendar.CalendarTime time, string? zone) => time.IsDate
        ? Frame.Times.Date(time.Local.Date)
        : $"{Frame.Times.Date(time.Local.Date)}, {time.Local.TimeOfDay.Hour:00}:{time.Local.TimeOfDay.Minute:00}{(time.Form == Calendaring.ICalendar.TimeForm.Utc ? " UTC" : zone is null ? "" : " " + zone)}";
}
