using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using NodaTime;

namespace Lockstep.Server.Booking;

/// <param name="Status">confirmed or cancelled.</param>
/// <param name="CancelledBy">visitor or owner; null while it is confirmed.</param>
/// <param name="Timezone">The visitor's.</param>
/// <param name="MovedFrom">When it began before it was moved last; null while it has its first time.</param>
/// <param name="MovedBy">visitor or owner; null while it has its first time.</param>
/// <param name="EventId">What stands for it in the calendar; null once that calendar was disconnected.</param>
internal sealed record BookingAnswer(
    Guid Id, Instant Start, Instant End, string Status, string? CancelledBy, string Name, string Contact, string Note, string Timezone, Guid? EventId, Instant CreatedAt,
    Instant? MovedFrom, string? MovedBy)
{
    public static BookingAnswer Of(BookedTime booking) => new(
        booking.Id.Value, booking.Slot.Start, booking.Slot.End, booking.IsConfirmed ? "confirmed" : "cancelled", booking.CancelledBy,
        booking.Name, booking.Contact, booking.Note, booking.Zone, booking.Event?.Value, booking.CreatedAt, booking.MovedFrom, booking.MovedBy);
}

/// <summary>An owner's bookings, as their owner sees them.</summary>
internal static class OwnerBookingEndpoints
{
    public static void Map(IEndpointRouteBuilder routes)
    {
        var bookings = routes.MapGroup("/v1/bookings").RequireAuthorization(Policies.User).WithTags("Booking");
        bookings.MapGet("", List).WithName("listBookings").WithSummary("What visitors booked, by start: from now on, or from a time; cancelled ones too");
        bookings.MapPost("{id:guid}/cancel", Cancel).WithName("cancelBooking").WithSummary("Call a booking off: its time is free again, its event is deleted, and the visitor's page says so");
    }

    internal static async Task<Results<Ok<Page<BookingAnswer>>, ProblemHttpResult>> List(
        TenantSession session, TimeProvider time, CancellationToken ct, string? from = null, Guid? after = null, int limit = 100)
    {
        var start = Instant.FromDateTimeOffset(time.GetUtcNow());
        if (from is not null)
        {
            if (BookingForm.ReadInstant(from) is not { } told)
                return Problems.Invalid("from", "This is a time such as 2026-03-01T09:00:00Z.");
            start = told;
        }
        if (limit is < 1 or > 200)
            return Problems.Invalid("limit", "This is a whole number from 1 to 200.");
        var found = await session.Query(BookingRows.List(session.Caller.RequiredUser, start, after, limit + 1), BookedTime.Read, ct);
        var items = found.Take(limit).Select(BookingAnswer.Of).ToList();
        return TypedResults.Ok(new Page<BookingAnswer>(items, found.Count > limit ? items[^1].Id.ToString() : null));
    }

    internal static async Task<Results<Ok<BookingAnswer>, ProblemHttpResult>> Cancel(Guid id, TenantSession session, BookingDesk desk, CancellationToken ct)
    {
        if (await session.First(BookingRows.One(new BookingId(id)), BookedTime.Read, ct) is not { } booking)
            return Problems.NotFound();
        await desk.Cancel(session, booking, "owner", ct);
        return TypedResults.Ok(BookingAnswer.Of((await session.First(BookingRows.One(booking.Id), BookedTime.Read, ct))!));
    }
}
