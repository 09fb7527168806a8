using Lockstep.Server.Activity;
using Lockstep.Server.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using NodaTime.Text;

namespace Lockstep.Server.Console.Log;

/// <summary>The activity: one's own and that of the workspaces one administers; for an operator, everybody's.</summary>
internal static class ActivityPages
{
    public static void Map(IEndpointRouteBuilder console) => console.MapGet("/activity", List);

    private static async Task<IResult> List(ConsoleVisit visit, string? action, string? from, string? to, string? entity, string? after, CancellationToken ct)
    {
        var answer = await ActivityEndpoints.List(
            visit.Session, ct,
            Given(action), null, Guid.TryParse(entity, out var id) ? id : null, null,
            Given(from) is { } first ? first + "T00:00:00Z" : null,
            Given(to) is { } last ? last + "T23:59:59Z" : null,
            long.TryParse(after, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var seq) ? seq : null);
        var (page, refusal) = visit.Read<Page<ActivityView>>(answer);
        var people = await ActivityWords.People(visit.Session, page?.Items ?? [], ct);
        return await visit.Page<ActivityPage>("activity", new ActivityPageView(page?.Items ?? [], page?.Next, people, action ?? "", Day(from), Day(to), entity ?? ""), refusal);
    }

    /// <summary>What a field for a day can show; what was typed past it is named by the refusal.</summary>
    private static string Day(string? text) => LocalDatePattern.Iso.Parse(text ?? "").Success ? text! : "";

    private static string? Given(string? text) => text is { Length: > 0 } ? text : null;
}
