using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace Lockstep.Server.Calendars;

/// <summary>Events as iCalendar texts, in and out.</summary>
internal static class EventResourceEndpoints
{
    private const string Type = "text/calendar";

    public static void Map(IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/v1/events").RequireAuthorization(Policies.User).WithTags("Events").WithTokenScope(TokenScopes.ReadEvents, TokenScopes.WriteEvents);
        group.MapGet("{id:guid}/ics", Get).WithName("getEventIcs").WithSummary("The raw iCalendar resource, with its overrides.")
            .Produces<string>(200, Type);
        group.MapPut("{id:guid}/ics", Put).WithName("replaceEventIcs")
            .WithSummary("Puts another iCalendar resource in the place of the event's: its VEVENTs of one UID, with overrides and zones. The UID stays.")
            .Accepts<string>(Type).WithMetadata(Limit);
        group.MapPost("ics", Post).WithName("createEventFromIcs")
            .WithSummary("Makes an event of an iCalendar resource: VEVENTs of one UID, with overrides and zones, kept as they are.")
            .Accepts<string>(Type).WithMetadata(Limit);
        // The same by content type alone; a request that names none is taken for JSON. The API document has one operation for a path and a method.
        group.MapPost("", Post).Accepts<string>(Type).WithMetadata(Limit).WithOrder(1).ExcludeFromDescription();
    }

    private static RequestSizeLimitAttribute Limit => new(EventFacts.MaxLength + 1);

    private static async Task<Results<FileContentHttpResult, ProblemHttpResult>> Get(
        Guid id, TenantSession session, HttpResponse response, CancellationToken ct)
    {
        if (await EventStore.Get(session, new EventId(id), ct) is not { } row)
            return Problems.NotFound();
        response.Headers.ETag = row.ETag;
        return TypedResults.Bytes(System.Text.Encoding.UTF8.GetBytes(row.Ics), $"{Type}; charset=utf-8", $"{row.Id}.ics");
    }

    private static async Task<Results<Created<EventView>, ProblemHttpResult>> Post(
        HttpRequest request, TenantSession session, EventStore events, HttpResponse response, CancellationToken ct,
        string? calendarId = null, Guid? matterId = null, Guid? workspaceId = null)
    {
        var errors = new FieldErrors();
        if (EventResource.Read(await Body(request, ct), errors) is not { } resource)
            return Problems.Invalid(errors.All);
        var outcome = await events.Import(
            session, resource, calendarId, matterId is { } matter ? new MatterId(matter) : null,
            workspaceId is { } workspace ? new WorkspaceId(workspace) : null, ct);
        if (outcome is not EventOutcome.Stored { Event: var stored })
            return EventEndpoints.Problem(outcome);
        response.Headers.ETag = stored.ETag;
        return TypedResults.Created($"/v1/events/{stored.Id}", EventView.Of(stored));
    }

    private static async Task<Results<Ok<EventView>, ProblemHttpResult>> Put(
        Guid id, HttpRequest request, [FromHeader(Name = "If-Match")] string? ifMatch, TenantSession session, EventStore events,
        HttpResponse response, CancellationToken ct)
    {
        var errors = new FieldErrors();
        if (EventResource.Read(await Body(request, ct), errors) is not { } resource)
            return Problems.Invalid(errors.All);
        var outcome = await events.Replace(session, new EventId(id), resource, IfMatch.Version(ifMatch), ct);
        if (outcome is not EventOutcome.Stored { Event: var stored })
            return EventEndpoints.Problem(outcome);
        response.Headers.ETag = stored.ETag;
        return TypedResults.Ok(EventView.Of(stored));
    }

    private static async Task<byte[]> Body(HttpRequest request, CancellationToken ct)
    {
        using var bytes = new MemoryStream();
        await request.Body.CopyToAsync(bytes, ct);
        return bytes.ToArray();
    }
}
