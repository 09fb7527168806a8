using System.Text.Json;
using Lockstep.Server.ChangeSync.Schemas;
using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace Lockstep.Server.ChangeSync.Native;

/// <summary>The native protocol: numbered mutations in, an opaque cursor out.</summary>
internal static class NativeEndpoints
{
    private const int MostMutations = 5000;
    private const int UsualLimit = 500;
    private const int LargestLimit = 1000;

    public static void MapNativeSync(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/v1/sync/{app}").RequireAuthorization(Policies.User).WithTags("Sync").WithTokenScope(TokenScopes.Sync);
        group.MapPost("/push", Push).WithName("pushChanges").WithSummary("Stores a client's mutations, each once however often it is sent")
            .Accepts<NativePush>("application/json").WithMetadata(new RequestSizeLimitAttribute(BoundedBody.LargestDrained))
            .ProducesProblem(400).ProducesProblem(409).ProducesProblem(413).ProducesProblem(422);
        group.MapGet("/pull", Pull).WithName("pullChanges").WithSummary("What has changed since a cursor")
            .ProducesProblem(400).ProducesProblem(409).ProducesProblem(410).ProducesProblem(422);
        group.MapPost("/pull", PullLong).WithName("pullChangesByPost").WithSummary("The same for a cursor too long for an address: some proxies take 8 KB, 150 spaces")
            .ProducesProblem(400).ProducesProblem(409).ProducesProblem(410).ProducesProblem(422);
        group.MapGet("/stream", Stream).WithMetadata(new EndsWithServer()).WithName("streamChanges").WithSummary("The same as it happens, as server-sent events")
            .Produces<NativePullAnswer>(200, "text/event-stream").ProducesProblem(400).ProducesProblem(409).ProducesProblem(410).ProducesProblem(422);
        group.MapPost("/stream", StreamLong).WithMetadata(new EndsWithServer()).WithName("streamChangesByPost").WithSummary("The same for a cursor too long for an address or a header")
            .Produces<NativePullAnswer>(200, "text/event-stream").ProducesProblem(400).ProducesProblem(409).ProducesProblem(410).ProducesProblem(422);
    }

    private static async Task<Results<Ok<NativePushAnswer>, ProblemHttpResult>> Push(
        string app, HttpRequest request, TenantSession session, ChangeLog log, TableSchemas schemas, CancellationToken ct)
    {
        NativePush push;
        try
        {
            push = JsonSerializer.Deserialize<NativePush>((await BoundedBody.Read(request, ct)).Span, StrictJson.Options)
                ?? throw new JsonException("The body is null.");
        }
        catch (JsonException e)
        {
            return Problems.Of(400, "invalid_json", $"The body does not fit at {e.Path ?? "$"}: it is {{clientId, mutations: [{{id, table, recordId, op, fields, ...}}]}}, each member once and no others.");
        }
        if (Faults(app, push) is { Any: true } faults)
            return Problems.Invalid(faults.All);
        var mutations = push.Mutations.DistinctBy(mutation => mutation.Id).Select(mutation => NativeChange.Read(mutation, app, push.ClientId, schemas)).ToList();
        if (mutations.Count == 0)
            return TypedResults.Ok(new NativePushAnswer([]));
        return await log.Push(session, app, push.ClientId, mutations, ct) switch
        {
            PushOutcome.Gap gap => Problems.Of(409, "mutation_gap",
                $"The next mutation of this client is {gap.Expected}. Send from there on, or use a new clientId.",
                new Dictionary<string, object?> { ["expected"] = gap.Expected }),
            PushOutcome.Reused reused => Problems.Of(409, "mutation_reused",
                $"Mutation {reused.Id} came before with other content. Give a new mutation a new id.",
                new Dictionary<string, object?> { ["id"] = reused.Id }),
            PushOutcome.Stored stored => TypedResults.Ok(new NativePushAnswer(Answer(push, stored))),
            _ => throw new InvalidOperationException("An outcome without an answer."),
        };
    }

    private static Task<Results<Ok<NativePullAnswer>, ProblemHttpResult>> Pull(
        string app, string? cursor, string? collections, int? limit, TenantSession session, NativeReader reader, CancellationToken ct) =>
        ReadPage(app, cursor, Split(collections), limit, session, reader, ct);

    private static Task<Results<Ok<NativePullAnswer>, ProblemHttpResult>> PullLong(
        string app, NativePull pull, TenantSession session, NativeReader reader, CancellationToken ct) =>
        ReadPage(app, pull.Cursor, pull.Collections, pull.Limit, session, reader, ct);

