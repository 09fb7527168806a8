using System.Globalization;
using System.Text;
using Lockstep.Calendaring.ICalendar;
using Lockstep.Server.Booking.Page;
using Lockstep.Server.Calendars;
using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using NodaTime;

namespace Lockstep.Server.Booking;

/// <summary>Booking on the public page, by forms that work without script. What is sent is answered with 303 to a page that can be loaded again.</summary>
internal static class BookingEndpoints
{
    private const string HtmlType = "text/html; charset=utf-8";

    public static void Map(IEndpointRouteBuilder routes)
    {
        var page = routes.MapGroup("/c").WithTags("Public page").AllowAnonymous().ExcludeFromDescription().WithMetadata(new RequestSizeLimitAttribute(16_384));
        page.MapMethods("{slug}/book", ["GET", "HEAD"], Form);
        page.MapPost("{slug}/book", Book);
        // "booking" is a reserved slug.
        page.MapMethods("booking/{link}", ["GET", "HEAD"], Show);
        page.MapMethods("booking/{link}/event.ics", ["GET", "HEAD"], Ics);
        page.MapMethods("booking/{link}/move", ["GET", "HEAD"], MovePage);
        page.MapPost("booking/{link}/move", Move);
        page.MapPost("booking/{link}/cancel", Cancel);
    }

    private static async Task<Results<ContentHttpResult, SeeOther>> Form(
        string slug, string? at, string? tz, Database database, OpenTimesFinder finder, TimeProvider time, HttpContext context, CancellationToken ct)
    {
        PageHeaders.Set(context.Response);
        if (await PublicProvider.Find(database, slug, ct) is not { TakesBookings: true } provider)
            return NotFound();
        // An address that was cut short still names the page.
        if (BookingForm.ReadInstant(at) is not { } start)
            return new SeeOther($"/c/{provider.Slug}");
        var view = View(provider, start, BookingForm.Empty with { At = BookingForm.Write(start), Tz = tz ?? "" }, context.Request, time);
        var open = await finder.Find(provider, Around(provider, start, finder.Now), provider.Rules, ct);
        return open.Slots.Any(slot => slot.Start == start)
            ? Html(BookingPages.Form(view, new FieldErrors()))
            : Html(BookingPages.Gone(view, open, resend: false), 409);
    }

    private static async Task<Results<ContentHttpResult, SeeOther>> Book(
        string slug, Database database, OpenTimesFinder finder, BookingDesk desk, BookingBrake brake, TimeProvider time, HttpContext context, CancellationToken ct)
    {
        PageHeaders.Set(context.Response);
        if (await PublicProvider.Find(database, slug, ct) is not { TakesBookings: true } provider)
            return NotFound();
        if (Refused(context, brake, $"/c/{provider.Slug}") is { } refused)
            return refused;
        var form = BookingForm.Read(await context.Request.ReadFormAsync(ct));
        if (form.Start is not { } start)
            return NotFound();
        var view = View(provider, start, form, context.Request, time);
        var errors = form.Check();
        if (BookingLinks.ReadForm(form.Key, provider.LinkKey, finder.Now) is not { } key)
        {
            errors.Add("form", "This form had become old. Nothing was booked yet: look it over and send it once more.");
            key = default;
        }
        if (errors.Any)
            return Html(BookingPages.Form(view, errors), 422);
        var outcome = await desk.Book(provider, form, key, start, Who(context), ct);
        if (outcome is BookingOutcome.Booked { Booking: var booking })
            return new SeeOther($"/c/booking/{BookingLinks.Link(booking.Id.Value, provider.LinkKey)}");
        if (outcome is BookingOutcome.TooMany)
            return Html(BookingPages.TooMany(view), 409);
        // What was read before somebody else was quicker is not asked any more.
        provider = await PublicProvider.Find(database, slug, ct) ?? provider;
        return Html(BookingPages.Gone(view, await Open(outcome, provider, start, finder, ct), resend: true), 409);
    }

    private static async Task<ContentHttpResult> Show(string link, string? tz, Database database, BookingDesk desk, TimeProvider time, HttpContext context, CancellationToken ct)
    {
        PageHeaders.Set(context.Response);
        return await desk.Find(link, Who(context), ct) is { } mine
            ? Html(BookingPages.Booking(await Mine(mine, tz, database, context.Request, time, ct)))
            : NotFound();
    }

