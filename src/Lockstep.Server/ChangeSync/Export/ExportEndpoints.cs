using Lockstep.Server.ChangeSync.Schemas;
using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace Lockstep.Server.ChangeSync.Export;

/// <summary>Taking one's data out, and in again.</summary>
internal static class ExportEndpoints
{
    public static void MapExports(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("").RequireAuthorization(Policies.User).WithTags("Export").WithTokenScope(TokenScopes.Sync);
        group.MapGet("/v1/export", Records).WithMetadata(new EndsWithServer()).WithName("export")
            .WithSummary("Every record that you may see, one JSON object a line, the last line a manifest with the hash of those before it")
            .Produces<string>(200, RecordExport.MediaType);
        group.MapPost("/v1/import", Import).WithMetadata(new EndsWithServer(), new DisableRequestSizeLimitAttribute()).WithName("import")
            .WithSummary("Merges such an export into what is there; again changes nothing more")
            .Accepts<string>(RecordExport.MediaType).ProducesProblem(400).ProducesProblem(413);
        group.MapGet("/backup/export", Backup).WithName("manaBackup").WithSummary("A zip of your own changes (events.jsonl) and a manifest")
            .Produces(200, contentType: "application/zip");
    }

    private static async Task<EmptyHttpResult> Records(TenantSession session, TableSchemas schemas, TimeProvider time, HttpContext context, CancellationToken ct)
    {
        context.Response.ContentType = RecordExport.MediaType;
        context.Response.Headers.CacheControl = "no-store";
        await RecordExport.Write(session, context.Response.BodyWriter, schemas, time, ct);
        return TypedResults.Empty;
    }

    private static async Task<Ok<ImportAnswer>> Import(TenantSession session, RecordImport import, HttpRequest request, CancellationToken ct) =>
        TypedResults.Ok(await import.Read(session, request.BodyReader, ct));

    private static async Task<FileStreamHttpResult> Backup(TenantSession session, TimeProvider time, CancellationToken ct) =>
        TypedResults.Stream(await EventBackup.Make(session, time, ct), "application/zip", "backup.zip");
}
