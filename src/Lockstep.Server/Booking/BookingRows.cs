using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using NodaTime;

namespace Lockstep.Server.Booking;

/// <summary>How bookings are read and written, as their owner.</summary>
internal static class BookingRows
{
    public static Statement One(BookingId id) => new(
        """
        SELECT b.id, b.starts_at, b.ends_at, b.cancelled_by, b.visitor_name, b.visitor_contact, b.visitor_note, b.visitor_zone, b.event_id, b.created_at, b.moved_from, b.moved_by
        FROM   lockstep.bookings b
        WHERE  b.id = $1
        """, id.Value);

    public static Statement OfForm(UserId owner, Guid formKey) => new(
        """
        SELECT b.id, b.starts_at, b.ends_at, b.cancelled_by, b.visitor_name, b.visitor_contact, b.visitor_note, b.visitor_zone, b.event_id, b.created_at, b.moved_from, b.moved_by
        FROM   lockstep.bookings b
        WHERE  b.user_id = $1 AND b.form_key = $2
        """, owner.Value, formKey);

    /// <summary>What is ahead of the owner, or was since <paramref name="from"/>, by start; at most <paramref name="limit"/> that come after one.</summary>
    public static Statement List(UserId owner, Instant from, Guid? after, int limit) => new(
        """
        SELECT b.id, b.starts_at, b.ends_at, b.cancelled_by, b.visitor_name, b.visitor_contact, b.visitor_note, b.visitor_zone, b.event_id, b.created_at, b.moved_from, b.moved_by
        FROM   lockstep.bookings b
        WHERE  b.user_id = $1 AND b.ends_at > $2
        AND    ($3::uuid IS NULL OR (b.starts_at, b.id) > (SELECT a.starts_at, a.id FROM lockstep.bookings a WHERE a.id = $3))
        ORDER  BY b.starts_at, b.id
        LIMIT  $4
        """, owner.Value, from, after, limit);

    public static Statement CountAhead(UserId owner, string contact, Instant now) => new(
        """
        SELECT count(*)
        FROM   lockstep.bookings b
        WHERE  b.user_id = $1 AND b.status = 'confirmed' AND b.ends_at > $2 AND lower(b.visitor_contact) = lower($3)
        """, owner.Value, now, contact);

    public static Statement Insert(UserId owner, Guid formKey, BookedTime booking) => new(
        """
        WITH made AS (
            INSERT INTO lockstep.bookings (id, user_id, form_key, starts_at, ends_at, visitor_name, visitor_contact, visitor_note, visitor_zone, event_id)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
            RETURNING id, user_id, starts_at, ends_at),
        audit AS (
            SELECT lockstep.record_activity(m.user_id, NULL, 'BOOKING_MADE', 'booking', m.id,
                       jsonb_build_object('startsAt', m.starts_at, 'endsAt', m.ends_at))
            FROM   made m)
        SELECT m.id FROM made m, audit
        """,
        booking.Id.Value, owner.Value, formKey, booking.Slot.Start, booking.Slot.End,
        booking.Name, booking.Contact, booking.Note, booking.Zone, booking.Event?.Value);

    /// <summary>Gives it another time and event, as its visitor asks; it holds its time again, whatever the owner did before.</summary>
    public static Statement Move(BookingId id, Slot slot, EventId? of) => new(
        """
        WITH moved AS (
            UPDATE lockstep.bookings b
            SET    starts_at = $2, ends_at = $3, holds = true, event_id = $4,
                   moved_from = CASE WHEN b.starts_at = $2 THEN b.moved_from ELSE b.starts_at END,
                   moved_by = CASE WHEN b.starts_at = $2 THEN b.moved_by ELSE 'visitor' END
            WHERE  b.id = $1 AND b.status = 'confirmed'
            RETURNING b.id, b.user_id, b.starts_at, b.ends_at),
        audit AS (
            SELECT lockstep.record_activity(m.user_id, NULL, 'BOOKING_MOVED', 'booking', m.id,
                       jsonb_build_object('startsAt', m.starts_at, 'endsAt', m.ends_at))
            FROM   moved m)
        SELECT m.id FROM moved m, audit
        """, id.Value, slot.Start, slot.End, of?.Value);

    /// <param name="by">"visitor" or "owner".</param>
    public static Statement Cancel(BookingId id, string by) => new(
        """
        WITH ended AS (
            UPDATE lockstep.bookings b
            SET    status = 'cancelled', cancelled_by = $2
            WHERE  b.id = $1 AND b.status = 'confirmed'
            RETURNING b.id, b.user_id, b.starts_at, b.ends_at),
        audit AS (
            SELECT lockstep.record_activity(e.user_id, NULL, 'BOOKING_CANCELLED', 'booking', e.id,
                       jsonb_build_object('startsAt', e.starts_at, 'endsAt', e.ends_at, 'by', $2::text))
            FROM   ended e)
        SELECT e.id FROM ended e, audit
        """, id.Value, by);
}