    private static async Task<Results<FileContentHttpResult, ContentHttpResult>> Ics(string link, Database database, BookingDesk desk, TimeProvider time, HttpContext context, CancellationToken ct)
    {
        PageHeaders.Set(context.Response);
        if (await desk.Find(link, Who(context), ct) is not { } mine)
            return NotFound();
        var view = await Mine(mine, null, database, context.Request, time, ct);
        var request = context.Request;
        var ics = EventEditing.Create(
            new EventChange(
                Summary: $"Appointment with {view.Name}",
                Description: $"Change or cancel: {request.Scheme}://{request.Host}/c/booking/{link}",
                Start: CalendarTime.Utc(mine.Booking.Slot.Start),
                End: CalendarTime.Utc(mine.Booking.Slot.End),
                Status: mine.Booking.IsConfirmed ? "CONFIRMED" : "CANCELLED"),
            $"{mine.Booking.Id}@lockstep", Instant.FromDateTimeOffset(time.GetUtcNow()));
        return TypedResults.Bytes(Encoding.UTF8.GetBytes(ics), "text/calendar; charset=utf-8", "appointment.ics");
    }

    private static async Task<Results<ContentHttpResult, SeeOther>> MovePage(
        string link, string? at, string? day, string? month, string? tz, Database database, OpenTimesFinder finder, BookingDesk desk, TimeProvider time,
        HttpContext context, CancellationToken ct)
    {
        PageHeaders.Set(context.Response);
        if (await desk.Find(link, Who(context), ct) is not { } mine)
            return NotFound();
        var view = await Mine(mine, tz, database, context.Request, time, ct);
        if (view.Provider is not { } provider || !view.CanChange)
            return new SeeOther($"/c/booking/{link}");
        if (BookingForm.ReadInstant(at) is { } start)
        {
            var (slot, open) = (new Slot(start, start + provider.Rules.Length), await finder.Find(provider, Around(provider, start, finder.Now), provider.Rules, ct));
            return open.Slots.Any(one => one.Start == start) ? Html(BookingPages.ConfirmMove(view, slot)) : Html(BookingPages.MoveGone(view, slot, open), 409);
        }
        return Html(await ChooseTime(view, provider, day, month, finder, context.Request, ct));
    }

    private static async Task<Results<ContentHttpResult, SeeOther>> Move(
        string link, Database database, OpenTimesFinder finder, BookingDesk desk, BookingBrake brake, TimeProvider time, HttpContext context, CancellationToken ct)
    {
        PageHeaders.Set(context.Response);
        if (await desk.Find(link, Who(context), ct) is not { } mine)
            return NotFound();
        if (Refused(context, brake, $"/c/booking/{link}") is { } refused)
            return refused;
        var form = BookingForm.Read(await context.Request.ReadFormAsync(ct));
        var view = await Mine(mine, form.Tz, database, context.Request, time, ct);
        if (form.Start is not { } start || view.Provider is not { } provider || !view.CanChange)
            return new SeeOther($"/c/booking/{link}");
        var outcome = await desk.Move(mine, start, Who(context), ct);
        if (outcome is BookingOutcome.Booked)
            return new SeeOther($"/c/booking/{link}");
        provider = await PublicProvider.Find(database, provider.Slug, ct) ?? provider;
        var open = await Open(outcome, provider, start, finder, ct);
        return Html(BookingPages.MoveGone(view, new Slot(start, start + provider.Rules.Length), open), 409);
    }

    private static async Task<Results<ContentHttpResult, SeeOther>> Cancel(string link, BookingDesk desk, BookingBrake brake, HttpContext context, CancellationToken ct)
    {
        PageHeaders.Set(context.Response);
        if (await desk.Find(link, Who(context), ct) is not { } mine)
            return NotFound();
        if (Refused(context, brake, $"/c/booking/{link}") is { } refused)
            return refused;
        await desk.Cancel(desk.As(mine.Owner, Who(context)), mine.Booking, "visitor", ct);
        return new SeeOther($"/c/booking/{link}");
    }

    /// <summary>The public page once more, on which each time leads to the booking that is to move.</summary>
    private static async Task<Html> ChooseTime(
        MyBookingView view, PublicProvider provider, string? day, string? month, OpenTimesFinder finder, HttpRequest request, CancellationToken ct)
    {
        var query = PageQuery.Read(day, month, view.Zone.Id);
        var open = await finder.Find(provider, PublicPageEndpoints.Ahead(provider, finder.Now), provider.Rules, ct);
        return PublicPage.Draw(PageView.Of(provider, open, query, VisitorLocale.Of(request)) with
        {
            Take = $"/c/booking/{view.Link}/move?",
            Moving = view.When,
            Back = $"/c/booking/{view.Link}",
        });
    }

