using Lockstep.Server.ChangeSync.Schemas;
using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using NodaTime;

namespace Lockstep.Server.ChangeSync.Mana;

/// <summary>The mana protocol, as existing local-first clients speak it.</summary>
internal static class ManaEndpoints
{
    public static void MapManaSync(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/sync/{app}").RequireAuthorization(Policies.User).WithTags("Sync (mana)").WithTokenScope(TokenScopes.Sync);
        group.MapPost("", Push).WithName("manaPush").WithSummary("Stores a client's changes and answers with what others changed")
            .Accepts<object>("application/json").WithMetadata(new RequestSizeLimitAttribute(BoundedBody.LargestDrained))
            .ProducesProblem(400).ProducesProblem(403).ProducesProblem(413).ProducesProblem(422);
        group.MapGet("/pull", Pull).WithName("manaPull").WithSummary("What has changed in one collection since a cursor")
            .ProducesProblem(400).ProducesProblem(422);
        group.MapGet("/stream", Stream).WithMetadata(new EndsWithServer()).WithName("manaStream").WithSummary("Changes of some collections as they happen, as server-sent events")
            .Produces<ManaStreamPage>(200, "text/event-stream").ProducesProblem(400).ProducesProblem(422);
    }

    private static async Task<Results<Ok<ManaPushAnswer>, ProblemHttpResult>> Push(
        string app, [FromHeader(Name = "X-Client-Id")] string? client, HttpRequest request,
        TenantSession session, ChangeLog log, ManaReader reader, TableSchemas schemas, TimeProvider time, CancellationToken ct)
    {
        if (!Names.IsApp(app))
            return Problems.Invalid("app", AppFault);
        ManaPush push;
        try
        {
            push = ManaPush.Read(await BoundedBody.Read(request, ct), app, client, schemas);
        }
        catch (ManaFaultException e)
        {
            return Problems.Of(e.Status, e.Code, e.Message);
        }
        IReadOnlyList<ChangeResult> results = [];
        if (push.Changes.Count > 0)
        {
            switch (await log.Store(session, push.Changes, push.Faults, ct))
            {
                case StoreOutcome.Foreign foreign:
                    return Forbidden(push, foreign.Indexes);
                case StoreOutcome.Stored stored:
                    results = stored.Results;
                    break;
            }
        }
        var page = await reader.Read(session, app, push.Since, null, push.ClientId, ct);
        var rejected = Rejections(results, FieldTime.Of(Instant.FromDateTimeOffset(time.GetUtcNow()), "").ToRfc3339());
        return TypedResults.Ok(new ManaPushAnswer(page.Changes, [], page.SyncedUntil, page.HasMore, rejected.Count > 0 ? rejected : null));
    }

    private static async Task<Results<Ok<ManaPullAnswer>, ProblemHttpResult>> Pull(
        string app, string? collection, string? since, [FromHeader(Name = "X-Client-Id")] string? client,
        TenantSession session, ManaReader reader, CancellationToken ct)
    {
        if (!Names.IsApp(app))
            return Problems.Invalid("app", AppFault);
        if (string.IsNullOrEmpty(collection) || string.IsNullOrEmpty(since))
            return Problems.Of(400, "missing_parameter", "missing collection or since parameter");
        if (!Names.IsName(collection, Names.LongestTable))
            return Problems.Invalid("collection", TableFault);
        var page = await reader.Read(session, app, since, [collection], client, ct);
        return TypedResults.Ok(new ManaPullAnswer(page.Changes, page.SyncedUntil, page.HasMore));
    }

    private static Results<EventStream, ProblemHttpResult> Stream(
        string app, string? collections, string? since, [FromHeader(Name = "Last-Event-ID")] string? lastEventId,
        [FromHeader(Name = "X-Client-Id")] string? client, TenantSession session, ManaReader reader, HttpContext context, CancellationToken ct)
    {
        if (!Names.IsApp(app))
            return Problems.Invalid("app", AppFault);
        var tables = (collections ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (tables.Length == 0)
            return Problems.Of(400, "missing_parameter", "missing collections parameter");
        if (!tables.All(name => Names.IsName(name, Names.LongestTable)))
            return Problems.Invalid("collections", TableFault);
        var from = string.IsNullOrEmpty(lastEventId) ? since : lastEventId;
        return new EventStream(reader.Follow(session, app, from, tables, client, TokenLife.EndOf(context.User), ct));
    }

    private static ProblemHttpResult Forbidden(ManaPush push, IReadOnlyList<int> indexes) => Problems.Of(403, "space_forbidden",
        "These changes name a space that is not one of yours; nothing of this push was stored. Drop them, or ask for membership, and send the rest.",
        new Dictionary<string, object?>
        {
            ["changes"] = indexes.Select(index => new { index, spaceId = push.Changes[index].Scope.Space }).ToArray(),
        });

    private static List<ManaRejection> Rejections(IReadOnlyList<ChangeResult> results, string now) =>
        [.. results.Select((result, index) => (result, index))
            .Where(entry => entry.result.Status == ChangeStatus.Rejected)
            .Select(entry => new ManaRejection(entry.index, entry.result.Code, entry.result.Detail, entry.result.Code == "clock_skew" ? now : null))];

    private static readonly string TableFault = $"A name has {Names.LongestTable} characters at most and no NUL.";

    private const string AppFault = "1 to 100 letters, digits, '.', '_' or '-'.";
}
