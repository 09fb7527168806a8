using System.Globalization;
using NodaTime;
using NodaTime.Text;

namespace Lockstep.Server.Booking.Why;

/// <summary>Looks for everything that keeps one time from being offered. Pure; for the owner's eyes.</summary>
/// <param name="times">As read around the day of the time.</param>
internal sealed class WhyNot(OwnerTimes times, WorkingHours hours, SlotRules rules, Interval window, Instant now)
{
    private readonly List<WhyReason> reasons = [];

    public WhyView Of(Instant start, CancellationToken ct)
    {
        var slot = new Slot(start, start + rules.Length);
        var day = start.InZone(hours.Zone).Date;
        var wholeDay = new Interval(hours.Zone.AtStartOfDay(day).ToInstant(), hours.Zone.AtStartOfDay(day.PlusDays(1)).ToInstant());
        var opened = hours.Within(wholeDay).Select(piece => new Slot(piece.Start, piece.End)).ToList();
        var known = times.Judge(window, hours.Zone, now, ct);
        var busy = Busy(ct);
        if (!times.Provider.IsPublic)
            Add("not_published", "The page is not public, so nothing is offered to anybody. Publish it with isPublic.");
        Clocks(slot);
        Hours(slot, opened, day);
        Calendars(known);
        foreach (var taken in busy.OrderBy(taken => taken.Start))
            Taken(slot, taken);
        var offered = times.Provider.IsPublic && known.Open(hours, rules, new Interval(slot.Start, slot.End), now).Slots.Contains(slot);
        if (!offered && reasons.Count == 0)
            Add("too_much", "Your events together are too much work to look through, so no time is offered. Look for events that repeat every few seconds or minutes.");
        return new WhyView(hours.Zone.Id, slot.Start, slot.End, offered, reasons, new WhyDay(
            LocalDatePattern.Iso.Format(day), opened, [.. busy.Where(taken => taken.Start < wholeDay.End && taken.End > wholeDay.Start)],
            Minutes(rules.Before), Minutes(rules.After), now + rules.Notice, rules.EndOfHorizon(hours.Zone, now),
            times.Provider.IsPublic ? known.Open(hours, rules, wholeDay, now).Slots : []));
    }

    private void Clocks(Slot slot)
    {
        if (slot.Start < now)
            Add("past", "It has begun already.");
        else if (slot.Start < now + rules.Notice)
            Add("notice", $"You want {Length(rules.Notice)} of notice: the first time that can be had now starts at {Clock(now + rules.Notice, slot)} or later.");
        if (slot.Start >= rules.EndOfHorizon(hours.Zone, now))
            Add("horizon", $"You offer times for {rules.Horizon} days ahead, until {Day(rules.EndOfHorizon(hours.Zone, now) - Duration.Epsilon)}.");
    }

    private void Hours(Slot slot, List<Slot> opened, LocalDate day)
    {
        if (!opened.Any(open => open.Start <= slot.Start && slot.End <= open.End))
        {
            Add("outside_hours", opened.Count == 0
                ? $"You have no working hours on {day.DayOfWeek}."
                : $"Your working hours on {day.DayOfWeek} are {string.Join(" and ", opened.Select(open => $"{Clock(open.Start, slot)} to {Clock(open.End, slot)}"))}, and it does not lie wholly in them.");
            return;
        }
        var grid = Availability.Grid(hours, rules, new Interval(slot.Start - Duration.FromDays(1), slot.Start + Duration.FromDays(1))).Select(one => one.Start).ToList();
        if (grid.Contains(slot.Start))
            return;
        var near = grid.Where(start => start < slot.Start).TakeLast(1).Concat(grid.Where(start => start > slot.Start).Take(1)).Select(start => Clock(start, slot));
        Add("between_slots", $"Times start every {Length(rules.Step)} from the beginning of your hours; the nearest are {string.Join(" and ", near)}.");
    }

