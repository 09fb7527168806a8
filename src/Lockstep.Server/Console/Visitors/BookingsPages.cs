using Lockstep.Server.Booking;
using Lockstep.Server.Calendars;
using Lockstep.Server.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using NodaTime;

namespace Lockstep.Server.Console.Visitors;

/// <summary>What visitors took, from now on, in the owner's zone.</summary>
internal sealed record BookingsView(IReadOnlyList<BookingAnswer> Items, string? Next, DateTimeZone Zone, bool TakesBookings);

internal static class BookingsPages
{
    private const string Section = "bookings";

    public static void Map(IEndpointRouteBuilder console)
    {
        console.MapGet("/bookings", List);
        console.MapPost("/bookings/{id:guid}/cancel", Cancel);
    }

    private static Task<IResult> List(ConsoleVisit visit, TimeProvider time, Guid? after, CancellationToken ct) => Draw(visit, time, after, null, ct);

    private static async Task<IResult> Draw(ConsoleVisit visit, TimeProvider time, Guid? after, Refusal? refusal, CancellationToken ct)
    {
        var (page, _) = visit.Read<Page<BookingAnswer>>(await OwnerBookingEndpoints.List(visit.Session, time, ct, null, after));
        var provider = await ProviderStore.Read(visit.Session, ct);
        return await visit.Page<BookingsPage>(Section, new BookingsView(
            page?.Items ?? [], page?.Next, await ReaderZone.Of(visit.Session, ct), provider is { IsPublic: true, Settings.Booking.Enabled: true }), refusal);
    }

    private static async Task<IResult> Cancel(Guid id, ConsoleVisit visit, BookingDesk desk, CancellationToken ct) =>
        visit.Refused(await OwnerBookingEndpoints.Cancel(id, visit.Session, desk, ct)) is { } refusal
            ? await visit.Failed(refusal)
            : ConsoleVisit.Go("/console/bookings", "booking-cancelled");
}
