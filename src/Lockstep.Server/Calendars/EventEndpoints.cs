using System.Globalization;
using System.Text;
using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace Lockstep.Server.Calendars;

internal static class EventEndpoints
{
    public static void Map(IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/v1/events").RequireAuthorization(Policies.User).WithTags("Events");
        group.MapPost("", Create).WithName("createEvent").WithSummary("Makes an event, here and on the calendar server it belongs to.");
        group.MapGet("", List).WithName("listEvents")
            .WithSummary("Events that overlap a window; with expand=true each occurrence of the recurring ones, in order.");
        group.MapGet("{id:guid}", Get).WithName("getEvent").WithSummary("One event.");
        group.MapPatch("{id:guid}", Patch).WithName("updateEvent")
            .WithSummary("Changes what is given; If-Match takes the etag that you know.");
        group.MapDelete("{id:guid}", Delete).WithName("deleteEvent").WithSummary("Deletes an event, on the calendar server too.");
        group.MapGet("{id:guid}/ics", Ics).WithName("getEventIcs").WithSummary("The raw iCalendar resource, with its overrides.")
            .Produces<string>(200, "text/calendar");
    }

    private static async Task<Results<Created<EventView>, ProblemHttpResult>> Create(
        EventBody body, TenantSession session, EventStore events, HttpResponse response, CancellationToken ct)
    {
        var errors = new FieldErrors();
        if (body.Check(making: true, errors) is not { } change)
            return Problems.Invalid(errors.All);
        var outcome = await events.Create(session, change, body.CalendarId, body.WorkspaceId is { } id ? new WorkspaceId(id) : null, ct);
        if (outcome is not EventOutcome.Stored { Event: var stored })
            return Problem(outcome);
        response.Headers.ETag = stored.ETag;
        return TypedResults.Created($"/v1/events/{stored.Id}", EventView.Of(stored));
    }

    private static async Task<Results<Ok<Page<EventView>>, ProblemHttpResult>> List(
        TenantSession session, CancellationToken ct, string? from = null, string? to = null, bool expand = false, string? timeZone = null,
        string? after = null, int limit = EventQuery.DefaultLimit)
    {
        var errors = new FieldErrors();
        return EventQuery.Read(from, to, expand, timeZone, after, limit, errors) is not { } query ? Problems.Invalid(errors.All)
            : await EventPages.Read(session, query, ct) is { } page ? TypedResults.Ok(page)
            : Problems.Invalid("to", $"More than {EventPages.MaxOccurrences} occurrences lie in this window, or its events repeat too often to be expanded. Ask for a shorter one.");
    }

    private static async Task<Results<Ok<EventView>, ProblemHttpResult>> Get(
        Guid id, TenantSession session, HttpResponse response, CancellationToken ct)
    {
        if (await EventStore.Get(session, new EventId(id), ct) is not { } row)
            return Problems.NotFound();
        response.Headers.ETag = row.ETag;
        return TypedResults.Ok(EventView.Of(row));
    }

    private static async Task<Results<Ok<EventView>, ProblemHttpResult>> Patch(
        Guid id, EventBody body, [FromHeader(Name = "If-Match")] string? ifMatch, TenantSession session, EventStore events,
        HttpResponse response, CancellationToken ct)
    {
        var errors = new FieldErrors();
        if (body.Check(making: false, errors) is not { } change)
            return Problems.Invalid(errors.All);
        var outcome = await events.Patch(session, new EventId(id), change, Version(ifMatch), ct);
        if (outcome is not EventOutcome.Stored { Event: var stored })
            return Problem(outcome);
        response.Headers.ETag = stored.ETag;
        return TypedResults.Ok(EventView.Of(stored));
    }

    private static async Task<Results<NoContent, ProblemHttpResult>> Delete(
        Guid id, [FromHeader(Name = "If-Match")] string? ifMatch, TenantSession session, EventStore events, CancellationToken ct)
    {
        var outcome = await events.Delete(session, new EventId(id), Version(ifMatch), ct);
        return outcome is EventOutcome.Stored ? TypedResults.NoContent() : Problem(outcome);
    }

    private static async Task<Results<FileContentHttpResult, ProblemHttpResult>> Ics(
        Guid id, TenantSession session, HttpResponse response, CancellationToken ct)
    {
        if (await EventStore.Get(session, new EventId(id), ct) is not { } row)
            return Problems.NotFound();
        response.Headers.ETag = row.ETag;
        return TypedResults.Bytes(Encoding.UTF8.GetBytes(row.Ics), "text/calendar; charset=utf-8", $"{row.Id}.ics");
    }

    public static ProblemHttpResult Problem(EventOutcome outcome) => outcome switch
    {
        EventOutcome.ChangedMeanwhile changed => Problems.Of(
            412, "precondition_failed", $"The event was changed meanwhile; its etag is {changed.Current.ETag} now. Read it again and repeat the change."),
        EventOutcome.ReadOnly => Problems.Conflict("calendar_read_only", "This calendar takes no writes. Choose another one for the event."),
        EventOutcome.Invalid invalid => Problems.Invalid(invalid.Field, invalid.Message),
        _ => Problems.NotFound(),
    };

    /// <summary>What If-Match asks for; null for none or <c>*</c>. What was never an ETag of ours matches nothing.</summary>
    private static long? Version(string? ifMatch) =>
        ifMatch is null or "" or "*" ? null
        : long.TryParse(ifMatch.Trim().Trim('"'), NumberStyles.None, CultureInfo.InvariantCulture, out var version) ? version
        : -1;
}
