using Lockstep.Server.Console.Embedded;
using Lockstep.Server.Console.Frame;
using Lockstep.Server.Console.Sessions;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.DependencyInjection;
using NodaTime;

namespace Lockstep.Server.Console;

/// <summary>What went wrong outside of a handler, as a page for those who look at pages.</summary>
internal static class ProblemPages
{
    /// <summary>A problem document; under /console, a page with the same words, code and request id.</summary>
    public static async Task Answer(this HttpContext context, ProblemHttpResult problem)
    {
        if (context.Request.Path.StartsWithSegments("/connect", StringComparison.Ordinal))
        {
            await EmbedEndpoints.Answer(context, problem);
            return;
        }
        if (!context.Request.Path.StartsWithSegments("/console", StringComparison.Ordinal))
        {
            await problem.ExecuteAsync(context);
            return;
        }
        ConsoleAssets.SetHeaders(context.Response);
        var refusal = Refusal.Of(problem, context);
        var session = context.Items[ConsoleAuthentication.Item] as ConsoleSession;
        var now = Instant.FromDateTimeOffset(context.RequestServices.GetRequiredService<TimeProvider>().GetUtcNow());
        var shell = new Shell(session?.Who ?? "", session?.FormToken ?? "", "", session?.IsOperator ?? false, null, refusal, now);
        var message = refusal.Status == 404 ? Message.NotFound : Message.Of(refusal);
        var result = await context.RequestServices.GetRequiredService<ConsoleRenderer>().Draw<MessagePage>(shell, message, refusal.Status);
        await result.ExecuteAsync(context);
    }
}
