using Lockstep.Server.Booking;
using Lockstep.Server.Booking.Page;
using Lockstep.Server.Console.Connections;
using Lockstep.Server.Integrations;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Lockstep.Server.Console.Sharing;

/// <summary>The settings of the public page, with the page as it would be beside them.</summary>
internal static class SharingPages
{
    private const string Section = "sharing";

    public static void Map(IEndpointRouteBuilder console)
    {
        console.MapGet("/sharing", Show);
        console.MapPost("/sharing", Save);
        console.MapGet("/sharing/preview", Preview);
        console.MapPost("/sharing/preview", Draft);
    }

    private static async Task<IResult> Show(ConsoleVisit visit, IntegrationStore store, CancellationToken ct) =>
        await Draw(visit, (await ProviderEndpoints.Get(visit.Session, ct)).Value!, store, null, ct);

    private static async Task<IResult> Save(ConsoleVisit visit, ConsoleForm form, IntegrationStore store, CancellationToken ct)
    {
        var stored = (await ProviderEndpoints.Get(visit.Session, ct)).Value!;
        var wanted = SharingForm.Read(form, stored);
        return visit.Refused(await ProviderEndpoints.Put(wanted, visit.Session, ct)) is { } refusal
            ? await Draw(visit, wanted, store, refusal, ct)
            : ConsoleVisit.Go("/console/sharing", wanted.IsPublic == stored.IsPublic ? "page-saved" : wanted.IsPublic ? "page-published" : "page-hidden");
    }

    private static async Task<IResult> Draw(ConsoleVisit visit, Provider provider, IntegrationStore store, Refusal? refusal, CancellationToken ct) =>
        await visit.Page<SharingPage>(Section, new SharingView(provider, await ConnectedCalendar.Of(visit.Session, store, ct)), refusal);

    private static async Task<IResult> Preview(ConsoleVisit visit, OpenTimesFinder finder, string? day, string? month, string? tz, CancellationToken ct) =>
        await Draw(visit, (await ProviderEndpoints.Get(visit.Session, ct)).Value!, finder, PageQuery.Read(day, month, tz), ct);

    private static async Task<IResult> Draft(ConsoleVisit visit, ConsoleForm form, OpenTimesFinder finder, CancellationToken ct) =>
        await Draw(visit, SharingForm.Read(form, (await ProviderEndpoints.Get(visit.Session, ct)).Value!), finder, PageQuery.Read(null, null, null), ct);

    /// <summary>The public page, drawn by what draws it for visitors; in a frame of ours, with the owner's real free times.</summary>
    private static async Task<IResult> Draw(ConsoleVisit visit, Provider draft, OpenTimesFinder finder, PageQuery query, CancellationToken ct)
    {
        var response = visit.Context.Response;
        PageHeaders.Set(response);
        response.Headers.ContentSecurityPolicy = PageAssets.ContentSecurityPolicy.Replace("frame-ancestors 'none'", "frame-ancestors 'self'", StringComparison.Ordinal);
        response.Headers.XFrameOptions = "SAMEORIGIN";
        var errors = ProviderRules.Check(draft);
        var settings = draft.Settings ?? new();
        if (errors.Any || ProviderRules.Hours(draft.Timezone ?? Provider.StandardTimezone, settings.WorkingHours) is not { } hours)
            return Results.Content(Nothing(errors.Any ? string.Join(" ", errors.All.Values.SelectMany(said => said)) : "Set your hours, and the page shows here.").ToString(), "text/html; charset=utf-8");
        // Read anew each time: a draft is in no cache.
        var provider = new PublicProvider(draft.PublicSlug ?? "your-page", visit.Session.Caller.RequiredUser, hours, settings, [], new ProviderVersion(visit.Now, -1));
        var open = await finder.Find(provider, PublicPageEndpoints.Ahead(provider, finder.Now), provider.Rules, ct);
        var view = PageView.Of(provider, open, query, VisitorLocale.Of(visit.Context.Request)) with { Take = provider.TakesBookings ? "#" : null };
        // Without the script, which would ask for the visitor's zone and lose the draft by it.
        var html = PublicPage.Draw(view).ToString().Replace($"<script>{PageAssets.Script}</script>", "", StringComparison.Ordinal);
        return Results.Content(html, "text/html; charset=utf-8");
    }

    private static Html Nothing(string why) => PageFrame.Draw("Preview", "", Html.Of($"""
        <main class="card lost">
        <h1>Nothing to show yet</h1>
        <p>{why}</p>
        </main>
        """));
}
