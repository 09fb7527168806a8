using System.Text.Json;
using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Lockstep.Server.ChangeSync.Schemas;

internal sealed record SchemaView(string Table, SchemaDeclaration Declaration);

/// <param name="Next">Always null: there are few.</param>
internal sealed record SchemaListView(IReadOnlyList<SchemaView> Items, string? Next);

/// <summary>The operator's software says what the records of a table must be.</summary>
internal static class SchemaEndpoints
{
    public static void MapSchemas(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/v1/sync/{app}/schemas").RequireAuthorization(Policies.Service).WithTags("Sync").WithTokenScope(TokenScopes.Sync);
        group.MapGet("", List).WithName("listSchemas").WithSummary("What is declared of the tables of an app").ProducesProblem(422);
        group.MapPut("/{table}", Put).WithName("putSchema").WithSummary("Declares a JSON Schema, the version and the steps from former versions of a table; holds for what is written from now on")
            .ProducesProblem(400).ProducesProblem(422);
        group.MapDelete("/{table}", Delete).WithName("deleteSchema").WithSummary("The table takes anything again, of version 1").ProducesProblem(404);
    }

    private static async Task<Results<Ok<SchemaListView>, ProblemHttpResult>> List(string app, Database database, CancellationToken ct) => !Names.IsApp(app)
        ? Problems.Invalid("app", AppFault)
        : TypedResults.Ok(new SchemaListView(await database.For(Caller.Service).Query(
            new Statement("SELECT s.table_name, s.declaration::text FROM lockstep.sync_schemas s WHERE s.app = $1 ORDER BY s.table_name", app),
            row => new SchemaView(row.GetString(0), JsonSerializer.Deserialize<SchemaDeclaration>(row.GetString(1), StrictJson.Options)!), ct), null));

    private static async Task<Results<Ok<SchemaView>, ProblemHttpResult>> Put(
        string app, string table, SchemaDeclaration declaration, Database database, SchemaWatch watch, ChangeHandlers handlers, CancellationToken ct)
    {
        if (!Names.IsApp(app))
            return Problems.Invalid("app", AppFault);
        if (handlers.For(app) is not null)
            return Problems.Invalid("app", $"The records of app '{app}' belong to another part of the server, which checks them itself.");
        if (!Names.IsName(table, Names.LongestTable))
            return Problems.Invalid("table", $"1 to {Names.LongestTable} characters and no NUL.");
        if (declaration.Schema is { } schema && !JsonText.IsStorable(schema))
            return Problems.Invalid("schema", "It holds a NUL, half a character or an endless number.");
        try
        {
            TableSchema.Of(declaration);
        }
        catch (FormatException e)
        {
            return Problems.Invalid("schema", e.Message);
        }
        await database.For(Caller.Service).Execute(new Statement(
            """
            INSERT INTO lockstep.sync_schemas AS s (app, table_name, declaration) VALUES ($1, $2, $3::jsonb)
            ON CONFLICT (app, table_name) DO UPDATE SET declaration = excluded.declaration
            """, app, table, JsonSerializer.Serialize(declaration, StrictJson.Options)), ct);
        await watch.Look(ct);
        return TypedResults.Ok(new SchemaView(table, declaration));
    }

    private static async Task<Results<NoContent, ProblemHttpResult>> Delete(string app, string table, Database database, SchemaWatch watch, CancellationToken ct)
    {
        if (!Names.IsApp(app) || !JsonText.IsStorable(table) || await database.For(Caller.Service).Execute(new Statement("DELETE FROM lockstep.sync_schemas s WHERE s.app = $1 AND s.table_name = $2", app, table), ct) == 0)
            return Problems.NotFound();
        await watch.Look(ct);
        return TypedResults.NoContent();
    }

    private const string AppFault = "1 to 100 letters, digits, '.', '_' or '-'.";
}
