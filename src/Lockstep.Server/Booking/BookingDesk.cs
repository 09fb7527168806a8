using Lockstep.Calendaring.ICalendar;
using Lockstep.Server.Calendars;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using NodaTime;
using Npgsql;

namespace Lockstep.Server.Booking;

/// <summary>The door to bookings. What a visitor does is done as the owner, and the audit names the visitor.</summary>
/// <remarks>
/// <code>
/// (1) the owner's events are held      as by every writer of them: two bookings follow each other, and so do a booking and a page of the sync
/// (2) settings and busy times are read what stands there now, nothing that was kept
/// (3) is the slot offered?             by the very function that offers it
/// (4) event, booking, audit, COMMIT    the constraint bookings_slot_excl is the net under (1)
/// </code>
/// The worker then writes the event to its calendar like any other edit.
/// </remarks>
internal sealed class BookingDesk(Database database, EventsWithin events, TimeProvider time)
{
    /// <summary>How many times ahead one contact may hold with one owner.</summary>
    public const int MostAhead = 5;

    private Instant Now => Instant.FromDateTimeOffset(time.GetUtcNow());

    /// <param name="form">Checked.</param>
    /// <param name="formKey">The same form sent again finds what it made.</param>
    public async Task<BookingOutcome> Book(PublicProvider provider, BookingForm form, Guid formKey, Instant start, Visitor visitor, CancellationToken ct)
    {
        var session = As(provider.Owner, visitor);
        try
        {
            return await session.Transact<BookingOutcome>(async transaction =>
            {
                await EventsWithin.Hold(transaction, ct);
                if (await transaction.First(BookingRows.OfForm(provider.Owner, formKey), BookedTime.Read, ct) is { } known)
                    return new BookingOutcome.Booked(known);
                if (await Offered(transaction, start, null, ct) is not (var slot, { } hours, var settings))
                    return new BookingOutcome.Gone();
                if (slot is null)
                    return new BookingOutcome.Unconfirmed();
                if ((await transaction.Query(BookingRows.CountAhead(provider.Owner, form.Contact, Now), row => row.GetInt64(0), ct))[0] >= MostAhead)
                    return new BookingOutcome.TooMany();
                var booking = new BookedTime(
                    BookingId.New(), slot, null, form.Name, form.Contact, form.Note, (form.Zone ?? hours.Zone).Id, null, Now);
                booking = booking with { Event = await events.Create(transaction, Written(provider.Slug, booking, hours), settings.Calendar?.BookingCalendarId, ct) };
                await transaction.Query(BookingRows.Insert(provider.Owner, formKey, booking), row => row.GetGuid(0), ct);
                return new BookingOutcome.Booked(booking);
            }, ct);
        }
        catch (PostgresException e) when (e is { SqlState: PostgresErrorCodes.ExclusionViolation, ConstraintName: "bookings_slot_excl" })
        {
            return new BookingOutcome.Gone();
        }
    }

    /// <returns>Null for a link that was not made here.</returns>
    public async Task<VisitorsBooking?> Find(string link, Visitor visitor, CancellationToken ct)
    {
        if (BookingLinks.Id(link) is not { } id)
            return null;
        var owners = await As(null, visitor).Query(
            new Statement("SELECT owner_user_id, link_key FROM lockstep.booking_owner($1)", id),
            row => (Owner: new UserId(row.GetGuid(0)), Key: row.GetBytes(1)), ct);
        if (owners is not [var (owner, key)] || !BookingLinks.IsLink(link, key))
            return null;
        var session = As(owner, visitor);
        var booking = await session.First(BookingRows.One(new BookingId(id)), BookedTime.Read, ct);
        var provider = await ProviderStore.Read(session, ct);
        return booking is null || provider is null ? null : new VisitorsBooking(owner, link, booking, provider);
    }