    private static async Task<MyBookingView> Mine(
        VisitorsBooking mine, string? tz, Database database, HttpRequest request, TimeProvider time, CancellationToken ct)
    {
        var provider = mine.Provider is { IsPublic: true, PublicSlug: { } slug } ? await PublicProvider.Find(database, slug, ct) : null;
        var zone = ZoneNames.Find(tz) ?? ZoneNames.Find(mine.Booking.Zone) ?? DateTimeZone.Utc;
        return new MyBookingView(mine.Booking, mine.Link, mine.Provider, provider, zone, VisitorLocale.Of(request), Instant.FromDateTimeOffset(time.GetUtcNow()));
    }

    private static BookingView View(PublicProvider provider, Instant start, BookingForm form, HttpRequest request, TimeProvider time) => new(
        provider, new Slot(start, start + provider.Rules.Length), form.Zone ?? provider.Hours.Zone, VisitorLocale.Of(request), form,
        BookingLinks.ReadForm(form.Key, provider.LinkKey, Instant.FromDateTimeOffset(time.GetUtcNow())) is null ? BookingLinks.Form(provider.LinkKey, time.GetUtcNow()) : form.Key);

    /// <summary>What else is free; nothing that was read before a calendar became unreadable.</summary>
    private static async Task<OpenTimes> Open(BookingOutcome outcome, PublicProvider provider, Instant start, OpenTimesFinder finder, CancellationToken ct) =>
        outcome is BookingOutcome.Unconfirmed
            ? new OpenTimes(finder.Now, [], Unconfirmed: true)
            : await finder.Find(provider, Around(provider, start, finder.Now), provider.Rules, ct);

    /// <summary>Two weeks on both sides, for the nearest other times.</summary>
    private static Interval Around(PublicProvider provider, Instant start, Instant now)
    {
        var end = provider.Rules.EndOfHorizon(provider.Hours.Zone, now) + provider.Rules.Length;
        start = Instant.Max(now, Instant.Min(start, end));
        return new Interval(Instant.Max(now, start - Duration.FromDays(14)), Instant.Min(end, start + Duration.FromDays(14)) is var until && until > start ? until : start + Duration.FromDays(1));
    }

    /// <summary>What is not a form of ours, or one too many.</summary>
    private static ContentHttpResult? Refused(HttpContext context, BookingBrake brake, string back)
    {
        if (!context.Request.HasFormContentType || FromElsewhere(context.Request))
            return Html(BookingPages.FromElsewhere, 403);
        if (brake.Try(context.Connection.RemoteIpAddress) is not { } wait)
            return null;
        context.Response.Headers.RetryAfter = ((int)Math.Ceiling(wait.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        return Html(BookingPages.TooFast(back, wait), 429);
    }

    /// <summary>No cookie and no session rides along with a form, so another site gains nothing by sending one; it could spend its visitors' addresses, and may not.</summary>
    private static bool FromElsewhere(HttpRequest request) =>
        request.Headers["Sec-Fetch-Site"].ToString() is { Length: > 0 } site
            ? site is not ("same-origin" or "none")
            : request.Headers.Origin.ToString() is { Length: > 0 } origin && !(Uri.TryCreate(origin, UriKind.Absolute, out var uri) && uri.Authority == request.Host.Value);

    private static Visitor Who(HttpContext context) => new(context.Connection.RemoteIpAddress, System.Diagnostics.Activity.Current?.Id ?? context.TraceIdentifier);

    private static ContentHttpResult NotFound() => TypedResults.Content(PageFrame.NotFound, HtmlType, statusCode: 404);

    private static ContentHttpResult Html(Html html, int status = 200) => TypedResults.Content(html.ToString(), HtmlType, statusCode: status);
}

/// <summary>303: load that page. The form is not sent again when it is loaded again.</summary>
internal sealed class SeeOther(string path) : IResult
{
    public Task ExecuteAsync(HttpContext httpContext)
    {
        httpContext.Response.StatusCode = StatusCodes.Status303SeeOther;
        httpContext.Response.Headers.Location = path;
        return Task.CompletedTask;
    }
}