    private static async Task<Results<Ok<NativePullAnswer>, ProblemHttpResult>> ReadPage(
        string app, string? cursor, string[]? tables, int? limit, TenantSession session, NativeReader reader, CancellationToken ct)
    {
        if (limit is < 1 or > LargestLimit)
            return Problems.Invalid("limit", $"1 to {LargestLimit}; {UsualLimit} when absent.");
        if (!Names.IsApp(app))
            return Problems.Invalid("app", AppFault);
        if (!AreTables(tables))
            return Problems.Invalid("collections", TablesFault);
        var (answer, _, problem) = await reader.Read(session, app, cursor, tables, limit ?? UsualLimit, ct);
        return problem is not null ? problem : TypedResults.Ok(answer);
    }

    private static Task<Results<EventStream, ProblemHttpResult>> Stream(
        string app, string? cursor, string? collections, [FromHeader(Name = "Last-Event-ID")] string? lastEventId,
        TenantSession session, NativeReader reader, HttpContext context, CancellationToken ct) =>
        Follow(app, string.IsNullOrEmpty(lastEventId) ? cursor : lastEventId, Split(collections), session, reader, context, ct);

    private static Task<Results<EventStream, ProblemHttpResult>> StreamLong(
        string app, NativePull pull, TenantSession session, NativeReader reader, HttpContext context, CancellationToken ct) =>
        Follow(app, pull.Cursor, pull.Collections, session, reader, context, ct);

    private static async Task<Results<EventStream, ProblemHttpResult>> Follow(
        string app, string? since, string[]? tables, TenantSession session, NativeReader reader, HttpContext context, CancellationToken ct)
    {
        if (!Names.IsApp(app))
            return Problems.Invalid("app", AppFault);
        if (!AreTables(tables))
            return Problems.Invalid("collections", TablesFault);
        // The first page is read before the answer starts, so that a bad cursor is a problem document and not a broken stream.
        var (_, _, problem) = await reader.Read(session, app, since, tables, 1, ct);
        if (problem is not null)
            return problem;
        return new EventStream(
            reader.Follow(session, app, since, tables, UsualLimit, TokenLife.EndOf(context.User), ct));
    }

    private static FieldErrors Faults(string app, NativePush push)
    {
        var errors = new FieldErrors();
        errors.Require(Names.IsApp(app), "app", AppFault);
        errors.Require(Names.IsName(push.ClientId, Names.LongestClientId), "clientId", $"1 to {Names.LongestClientId} characters and no NUL.");
        errors.Require(push.Mutations.Count <= MostMutations, "mutations", $"{MostMutations} at most in one push.");
        for (var i = 0; i < push.Mutations.Count && !errors.Any; i++)
        {
            // The serializer keeps nulls out of members, not out of lists.
            if (push.Mutations[i] is null)
            {
                errors.Require(false, $"mutations[{i}]", "A mutation, not null.");
                break;
            }
            errors.Require(push.Mutations[i].Id is >= 1 and <= 1L << 53, $"mutations[{i}].id", "A whole number from 1.");
            errors.Require(i == 0 || push.Mutations[i].Id - push.Mutations[i - 1].Id is 0 or 1, $"mutations[{i}].id", "Ids rise by one.");
        }
        return errors;
    }

    private static IReadOnlyList<NativeResult> Answer(NativePush push, PushOutcome.Stored stored)
    {
        var results = stored.Receipts.ToDictionary(receipt => receipt.Id, receipt => receipt.Result);
        var seen = new HashSet<long>();
        var now = stored.Now is { } time ? FieldTime.Of(time, "").ToRfc3339() : null;
        return [.. push.Mutations.Select(mutation => seen.Add(mutation.Id)
            ? Answer(mutation.Id, results[mutation.Id], now)
            : new NativeResult(mutation.Id, "duplicate", null, null))];
    }

    private static NativeResult Answer(long id, ChangeResult result, string? now) =>
        new(id, Name(result.Status), result.Code, result.Detail, result.Code == "clock_skew" ? now : null);

    private static string Name(ChangeStatus status) => status switch
    {
        ChangeStatus.Applied => "applied",
        ChangeStatus.Superseded => "superseded",
        _ => "rejected",
    };

    private static string[]? Split(string? collections) =>
        string.IsNullOrEmpty(collections) ? null : collections.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private static bool AreTables(string[]? names) => names is null || names.All(name => name is not null && Names.IsName(name, Names.LongestTable));

    private static readonly string TablesFault = $"Names with a comma between them, each of {Names.LongestTable} characters at most and no NUL.";

    private const string AppFault = "1 to 100 letters, digits, '.', '_' or '-'.";
}
