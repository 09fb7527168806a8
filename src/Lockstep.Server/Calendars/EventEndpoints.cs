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
    public const string EmptyPatch = "Send a JSON object with what is to change, such as {\"summary\": \"Lunch\"}.";

    public static void Map(IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/v1/events").RequireAuthorization(Policies.User).WithTags("Events").WithTokenScope(TokenScopes.ReadEvents, TokenScopes.WriteEvents);
        group.MapPost("", Create).WithName("createEvent").WithSummary("Makes an event, here and on the calendar server it belongs to.");
        group.MapGet("", List).WithName("listEvents")
            .WithSummary("Events that overlap a window; with expand=true each occurrence of the recurring ones, in order.");
        group.MapGet("{id:guid}", Get).WithName("getEvent").WithSummary("One event.");
        group.MapPatch("{id:guid}", Patch).WithName("updateEvent")
            .WithSummary("Changes what is given, of a series all of it; calendarId moves it to another calendar. If-Match takes the etag that you know.");
        group.MapDelete("{id:guid}", Delete).WithName("deleteEvent").WithSummary("Deletes an event, on the calendar server too.");
    }

    internal static async Task<Results<Created<EventView>, ProblemHttpResult>> Create(
        NewEventBody? body, TenantSession session, EventStore events, HttpResponse response, CancellationToken ct)
    {
        var errors = new FieldErrors();
        body ??= new NewEventBody();
        if (body.Check(making: true, errors) is not { } change)
            return Problems.Invalid(errors.All);
        var outcome = await events.Create(session, change, body.CalendarId, body.WorkspaceId is { } id ? new WorkspaceId(id) : null, ct);
        if (outcome is not EventOutcome.Stored { Event: var stored })
            return Problem(outcome);
        response.Headers.ETag = stored.ETag;
        return TypedResults.Created($"/v1/events/{stored.Id}", EventView.Of(stored));
    }

    internal static async Task<Results<Ok<Page<EventView>>, ProblemHttpResult>> List(
        TenantSession session, CancellationToken ct, string? from = null, string? to = null, bool expand = false, string? timeZone = null,
        string? after = null, int limit = EventQuery.DefaultLimit)
    {
        var errors = new FieldErrors();
        return EventQuery.Read(from, to, expand, timeZone, after, limit, errors) is not { } query ? Problems.Invalid(errors.All)
            : await EventPages.Read(session, query, ct) is { } page ? TypedResults.Ok(page)
            : Problems.Invalid("to", EventPages.TooMany);
    }

    internal static async Task<Results<Ok<EventView>, ProblemHttpResult>> Get(
        Guid id, TenantSession session, HttpResponse response, CancellationToken ct)
    {
        if (await EventStore.Get(session, new EventId(id), ct) is not { } row)
            return Problems.NotFound();
        response.Headers.ETag = row.ETag;
        return TypedResults.Ok(EventView.Of(row));
    }

    internal static async Task<Results<Ok<EventView>, ProblemHttpResult>> Patch(
        Guid id, EventBody? body, [FromHeader(Name = "If-Match")] string? ifMatch, TenantSession session, EventStore events,
        HttpResponse response, CancellationToken ct)
    {
        var errors = new FieldErrors();
        if (body is null)
            return Problems.Invalid("body", EmptyPatch);
        if (body.Check(making: false, errors) is not { } change)
            return Problems.Invalid(errors.All);
        var outcome = await events.Patch(session, new EventId(id), change, IfMatch.Version(ifMatch), ct);
        if (outcome is not EventOutcome.Stored { Event: var stored })
            return Problem(outcome);
        response.Headers.ETag = stored.ETag;
        return TypedResults.Ok(EventView.Of(stored));
    }

    internal static async Task<Results<NoContent, ProblemHttpResult>> Delete(
        Guid id, [FromHeader(Name = "If-Match")] string? ifMatch, TenantSession session, EventStore events, CancellationToken ct)
    {
        var outcome = await events.Delete(session, new EventId(id), IfMatch.Version(ifMatch), ct);
        return outcome is EventOutcome.Stored ? TypedResults.NoContent() : Problem(outcome);
    }

    public static ProblemHttpResult Problem(EventOutcome outcome) => outcome switch
    {
        EventOutcome.ChangedMeanwhile changed => Problems.Of(
            412, "precondition_failed", $"The event was changed meanwhile; its etag is {changed.Current.ETag} now. Read it again and repeat the change."),
        EventOutcome.ReadOnly => Problems.Conflict("calendar_read_only", "This calendar takes no writes. Choose another one for the event."),
        EventOutcome.Exists exists => Problems.Of(
            409, "event_exists", $"The calendar has an event of this UID already: {exists.Event}. Change that one, or give this one another UID.",
            new Dictionary<string, object?> { ["eventId"] = exists.Event.Value }),
        EventOutcome.Invalid invalid => Problems.Invalid(invalid.Field, invalid.Message),
        _ => Problems.NotFound(),
    };
}