    private void Calendars(KnownBusy known)
    {
        if (times.Blocking is null)
            Add("calendar_missing", "A calendar that blocks times is not connected any more, or was not read for the first time yet. Until it is, no time is offered. Look at your integrations, or choose other calendars.");
        else
            foreach (var calendar in times.Stale(now))
                Add(calendar.UnreadableSince is null ? "calendar_stale" : "calendar_unreadable",
                    $"\"{calendar.Name}\" {(calendar.UnreadableSince is { } since ? $"cannot be read since {At(since)}" : calendar.LastReadAt is { } read ? $"was last read at {At(read)}" : "was never read")}, and what is not known is not offered. Its integration says why.",
                    calendar: calendar.Id.Value);
        if (known.Unconfirmed && times.Blocking is not null && !times.Stale(now).Any())
            Add("too_much", "Your events together are too much work to look through, so no time is offered. Look for events that repeat every few seconds or minutes.");
    }

    private void Taken(Slot slot, WhyBusy taken)
    {
        var span = $"{Clock(taken.Start, slot)} to {Clock(taken.End, slot)}";
        if (taken.Start < slot.End && taken.End > slot.Start)
            Add(taken.BookingId is null ? "busy" : "booked", taken.BookingId is null ? $"\"{taken.Summary}\" takes {span}." : $"\"{taken.Summary}\" was booked on your page for {span}.", taken);
        else if (taken.Start < slot.End + rules.After && taken.End > slot.Start - rules.Before)
            Add("buffer", taken.End <= slot.Start
                ? $"\"{taken.Summary}\" ends at {Clock(taken.End, slot)}, and you keep {Length(rules.Before)} free before each time."
                : $"\"{taken.Summary}\" starts at {Clock(taken.Start, slot)}, and you keep {Length(rules.After)} free after each time.", taken);
    }

    /// <summary>Occurrences, each with its event; and bookings whose event does not block by itself.</summary>
    private List<WhyBusy> Busy(CancellationToken ct)
    {
        var busy = new List<WhyBusy>();
        foreach (var one in times.Events)
        {
            var booking = times.Held.FirstOrDefault(held => held.Event == one.Id)?.Booking.Value;
            if (one.Times(window, hours.Zone, ct) is { } taken)
                busy.AddRange(taken.Select(time => new WhyBusy(time.Start, time.End, one.Summary, one.Id.Value, one.Calendar?.Value, booking)));
            else
                reasons.Add(new WhyReason("event_unreadable", $"\"{one.Summary}\" repeats in a way that cannot be followed, so its time counts as taken. Simplify it in its calendar.",
                    EventId: one.Id.Value, CalendarId: one.Calendar?.Value));
        }
        busy.AddRange(times.Held.Where(held => !busy.Any(known => known.BookingId == held.Booking.Value && known.Start <= held.Time.Start && known.End >= held.Time.End))
            .Select(held => new WhyBusy(held.Time.Start, held.Time.End, "A booking", held.Event?.Value, null, held.Booking.Value)));
        return busy;
    }

    private void Add(string code, string message, WhyBusy? taken = null, Guid? calendar = null) => reasons.Add(
        new WhyReason(code, message, taken?.Start, taken?.End, taken?.EventId, taken?.CalendarId ?? calendar, taken?.BookingId));

    /// <summary>09:00, with its day where that is another than the slot's.</summary>
    private string Clock(Instant at, Slot slot) =>
        at.InZone(hours.Zone).Date == slot.Start.InZone(hours.Zone).Date ? Format(at, "HH:mm")
        : at.InZone(hours.Zone).TimeOfDay == LocalTime.Midnight && at.InZone(hours.Zone).Date == slot.Start.InZone(hours.Zone).Date.PlusDays(1) ? "24:00"
        : At(at);

    private string At(Instant at) => Format(at, "HH:mm 'on' ddd d MMM");

    private string Day(Instant at) => Format(at, "dddd d MMMM");

    private string Format(Instant at, string pattern) => LocalDateTimePattern.CreateWithInvariantCulture(pattern).Format(at.InZone(hours.Zone).LocalDateTime);

    private static string Length(Duration length) => Minutes(length) switch
    {
        var minutes when minutes >= 2_880 && minutes % 1_440 == 0 => string.Create(CultureInfo.InvariantCulture, $"{minutes / 1_440} days"),
        var minutes when minutes >= 120 && minutes % 60 == 0 => string.Create(CultureInfo.InvariantCulture, $"{minutes / 60} hours"),
        var minutes => string.Create(CultureInfo.InvariantCulture, $"{minutes} minutes"),
    };

    private static int Minutes(Duration length) => (int)length.TotalMinutes;
}
