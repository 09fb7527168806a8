using Lockstep.Server.Console.Connections;
using Lockstep.Server.Console.Embedded;
using Lockstep.Server.Console.Frame;
using Lockstep.Server.Console.Log;
using Lockstep.Server.Console.Operations;
using Lockstep.Server.Console.Overview;
using Lockstep.Server.Console.People;
using Lockstep.Server.Console.Planner;
using Lockstep.Server.Console.Secrets;
using Lockstep.Server.Console.Sessions;
using Lockstep.Server.Console.Sharing;
using Lockstep.Server.Console.Visitors;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Lockstep.Server.Console;

/// <summary>The console: pages over the doors and endpoints of the other slices. It has no statement of its own but those on its sessions.</summary>
internal static class ConsoleServices
{
    /// <summary>A form is a few fields; a certificate as a credential is the longest.</summary>
    internal const int LargestForm = 256 * 1024;

    public static IServiceCollection AddConsole(this IServiceCollection services)
    {
        services.Configure<AuthenticationOptions>(options => options.AddScheme<ConsoleAuthentication>(ConsoleAuthentication.SchemeName, null));
        return services.AddTransient<ConsoleAuthentication>().AddSingleton<ConsoleSessions>().AddSingleton<ConsoleDoors>().AddSingleton<ConsoleRenderer>()
            .AddSingleton<PendingAccounts>().AddSingleton<SystemDoors>().AddSingleton<HandOffs>().AddSingleton<ConnectDoors>().AddSingleton<EmbedDoors>();
    }

    public static void MapConsole(this IEndpointRouteBuilder routes)
    {
        ConsoleAssets.Map(routes);
        EmbedEndpoints.Map(routes);
        // Whoever opens the address of the server looks for the console.
        routes.MapGet("/", () => new SeeOther("/console")).ExcludeFromDescription().AllowAnonymous();
        var anybody = routes.MapGroup("/console").ExcludeFromDescription().WithMetadata(new RequestSizeLimitAttribute(LargestForm))
            .AddEndpointFilter(Headers).AllowAnonymous();
        var signedIn = routes.MapGroup("/console").ExcludeFromDescription().WithMetadata(new RequestSizeLimitAttribute(LargestForm))
            .RequireAuthorization(policy => policy.AddAuthenticationSchemes(ConsoleAuthentication.SchemeName).RequireAuthenticatedUser())
            .AddEndpointFilter(Headers).AddEndpointFilter(OwnForms);
        var people = signedIn.MapGroup("").AddEndpointFilter(PeopleOnly);
        SignInEndpoints.Map(anybody, signedIn);
        HandOffEndpoints.Map(routes, anybody);
        OverviewEndpoints.Map(people);
        ConnectionEndpoints.Map(people);
        ConnectEndpoints.Map(people);
        CredentialPages.Map(people);
        MonthPages.Map(people);
        SharingPages.Map(people);
        WhyPages.Map(people);
        BookingsPages.Map(people);
        WorkspacePages.Map(people);
        ActivityPages.Map(signedIn);
        SystemPages.Map(signedIn);
        ChangePages.Map(signedIn);
        signedIn.MapGet("/{**rest}", (ConsoleVisit visit) => visit.NotFound()).WithOrder(int.MaxValue - 1);
    }

    private static ValueTask<object?> Headers(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        ConsoleAssets.SetHeaders(context.HttpContext.Response);
        return next(context);
    }

    private static async ValueTask<object?> OwnForms(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var request = context.HttpContext.Request;
        if (HttpMethods.IsGet(request.Method))
            return await next(context);
        var visit = (await ConsoleVisit.BindAsync(context.HttpContext, null!))!;
        return FormGuard.IsOurs(await ConsoleForm.BindAsync(context.HttpContext), request, visit.SignedIn)
            ? await next(context)
            : await visit.Page<MessagePage>("", Message.FromElsewhere, Refusal.Of(403, "form_from_elsewhere", "", context.HttpContext));
    }

    /// <summary>An operator has no calendars and no credentials of his own.</summary>
    private static async ValueTask<object?> PeopleOnly(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var visit = (await ConsoleVisit.BindAsync(context.HttpContext, null!))!;
        return !visit.SignedIn.IsOperator ? await next(context)
            : context.HttpContext.Request.Path == "/console" ? new SeeOther("/console/system")
            : await visit.Page<MessagePage>("", Message.Operator);
    }
}

