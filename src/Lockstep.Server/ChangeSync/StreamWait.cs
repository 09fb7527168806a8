using Lockstep.Server.Tenancy;
using NodaTime;

namespace Lockstep.Server.ChangeSync;

/// <summary>How streams wait, and how long they are waited for.</summary>
/// <remarks>
/// One event is written at a time. A reader that makes no room for one is cut off (<see cref="SlowReader"/>), a slow one is told <c>lagging</c>. Either comes back
/// with Last-Event-ID.
/// </remarks>
internal static class StreamWait
{
    /// <summary>Of data and times; a single change may be larger. What catches up at length pulls, page by page.</summary>
    public const int LargestEvent = 16 * 1024;

    /// <summary>An event that takes longer to be written than this was for a reader that is too slow to be live.</summary>
    public static readonly Duration Lagging = Duration.FromSeconds(10);

    /// <summary>Between two looks at the token's end.</summary>
    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(1);

    /// <returns>Whether to read. The heads of a token's narrowed scopes are nobody's, so its streams look for themselves.</returns>
    public static async Task<bool> For(ScopeSignalSubscription subscription, Caller caller, CancellationToken ct) =>
        await subscription.Wait(Tick, ct) || caller.Token is not null;
}
