using Microsoft.AspNetCore.Http;

namespace Lockstep.Server.Console;

/// <summary>303: load that page (RFC 9110 section 15.4.4).</summary>
/// <param name="path">Of ours.</param>
internal sealed class SeeOther(string path) : IResult
{
    public Task ExecuteAsync(HttpContext httpContext)
    {
        httpContext.Response.StatusCode = StatusCodes.Status303SeeOther;
        httpContext.Response.Headers.Location = path;
        return Task.CompletedTask;
    }
}
