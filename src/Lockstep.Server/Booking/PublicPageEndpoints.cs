using System.Globalization;
using Lockstep.Server.Booking.Page;
using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Net.Http.Headers;
using NodaTime;
using NodaTime.Text;

namespace Lockstep.Server.Booking;

/// <param name="Timezone">Of the working hours.</param>
/// <param name="AsOf">When this was true.</param>
/// <param name="Unconfirmed">A calendar could not be read lately, so no slot is named.</param>
internal sealed record SlotsView(string Timezone, Instant AsOf, IReadOnlyList<Slot> Slots, bool Unconfirmed);

/// <summary>What anybody may ask without signing in. An unknown slug and one that is not public answer with the same bytes.</summary>
internal static class PublicPageEndpoints
{
    private const int MaxDays = 60;

    /// <summary>How far from today a caller may ask, in days: expanding recurring events further is work for nothing.</summary>
    private const int MaxDistance = 366;

    public static IServiceCollection AddBooking(this IServiceCollection services, BookingOptions options) =>
        services.AddSingleton(options).AddSingleton<OpenTimesFinder>().AddSingleton<DrawnPages>().AddSingleton<BookingDesk>().AddSingleton<BookingBrake>();

    public static void MapBooking(this IEndpointRouteBuilder routes)
    {
        routes.MapProvider();
        OwnerBookingEndpoints.Map(routes);
        BookingEndpoints.Map(routes);
        var page = routes.MapGroup("/c/{slug}").WithTags("Public page").AllowAnonymous();
        page.MapGet("", Page).WithName("getPublicPage").WithSummary("The public page: free times, in HTML")
            .Produces<string>(200, "text/html").Produces<string>(404, "text/html");
        page.MapMethods("", ["HEAD"], Page).ExcludeFromDescription();
        page.MapGet("/slots", Slots).WithName("listSlots").WithSummary("Free times; from is a day or an instant, days 1 to 60, duration 5 to 480 minutes");
        page.MapMethods("/slots", ["HEAD"], Slots).ExcludeFromDescription();
    }

    private static async Task<Results<Ok<SlotsView>, ProblemHttpResult>> Slots(
        string slug, string? from, string? days, string? duration, Database database, OpenTimesFinder finder, HttpResponse response, CancellationToken ct)
    {
        response.Headers.XContentTypeOptions = "nosniff";
        response.Headers.CacheControl = "no-store";
        var errors = new FieldErrors();
        var count = Number(days, 14, 1, MaxDays, "days", errors);
        var minutes = Number(duration, 0, 5, 480, "duration", errors);
        var start = Start(from, finder.Now, errors);
        if (errors.Any)
            return Problems.Invalid(errors.All);
        if (await PublicProvider.Find(database, slug, ct) is not { } provider)
            return Problems.NotFound();
        var zone = provider.Hours.Zone;
        var first = start(zone);
        var last = zone.AtStartOfDay(first.InZone(zone).Date.PlusDays(count)).ToInstant();
        var rules = duration is null ? provider.Rules : provider.Rules.For(Duration.FromMinutes(minutes));
        var open = await finder.Find(provider, new Interval(first, last), rules, ct);
        Cache(response, open.Unconfirmed);
        return TypedResults.Ok(new SlotsView(zone.Id, open.AsOf, open.Slots, open.Unconfirmed));
    }

    private static async Task<Results<FileContentHttpResult, ContentHttpResult>> Page(
        string slug, string? day, string? month, string? tz, Database database, OpenTimesFinder finder, DrawnPages pages, HttpContext context, CancellationToken ct)
    {
        PageHeaders.Set(context.Response);
        if (await PublicProvider.Find(database, slug, ct) is not { } provider)
            return TypedResults.Content(PageFrame.NotFound, "text/html; charset=utf-8", statusCode: 404);
        var (query, locale) = (PageQuery.Read(day, month, tz), VisitorLocale.Of(context.Request));
        var page = await pages.Get(provider, query, locale, async stop =>
        {
            var open = await finder.Find(provider, Ahead(provider, finder.Now), provider.Rules, stop);
            return DrawnPage.Of(
                PublicPage.Draw(PageView.Of(provider, open, query, locale) with { Take = provider.TakesBookings ? $"/c/{provider.Slug}/book?" : null }), open.Unconfirmed);
        }, ct);
        Cache(context.Response, page.Unconfirmed);
        context.Response.Headers.Vary = "Accept-Language";
        return TypedResults.Bytes(page.Body, "text/html; charset=utf-8", entityTag: new EntityTagHeaderValue(page.ETag));
    }

    /// <summary>Everything that can be had.</summary>
    public static Interval Ahead(PublicProvider provider, Instant now) =>
        new(now, provider.Rules.EndOfHorizon(provider.Hours.Zone, now) + provider.Rules.Length);

    /// <summary>Long enough to carry a crowd, short enough that "as of" stays honest. What is not known is not kept.</summary>
    private static void Cache(HttpResponse response, bool unconfirmed) =>
        response.Headers.CacheControl = unconfirmed ? "no-store" : "public, max-age=15";

    private static int Number(string? text, int standard, int least, int most, string field, FieldErrors errors)
    {
        if (text is null)
            return standard;
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most)
            return number;
        errors.Add(field, $"This is a whole number from {least} to {most}.");
        return standard;
    }

    /// <returns>The first instant, in the provider's zone; meaningless after an error.</returns>
    private static Func<DateTimeZone, Instant> Start(string? from, Instant now, FieldErrors errors)
    {
        if (from is null)
            return zone => zone.AtStartOfDay(now.InZone(zone).Date).ToInstant();
        var (near, far) = (now - Duration.FromDays(MaxDistance), now + Duration.FromDays(MaxDistance));
        var day = LocalDatePattern.Iso.Parse(from);
        if (day.Success && day.Value.AtMidnight().InUtc().ToInstant() is var midnight && midnight >= near && midnight <= far)
            return zone => zone.AtStartOfDay(day.Value).ToInstant();
        // A '+' that was not escaped arrives as a space.
        if (Rfc3339.Read(from.Replace(' ', '+')) is { } time && time >= near && time <= far)
            return _ => time;
        errors.Add("from", "This is a day such as 2026-03-01, or a time such as 2026-03-01T09:00:00Z, at most a year from now.");
        return _ => now;
    }
}
