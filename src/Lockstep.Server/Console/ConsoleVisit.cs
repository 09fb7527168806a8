using System.Reflection;
using Lockstep.Server.Console.Frame;
using Lockstep.Server.Console.Sessions;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.DependencyInjection;
using NodaTime;

namespace Lockstep.Server.Console;

/// <summary>One request of somebody who is signed in: who it is, and how he is answered.</summary>
/// <param name="Session">What the API would have as well: the same context, the same rows, the same audit.</param>
internal sealed record ConsoleVisit(HttpContext Context, ConsoleSession SignedIn, TenantSession Session)
{
    public Instant Now => Instant.FromDateTimeOffset(Context.RequestServices.GetRequiredService<TimeProvider>().GetUtcNow());

    /// <param name="section">Which entry of the menu is lit.</param>
    public Task<IResult> Page<TPage>(string section, object model, Refusal? refusal = null)
        where TPage : ConsolePage =>
        Context.RequestServices.GetRequiredService<ConsoleRenderer>().Draw<TPage>(Shell(section) with { Refusal = refusal }, model, refusal?.Status ?? 200);

    /// <summary>After something was done: the page that shows it, which can be loaded again without doing it again.</summary>
    /// <param name="said">A key of <see cref="Notices"/>.</param>
    public static IResult Go(string path, string? said = null) =>
        new SeeOther(said is null ? path : $"{path}{(path.Contains('?', StringComparison.Ordinal) ? '&' : '?')}said={said}");

    public Task<IResult> NotFound() => Page<MessagePage>("", Message.NotFound, new Refusal(404, "not_found", "", new Dictionary<string, string[]>(), ""));

    public Task<IResult> Failed(Refusal refusal) => refusal.Status == 404 ? NotFound() : Page<MessagePage>("", Message.Of(refusal), refusal);

    /// <inheritdoc cref="Refusal.Read{T}"/>
    public (T? Value, Refusal? Refusal) Read<T>(INestedHttpResult answer)
        where T : class => Refusal.Read<T>(answer, Context);

    public Refusal? Refused(INestedHttpResult answer) => answer.Result is ProblemHttpResult problem ? Refusal.Of(problem, Context) : null;

    /// <summary>Called by the router for a handler that takes one; the authentication has put the session there.</summary>
    public static ValueTask<ConsoleVisit?> BindAsync(HttpContext context, ParameterInfo parameter) => ValueTask.FromResult<ConsoleVisit?>(new(
        context,
        (ConsoleSession)context.Items[ConsoleAuthentication.Item]!,
        context.RequestServices.GetRequiredService<CallerContext>().Session));

    private Shell Shell(string section) => new(
        SignedIn.Who, SignedIn.FormToken, section, SignedIn.IsOperator, Notices.Of(Context.Request.Query["said"].ToString()), null, Now)
    { Actor = Session.Caller.Actor };
}
