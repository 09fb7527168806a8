using Lockstep.Server.Console.Connections;
using Lockstep.Server.Integrations;
using Lockstep.Server.Integrations.Connecting;
using Lockstep.Server.Tenancy;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Lockstep.Server.Console.Embedded;

/// <summary>The pages behind a link: choose, sign in, choose calendars, back to the product. Without cookie and without script, so that they also work in a frame.</summary>
/// <remarks>
/// The first form that comes keeps the link to the page that sent it, whose key every later form shows. Looking at a link uses nothing up:
/// programs that fetch links ahead spoil none. Both go by POST alone, in the body, after the first page.
/// </remarks>
internal static class EmbedEndpoints
{
    public static void Map(IEndpointRouteBuilder routes)
    {
        var pages = routes.MapGroup("/connect").ExcludeFromDescription().AllowAnonymous()
            .WithMetadata(new RequestSizeLimitAttribute(ConsoleServices.LargestForm)).AddEndpointFilter(Headers);
        pages.MapGet("/{link}", Begin);
        pages.MapPost("/choices", Choices);
        pages.MapPost("/account", Account);
        pages.MapPost("/find", Find);
        pages.MapPost("/finish", Finish);
        pages.MapPost("/store", Store);
        pages.MapPost("/cancel", Cancel);
        EmbedProgressEndpoints.Map(pages);
    }

    /// <summary>What went wrong outside of a handler, as a page.</summary>
    public static async Task Answer(HttpContext context, ProblemHttpResult problem)
    {
        EmbedHeaders.Set(context.Response, context.RequestServices.GetRequiredService<ConnectOptions>());
        var refusal = Refusal.Of(problem, context);
        var message = refusal.Status == 404 ? EmbedMessage.Unknown
            : new EmbedMessage(refusal.Status >= 500 ? "Not possible right now" : "That was not done", "What it is, and what to do about it, stands above." + (context.Request.Path.StartsWithSegments(EmbedProgressEndpoints.Path, StringComparison.Ordinal)
                ? " The account is connected all the same."
                : refusal.Status < 500 ? " Nothing was connected." : " Whether anything was connected, the product that you came from can tell."));
        await (await EmbedVisit.Draw<EmbedMessagePage>(context, message, refusal.Status == 404 ? null : refusal, refusal.Status)).ExecuteAsync(context);
    }

    private static async Task<IResult> Begin(string link, HttpContext context, ConnectSessions sessions, ConnectOptions options, CancellationToken ct)
    {
        if (await sessions.Show(link, null, EmbedVisit.Nobody(context), ct) is not { } shown)
            return await Say(context, EmbedMessage.Unknown, 404);
        if (shown.Standing != LinkStanding.Open)
            return await Ended(context, shown);
        EmbedHeaders.Set(context.Response, options, new Uri(shown.ReturnUrl));
        var visit = EmbedVisit.Of(context, shown, link, ConnectLink.New());
        return await Offer(visit);
    }

    private static Task<IResult> Choices(HttpContext context, ConsoleForm form, CancellationToken ct) => With(context, form, Offer, ct);

    private static Task<IResult> Account(HttpContext context, ConsoleForm form, CancellationToken ct) => With(context, form, visit =>
        Choice(visit, form) is { } choice ? Ask(visit, choice) : Offer(visit), ct);

    private static Task<IResult> Find(HttpContext context, ConsoleForm form, EmbedDoors doors, PendingAccounts pending, CancellationToken ct) => With(context, form, async visit =>
    {
        if (Choice(visit, form) is not { SignsIn: true } choice)
            return await Offer(visit);
        var account = new AccountView(choice.Preset, form["url"], form["username"]);
        // Before anything is sent: nobody guesses passwords with a link.
        if (!await doors.Sessions.Try(visit.Link.Id, visit.Caller, ct))
            return visit.Leave("failed", failure: "too_many_attempts");
        var (found, refusal) = await Connections.Connecting.Find(context, account, form.Secret("password"), doors.Connect, ct);
        if (found is null || form.Secret("password") is not { } password)
            return await visit.Page<EmbedAccountPage>(new EmbedAccount(visit.Pass, choice, account), refusal);
        var id = pending.Keep(visit.Link.Id, choice.Id, found.Url, account.Username, password, found);
        return await visit.Page<EmbedCalendarsPage>(new EmbedCalendars(visit.Pass, choice, ChooseView.Of(id.ToString(), choice, account.Username, found.Calendars)));
    }, ct);

    private static Task<IResult> Finish(HttpContext context, ConsoleForm form, EmbedDoors doors, PendingAccounts pending, CancellationToken ct) => With(context, form, async visit =>
    {
        if (Choice(visit, form) is not { SignsIn: true } choice)
            return await Offer(visit);
        if (pending.Find(visit.Link.Id, form["account"]) is not { } account || account.Provider != choice.Id)
            return await visit.Page<EmbedAccountPage>(new EmbedAccount(visit.Pass, choice, new AccountView(choice.Preset, "", form["username"])), Connections.Connecting.TooLate(context));
        var view = ChooseView.Of(form["account"], choice, account.Username, account.Found.Calendars).Chosen(form);
        var (done, refusal) = await EmbedConnecting.Run(
            visit, new CreateIntegrationRequest(choice.Type.Type, null, visit.Link.Workspace?.Value, view.Config(account.Url)),
            () => Connections.Connecting.Copy(account.Password), doors, ct);
        if (done is null)
            return await visit.Page<EmbedCalendarsPage>(new EmbedCalendars(visit.Pass, choice, view), refusal);
        pending.Remove(form["account"]);
        return done;
    }, ct);

