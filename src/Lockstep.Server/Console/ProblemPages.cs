using Lockstep.Server.Booking.Page;
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
    /// <summary>A problem document; where people look at pages, a page with the same words, code and request id.</summary>
    public static async Task Answer(this HttpContext context, ProblemHttpResult problem)
    {
        if (context.Request.Path.StartsWithSegments("/connect", StringComparison.Ordinal))
        {
            await EmbedEndpoints.Answer(context, problem);
            return;
        }
        if (IsVisitors(context.Request.Path))
        {
            PageHeaders.Set(context.Response);
            context.Response.StatusCode = problem.StatusCode;
            context.Response.ContentType = "text/html; charset=utf-8";
            await context.Response.WriteAsync(Trouble(problem.StatusCode, HttpMethods.IsGet(context.Request.Method), Refusal.IdOf(context)), context.RequestAborted);
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

    /// <summary>The public page and its forms; the free times as JSON are for programs.</summary>
    private static bool IsVisitors(PathString path) =>
        path.StartsWithSegments("/c", StringComparison.Ordinal, out var rest) && !rest.Value!.EndsWith("/slots", StringComparison.Ordinal);

    /// <param name="looked">Nothing was sent.</param>
    private static string Trouble(int status, bool looked, string request) => status switch
    {
        404 => PageFrame.NotFound,
        429 => BookingPages.Trouble("Too many at once", looked
            ? "More requests came from your network than people make. Wait a moment, then load this page again."
            : "More requests came from your network than people make. Nothing was done with this one: wait a moment, go back and send it again.", request),
        < 500 => BookingPages.Trouble("That was not done", "What came could not be read. Go back, load the page again, and repeat what you wanted.", request),
        _ => BookingPages.Trouble("Not possible right now", looked
            ? "This page cannot be shown at the moment. Load it again in a minute."
            : "It is not certain whether this was done. Go back and send the same form once more: however often it comes, one booking is made of it.", request),
    };
}
