using Lockstep.Server.Calendars;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using NodaTime;
using Npgsql;

namespace Lockstep.Server.Booking;

/// <summary>A booking's time, as it takes room.</summary>
internal sealed record HeldTime(BookingId Booking, EventId? Event, Interval Time);

/// <summary>Everything that takes an owner's time in a window, as read in one transaction and not yet judged.</summary>
/// <param name="Blocking">Null: a calendar that blocks is not mirrored at all, or is gone.</param>
/// <param name="States">Of the calendars that block.</param>
/// <param name="Events">Whose occurrences may lie in the window.</param>
/// <param name="Held">By bookings; each has an event too, unless its calendar is gone.</param>
internal sealed record OwnerTimes(
    Provider Provider,
    BlockingCalendars? Blocking,
    IReadOnlyList<CalendarState> States,
    IReadOnlyList<BlockingEvent> Events,
    IReadOnlyList<HeldTime> Held)
{
    /// <summary>A calendar that was last read longer ago than this is not believed.</summary>
    public static readonly Duration Freshness = Duration.FromMinutes(15);

    /// <summary>Two round trips as the owner. Who holds the owner's events sees what nobody can change before the transaction ends.</summary>
    public static async Task<OwnerTimes> Read(TenantTransaction transaction, Interval window, CancellationToken ct)
    {
        Provider? provider = null;
        var own = new List<OwnCalendar>();
        await transaction.QueryAll(ct,
            (ProviderStore.Select(transaction.Caller.RequiredUser), row => provider = ProviderStore.Read(row)),
            (OwnCalendar.Select(), row => own.Add(OwnCalendar.Read(row))));
        provider ??= new Provider();
        var blocking = BlockingCalendars.Select(own, provider.Settings?.Calendar?.SelectedCalendarIds ?? []);
        var ids = blocking?.Of?.Select(id => id.Value).ToArray();
        var (states, events, held) = (new List<CalendarState>(), new List<BlockingEvent>(), new List<HeldTime>());
        // The state of a calendar first: its events are then at least as new.
        await transaction.QueryAll(ct,
            (BusyTimes.SelectCalendars(ids), row => states.Add(CalendarState.Read(row))),
            (BusyTimes.SelectEvents(transaction.Caller.RequiredUser, ids, window), row => events.Add(BlockingEvent.Read(row))),
            (SelectHeld(transaction.Caller.RequiredUser, window), row => held.Add(ReadHeld(row))));
        return new OwnerTimes(provider, blocking, states, events, held);
    }

    /// <param name="zone">Whose midnight whole days are on.</param>
    /// <param name="except">A booking that is to be moved: it is not in its own way.</param>
    public KnownBusy Judge(Interval window, DateTimeZone zone, Instant now, CancellationToken ct, HeldTime? except = null)
    {
        if (Blocking is null || Stale(now).Any())
            return new KnownBusy(now, [], Unconfirmed: true);
        var times = BusyTimes.Of(Events.Where(e => except?.Event is not { } own || e.Id != own).Select(e => e.Ics), States, window, zone, ct);
        return times.TooMuch
            ? new KnownBusy(now, [], Unconfirmed: true)
            : new KnownBusy(
                now,
                [.. times.Busy, .. times.Unknown, .. Held.Where(held => held.Booking != except?.Booking).Select(held => held.Time)],
                Unconfirmed: false);
    }

    /// <summary>The calendars that must be fresh and are not.</summary>
    public IEnumerable<CalendarState> Stale(Instant now) => States.Where(calendar =>
        Blocking!.Kept.Contains(calendar.Id) && !(calendar is { UnreadableSince: null, LastReadAt: { } read } && now - read <= Freshness));

    private static Statement SelectHeld(UserId owner, Interval window) => new(
        """
        SELECT b.id, b.event_id, b.starts_at, b.ends_at
        FROM   lockstep.bookings b
        WHERE  b.user_id = $1 AND b.status = 'confirmed' AND b.ends_at > $2 AND b.starts_at < $3
        """, owner.Value, window.Start, window.End);

    private static HeldTime ReadHeld(NpgsqlDataReader row) => new(
        new BookingId(row.GetGuid(0)), row.GetGuidOrNull(1) is { } id ? new EventId(id) : null, new Interval(row.GetInstant(2), row.GetInstant(3)));
}
