using System.Globalization;
using System.Threading.RateLimiting;
using Lockstep.Server.Console;
using Lockstep.Server.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace Lockstep.Server.Hosting;

/// <summary>A token bucket for each caller; without a token, for each address.</summary>
internal static class RateLimits
{
    /// <param name="perSecond">Bursts of ten times as many are let through.</param>
    public static IServiceCollection AddRateLimits(this IServiceCollection services, int perSecond) => services.AddRateLimiter(limiter =>
    {
        limiter.GlobalLimiter = PartitionedRateLimiter.Create<HttpContext, string>(context => RateLimitPartition.GetTokenBucketLimiter(
            context.User.Identity?.Name ?? context.Connection.RemoteIpAddress?.ToString() ?? "",
            _ => new TokenBucketRateLimiterOptions
            {
                TokenLimit = perSecond * 10,
                TokensPerPeriod = Math.Max(1, perSecond / 10),
                ReplenishmentPeriod = TimeSpan.FromSeconds(Math.Max(0.1, 1.0 / perSecond)),
                QueueLimit = 0,
            }));
        limiter.OnRejected = async (rejected, _) =>
        {
            var wait = rejected.Lease.TryGetMetadata(MetadataName.RetryAfter, out var after) ? after : TimeSpan.FromSeconds(1);
            var seconds = Math.Max(1, (int)Math.Ceiling(wait.TotalSeconds));
            rejected.HttpContext.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
            await rejected.HttpContext.Answer(Problems.Of(429, "too_many_requests", $"More than {perSecond} requests a second from you. Wait {(seconds == 1 ? "a second" : $"{seconds} seconds")}, as Retry-After says, then try again."));
        };
    });
}
