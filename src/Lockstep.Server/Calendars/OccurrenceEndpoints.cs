using Lockstep.Calendaring.ICalendar;
using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace Lockstep.Server.Calendars;

/// <summary>The occurrences of one event, named by the <c>recurrenceId</c> that lists give.</summary>
internal static class OccurrenceEndpoints
{
    private const string ThisAndFuture = "thisAndFuture";

    public static void Map(IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/v1/events/{id:guid}/occurrences").RequireAuthorization(Policies.User).WithTags("Events").WithTokenScope(TokenScopes.ReadEvents, TokenScopes.WriteEvents);
        group.MapGet("", List).WithName("listOccurrences").WithSummary("The occurrences of one event that overlap a window, in order.");
        group.MapGet("{recurrenceId}", Get).WithName("getOccurrence")
            .WithSummary("One occurrence, by its recurrenceId: 20260316T090000 as the event's own clock shows it, 20260316T080000Z, or 20260316.");
        group.MapPatch("{recurrenceId}", Patch).WithName("updateOccurrence")
            .WithSummary("Changes one occurrence. With range=thisAndFuture it and all that follow become an event of their own (201), which the answer is; the first one means the series (200).");
        group.MapDelete("{recurrenceId}", Delete).WithName("deleteOccurrence")
            .WithSummary("Takes one occurrence out, or with range=thisAndFuture it and all that follow; the event itself when none is left.");
    }

    private static async Task<Results<Ok<Page<EventView>>, ProblemHttpResult>> List(
        Guid id, TenantSession session, CancellationToken ct, string? from = null, string? to = null, string? timeZone = null)
    {
        var errors = new FieldErrors();
        if (EventQuery.Read(from, to, true, timeZone, null, EventQuery.DefaultLimit, errors) is not { } query)
            return Problems.Invalid(errors.All);
        return await EventStore.Get(session, new EventId(id), ct) is not { } row ? Problems.NotFound()
            : EventPages.Expand([row], query, query.Zone ?? await ReaderZone.Of(session, ct), ct) is { } page ? TypedResults.Ok(page)
            : Problems.Invalid("to", EventPages.TooMany);
    }

    private static async Task<Results<Ok<EventView>, ProblemHttpResult>> Get(
        Guid id, string recurrenceId, TenantSession session, HttpResponse response, CancellationToken ct)
    {
        if (CalendarTime.Parse(recurrenceId, null) is not { } named || await EventStore.Get(session, new EventId(id), ct) is not { } row
            || OccurrenceStore.Find(row, named, ct) is not { } found)
            return Problems.NotFound();
        response.Headers.ETag = row.ETag;
        return TypedResults.Ok(EventView.Of(row, found));
    }

    private static async Task<Results<Ok<EventView>, Created<EventView>, ProblemHttpResult>> Patch(
        Guid id, string recurrenceId, EventBody? body, [FromHeader(Name = "If-Match")] string? ifMatch, TenantSession session,
        OccurrenceStore occurrences, HttpResponse response, CancellationToken ct, string? range = null)
    {
        var errors = new FieldErrors();
        var andFuture = IsRange(range, errors);
        if (body is null)
            errors.Add("body", EventEndpoints.EmptyPatch);
        if (body?.CheckOccurrence(andFuture, errors) is not { } change || errors.Any)
            return Problems.Invalid(errors.All);
        if (CalendarTime.Parse(recurrenceId, null) is not { } named)
            return Problems.NotFound();
        switch (await occurrences.Patch(session, new EventId(id), named, andFuture, change, IfMatch.Version(ifMatch), ct))
        {
            case EventOutcome.Stored { Event: var row }:
                response.Headers.ETag = row.ETag;
                return TypedResults.Ok(!andFuture && OccurrenceStore.Find(row, named, ct) is { } found ? EventView.Of(row, found) : EventView.Of(row));
            case EventOutcome.Split { Following: var row }:
                response.Headers.ETag = row.ETag;
                return TypedResults.Created($"/v1/events/{row.Id}", EventView.Of(row));
            case var outcome:
                return EventEndpoints.Problem(outcome);
        }
    }

    private static async Task<Results<NoContent, ProblemHttpResult>> Delete(
        Guid id, string recurrenceId, [FromHeader(Name = "If-Match")] string? ifMatch, TenantSession session, OccurrenceStore occurrences,
        HttpResponse response, CancellationToken ct, string? range = null)
    {
        var errors = new FieldErrors();
        var andFuture = IsRange(range, errors);
        if (errors.Any)
            return Problems.Invalid(errors.All);
        if (CalendarTime.Parse(recurrenceId, null) is not { } named)
            return Problems.NotFound();
        var outcome = await occurrences.Delete(session, new EventId(id), named, andFuture, IfMatch.Version(ifMatch), ct);
        if (outcome is not EventOutcome.Stored { Event: var row })
            return EventEndpoints.Problem(outcome);
        if (!row.Deleted)
            response.Headers.ETag = row.ETag;
        return TypedResults.NoContent();
    }

    private static bool IsRange(string? range, FieldErrors errors)
    {
        errors.Require(range is null or "this" or ThisAndFuture, "range", "One of this, thisAndFuture.");
        return range == ThisAndFuture;
    }
}