    /// <summary>Gives the booking another time; the old one is free in the same moment.</summary>
    public Task<BookingOutcome> Move(VisitorsBooking mine, Instant start, Visitor visitor, CancellationToken ct) =>
        As(mine.Owner, visitor).Transact<BookingOutcome>(async transaction =>
        {
            await EventsWithin.Hold(transaction, ct);
            if (await transaction.First(BookingRows.One(mine.Booking.Id), BookedTime.Read, ct) is not { IsConfirmed: true } booking)
                return new BookingOutcome.Gone();
            if (booking.Slot.Start == start)
                return new BookingOutcome.Booked(booking);
            if (await Offered(transaction, start, booking.Held, ct) is not (var slot, { } hours, var settings))
                return new BookingOutcome.Gone();
            if (slot is null)
                return new BookingOutcome.Unconfirmed();
            // The booking first: what then happens to its event is no doing of the owner's.
            await transaction.Query(BookingRows.Move(booking.Id, slot, booking.Event), row => row.GetGuid(0), ct);
            var moved = booking with { Slot = slot };
            if (booking.Event is not { } id || !await events.Change(transaction, id, Times(slot, hours.Zone), ct))
            {
                moved = moved with { Event = await events.Create(transaction, Written(mine.Provider.PublicSlug ?? "", moved, hours), settings.Calendar?.BookingCalendarId, ct) };
                await transaction.Query(BookingRows.Move(booking.Id, slot, moved.Event), row => row.GetGuid(0), ct);
            }
            return new BookingOutcome.Booked(moved);
        }, ct);

    /// <summary>Gives the time back, and takes the event from the owner's calendar. Done already: nothing.</summary>
    /// <param name="by">"visitor" or "owner".</param>
    public Task<bool> Cancel(TenantSession session, BookedTime booking, string by, CancellationToken ct) =>
        session.Transact(async transaction =>
        {
            await EventsWithin.Hold(transaction, ct);
            var ended = (await transaction.Query(BookingRows.Cancel(booking.Id, by), row => row.GetGuid(0), ct)).Count > 0;
            if (ended && booking.Event is { } id)
                await events.Delete(transaction, id, ct);
            return ended;
        }, ct);

    /// <summary>As the owner, of whom a visitor sees nothing but what the page shows.</summary>
    public TenantSession As(UserId? owner, Visitor visitor) =>
        database.For(new Caller(owner, CallerRole.Authenticated, "visitor", visitor.Address, visitor.RequestId));

    /// <returns>Null when it is not offered; a null slot when that cannot be said now.</returns>
    private async Task<(Slot? Slot, WorkingHours Hours, ProviderSettings Settings)?> Offered(
        TenantTransaction transaction, Instant start, HeldTime? except, CancellationToken ct)
    {
        var around = new Interval(start - Duration.FromDays(1), start + Duration.FromDays(1));
        var times = await OwnerTimes.Read(transaction, around, ct);
        var settings = times.Provider.Settings ?? new();
        var rules = SlotRules.Of(settings.Slots);
        if (!times.Provider.IsPublic || settings.Booking is not { Enabled: true }
            || ProviderRules.Hours(times.Provider.Timezone ?? Provider.StandardTimezone, settings.WorkingHours) is not { } hours)
            return null;
        var now = Now;
        var known = times.Judge(around, hours.Zone, now, ct, except);
        if (known.Unconfirmed)
            return (null, hours, settings);
        var slot = known.Open(hours, rules, new Interval(start, start + rules.Length), now).Slots.FirstOrDefault(slot => slot.Start == start);
        return slot is null ? null : (slot, hours, settings);
    }

    /// <summary>What the owner reads in his calendar.</summary>
    private static EventChange Written(string slug, BookedTime booking, WorkingHours hours) => Times(booking.Slot, hours.Zone) with
    {
        Summary = $"Booked: {booking.Name}",
        Description = $"{booking.Name}\n{booking.Contact}\n{(booking.Note.Length == 0 ? "" : $"\n{booking.Note}\n")}\nBooked on your page /c/{slug}.",
        Status = "CONFIRMED",
        Transparency = "OPAQUE",
    };

    private static EventChange Times(Slot slot, DateTimeZone zone) => new(Start: Time(slot.Start, zone), End: Time(slot.End, zone));

    private static CalendarTime Time(Instant at, DateTimeZone zone) =>
        zone == DateTimeZone.Utc || zone.Id is "UTC" or "Etc/UTC" ? CalendarTime.Utc(at)
        // An hour that the clock shows twice has no name of its own in a zone.
        : zone.MapLocal(at.InZone(zone).LocalDateTime).Count > 1 ? CalendarTime.Utc(at)
        : CalendarTime.Zoned(at.InZone(zone).LocalDateTime, zone.Id);
}

/// <summary>Who asks, for the audit.</summary>
internal sealed record Visitor(System.Net.IPAddress? Address, string? RequestId);

/// <summary>A booking in the hands of who made it.</summary>
internal sealed record VisitorsBooking(UserId Owner, string Link, BookedTime Booking, Provider Provider);
