using Lockstep.Server.Console.Frame;
using Lockstep.Server.Integrations.Connecting;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using NodaTime;

namespace Lockstep.Server.Console.Embedded;

/// <summary>One request of somebody who has shown a link: as whom it works, and how it is answered.</summary>
/// <param name="Session">Of the user that the link was made for; the audit names the link.</param>
internal sealed record EmbedVisit(HttpContext Context, ShownLink Link, EmbedPass Pass, Caller Caller, TenantSession Session)
{
    /// <summary>Before it is known whose link it is.</summary>
    public static Caller Nobody(HttpContext context) =>
        Caller.Service with { Actor = "connect", Address = context.Connection.RemoteIpAddress, RequestId = context.TraceIdentifier };

    public static EmbedVisit Of(HttpContext context, ShownLink link, string text, string key)
    {
        var caller = new Caller(link.User, CallerRole.Authenticated, $"connect:{link.Id}", context.Connection.RemoteIpAddress, context.TraceIdentifier);
        return new EmbedVisit(
            context, link, new EmbedPass(text, key, link.Product, link.Email, ConnectChoice.Of([.. link.Types]).Count > 1), caller, context.RequestServices.GetRequiredService<Database>().For(caller));
    }

    public Task<IResult> Page<TPage>(object model, Refusal? refusal = null)
        where TPage : ConsolePage => Draw<TPage>(Context, model, refusal, refusal?.Status ?? 200);

    /// <inheritdoc cref="Refusal.Read{T}"/>
    public (T? Value, Refusal? Refusal) Read<T>(INestedHttpResult answer)
        where T : class => Refusal.Read<T>(answer, Context);

    /// <summary>Back to the product, with what came of it.</summary>
    public IResult Leave(string outcome, Guid? integration = null, string? failure = null) => new SeeOther(Link.Back(outcome, integration, failure));

    public static Task<IResult> Draw<TPage>(HttpContext context, object model, Refusal? refusal, int status)
        where TPage : ConsolePage
    {
        var services = context.RequestServices;
        var now = Instant.FromDateTimeOffset(services.GetRequiredService<TimeProvider>().GetUtcNow());
        return services.GetRequiredService<ConsoleRenderer>().Draw<TPage>(new Shell("", "", "", false, null, refusal, now), model, status);
    }
}
