using System.IO.Compression;
using System.Text.Json;
using System.Text.Json.Serialization;
using Lockstep.Server.ChangeSync.Native;
using Lockstep.Server.ChangeSync.Schemas;
using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Lockstep.Server.ChangeSync.Snapshot;

/// <summary>One line of a snapshot.</summary>
/// <param name="Resume">With changes: what to pass as <c>resume</c> when the answer breaks off after this line.</param>
/// <param name="Cursor">On the last line alone: where to pull from. Without it the snapshot is not whole.</param>
internal sealed record SnapshotLine(
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<NativeChangeView>? Changes,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Resume,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Cursor);

/// <summary>The first sync of a device: live records, not history.</summary>
internal static class SnapshotEndpoint
{
    public const string MediaType = "application/x-ndjson";

    public static void MapSnapshot(this IEndpointRouteBuilder routes) =>
        routes.MapGet("/v1/sync/{app}/snapshot", Snapshot).RequireAuthorization(Policies.User).WithTags("Sync").WithTokenScope(TokenScopes.Sync)
            .WithMetadata(new EndsWithServer()).WithName("snapshot")
            .WithSummary("The live records, some a line, gzip where accepted; the last line has the cursor to pull from, every other what to resume with")
            .Produces<SnapshotLine>(200, MediaType).ProducesProblem(400).ProducesProblem(409).ProducesProblem(422);

    private static async Task<Results<EmptyHttpResult, ProblemHttpResult>> Snapshot(
        string app, string? collections, string? resume, TenantSession session, CursorCodec cursors, TableSchemas schemas, HttpContext context, CancellationToken ct)
    {
        if (!Names.IsApp(app))
            return Problems.Invalid("app", "1 to 100 letters, digits, '.', '_' or '-'.");
        var tables = string.IsNullOrEmpty(collections) ? null : collections.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (tables?.All(table => Names.IsName(table, Names.LongestTable)) == false)
            return Problems.Invalid("collections", $"Names with a comma between them, each of {Names.LongestTable} characters at most and no NUL.");
        var binding = NativeReader.Binding(app, tables);
        var user = session.Caller.RequiredUser;
        SyncCursor? heads = null;
        var place = SnapshotPlace.Start;
        if (!string.IsNullOrEmpty(resume))
        {
            if (SnapshotPlace.Read(resume) is not { } read || cursors.Read(read.Cursor, user, binding) is not { Fault: not CursorFault.Malformed } known)
                return Problems.Of(400, "invalid_resume", "The value is not one of ours. Pass back the last one you got, whole, or none to start from the beginning.");
            if (known.Cursor is null)
                return Problems.Of(409, "cursor_reset", "This snapshot was begun by another user, for another app or set of collections, or long ago. Begin a new one.");
            (heads, place) = (known.Cursor, read.Place);
        }
        heads ??= await SnapshotReader.Heads(session, ct);
        var cursor = cursors.Write(heads, user, binding);

        context.Response.ContentType = MediaType;
        context.Response.Headers.CacheControl = "no-store";
        context.Response.Headers.Vary = "Accept-Encoding";
        var body = context.Response.Body;
        if (context.Request.Headers.AcceptEncoding.ToString().Contains("gzip", StringComparison.OrdinalIgnoreCase))
        {
            context.Response.Headers.ContentEncoding = "gzip";
            body = new GZipStream(body, CompressionLevel.Fastest, leaveOpen: true);
        }
        await using (body)
        {
            await foreach (var (changes, after) in SnapshotReader.Pages(session, schemas, app, heads, tables, place, ct))
                await Write(body, new SnapshotLine(changes, after.After(cursor), null), ct);
            await Write(body, new SnapshotLine(null, null, cursor), ct);
        }
        return TypedResults.Empty;
    }

    // Flushed line by line, so that what has come can be kept when the rest does not.
    private static async Task Write(Stream body, SnapshotLine line, CancellationToken ct)
    {
        await JsonSerializer.SerializeAsync(body, line, StrictJson.Options, ct);
        await body.WriteAsync("\n"u8.ToArray(), ct);
        await body.FlushAsync(ct);
    }
}
