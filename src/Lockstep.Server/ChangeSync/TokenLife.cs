using System.Globalization;
using System.Security.Claims;
using NodaTime;

namespace Lockstep.Server.ChangeSync;

/// <summary>A stream must not outlive the token that opened it.</summary>
internal static class TokenLife
{
    /// <returns>From the claim <c>exp</c>; the end of time without one.</returns>
    public static Instant EndOf(ClaimsPrincipal user) =>
        long.TryParse(user.FindFirst("exp")?.Value, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) && seconds < 253402300799
            ? Instant.FromUnixTimeSeconds(seconds)
            : Instant.MaxValue;
}