    /// <summary>Of what is connected by one form: the address of a calendar, or a key.</summary>
    private static Task<IResult> Store(HttpContext context, ConsoleForm form, EmbedDoors doors, CancellationToken ct) => With(context, form, async visit =>
    {
        if (Choice(visit, form) is not { SignsIn: false } choice)
            return await Offer(visit);
        var view = FieldsView.Of(choice, form);
        Task<IResult> Again(Refusal? refusal) => visit.Page<EmbedFieldsPage>(new EmbedFields(visit.Pass, view), view.InItsWords(refusal));
        if (view.Missing(form, context) is { } missing)
            return await Again(missing);
        if (view.IsFeed)
        {
            // Before anything is sent: nobody tries addresses with a link.
            if (!await doors.Sessions.Try(visit.Link.Id, visit.Caller, ct))
                return visit.Leave("failed", failure: "too_many_attempts");
            using var address = form.Secret(TypeField.Secret);
            if (visit.Read<DiscoverAnswer>(await DiscoveryEndpoints.DiscoverFeed(address, doors.Connect.Feeds, ct)) is (null, var unread))
                return await Again(unread);
        }
        var (done, refusal) = await EmbedConnecting.Run(visit, view.Request(form, null, visit.Link.Workspace?.Value), () => form.Secret(TypeField.Secret), doors, ct);
        return done ?? await Again(refusal);
    }, ct);

    private static Task<IResult> Cancel(HttpContext context, ConsoleForm form, ConnectSessions sessions, CancellationToken ct) => With(context, form, async visit =>
    {
        await sessions.Finish(visit.Link.Id, "cancelled", null, null, visit.Caller, ct);
        return visit.Leave("cancelled");
    }, ct);

    /// <summary>Lets in who shows link and key, and opens the link for the first of them.</summary>
    private static async Task<IResult> With(HttpContext context, ConsoleForm form, Func<EmbedVisit, Task<IResult>> page, CancellationToken ct)
    {
        // Browsers say where a form was; nobody else knows link and key in any case.
        if (context.Request.Headers["Sec-Fetch-Site"].ToString() is { Length: > 0 } and not "same-origin")
            return await Say(context, EmbedMessage.Unknown, 403);
        var (sessions, options) = (context.RequestServices.GetRequiredService<ConnectSessions>(), context.RequestServices.GetRequiredService<ConnectOptions>());
        if (!form.Has("key") || await sessions.Show(form["link"], form["key"], EmbedVisit.Nobody(context), ct) is not { } shown)
            return await Say(context, EmbedMessage.Unknown, 404);
        if (shown.Standing != LinkStanding.Open)
            return await Ended(context, shown);
        EmbedHeaders.Set(context.Response, options, new Uri(shown.ReturnUrl));
        await context.RequestServices.GetRequiredService<UserDirectory>().Refresh(shown.User, ct);
        return await page(EmbedVisit.Of(context, shown, form["link"], form["key"]));
    }

    /// <summary>Who has one thing to connect is asked for it at once.</summary>
    private static Task<IResult> Offer(EmbedVisit visit) => ConnectChoice.Of([.. visit.Link.Types]) switch
    {
        [var only] => Ask(visit, only),
        var choices => visit.Page<EmbedChoicesPage>(new EmbedChoices(visit.Pass, choices)),
    };

    private static Task<IResult> Ask(EmbedVisit visit, ConnectChoice choice) => choice.SignsIn
        ? visit.Page<EmbedAccountPage>(new EmbedAccount(visit.Pass, choice, new AccountView(choice.Preset, "", "")))
        : visit.Page<EmbedFieldsPage>(new EmbedFields(visit.Pass, FieldsView.Of(choice, ConsoleForm.Empty)));

    /// <summary>Whoever opened it gets the way back; who found it later is told no more than that.</summary>
    private static Task<IResult> Ended(HttpContext context, ShownLink link) => link.Standing switch
    {
        LinkStanding.Used => Say(context, EmbedMessage.Used, 410),
        LinkStanding.Expired => Say(context, new EmbedMessage(
            "This link has expired", $"Links work for a short while only. Go back to {link.Product}, and start again there: you get a new one.", link.Product, link.Back("expired")), 410),
        _ => Say(context, new EmbedMessage("This is done", $"This link has done its work. Go back to {link.Product} to see what came of it.", link.Product, link.Back(link.Outcome ?? "cancelled", link.Integration)), 410),
    };

    private static Task<IResult> Say(HttpContext context, EmbedMessage message, int status) => EmbedVisit.Draw<EmbedMessagePage>(context, message, null, status);

    private static ConnectChoice? Choice(EmbedVisit visit, ConsoleForm form) =>
        ConnectChoice.Of([.. visit.Link.Types]).FirstOrDefault(choice => choice.Id == form["choice"]);

    private static ValueTask<object?> Headers(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        EmbedHeaders.Set(context.HttpContext.Response, context.HttpContext.RequestServices.GetRequiredService<ConnectOptions>());
        return next(context);
    }
}
