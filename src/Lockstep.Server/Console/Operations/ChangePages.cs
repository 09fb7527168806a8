using Lockstep.Server.ChangeSync;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Lockstep.Server.Console.Operations;

internal sealed record ScopesView(IReadOnlyList<InspectedScope> Items, string Find);

/// <param name="Next">Before which the list goes on; null at its end.</param>
internal sealed record ChangesView(InspectedScope Scope, IReadOnlyList<InspectedChange> Items, long? Next, string App, string Record)
{
    public bool IsFiltered => App.Length + Record.Length > 0;
}

/// <summary>The change log, for an operator: what happened to which record, never what it says.</summary>
internal static class ChangePages
{
    private const string Section = "changes";
    private const int MostScopes = 50;
    private const int PerPage = 50;

    public static void Map(IEndpointRouteBuilder signedIn)
    {
        signedIn.MapGet("/system/changes", Scopes);
        signedIn.MapGet("/system/changes/{id:guid}", Changes);
    }

    private static async Task<IResult> Scopes(ConsoleVisit visit, LogInspector log, string? find, CancellationToken ct) => !visit.SignedIn.IsOperator
        ? await visit.NotFound()
        : await visit.Page<ScopesPage>(Section, new ScopesView(await log.Scopes(Given(find), MostScopes, ct), find ?? ""));

    private static async Task<IResult> Changes(Guid id, ConsoleVisit visit, LogInspector log, string? app, string? record, long? before, CancellationToken ct)
    {
        if (!visit.SignedIn.IsOperator || (await log.Scopes(id.ToString(), MostScopes, ct)).Find(one => one.Id == id) is not { } scope)
            return await visit.NotFound();
        var found = await log.Changes(id, Given(app), Given(record), before, PerPage + 1, ct);
        return await visit.Page<ChangesPage>(Section, new ChangesView(
            scope, [.. found.Take(PerPage)], found.Count > PerPage ? found[PerPage - 1].Seq : null, app ?? "", record ?? ""));
    }

    /// <summary>PostgreSQL takes no NUL in a text; nothing is named so.</summary>
    private static string? Given(string? text) => text?.Replace("\0", "", StringComparison.Ordinal).Trim() is { Length: > 0 } given ? given : null;
}
