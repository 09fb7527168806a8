using Microsoft.Extensions.Logging;

namespace Lockstep.Server.Integrations;

/// <summary>Events 4000 to 4999. Ids and codes, never an address or a name.</summary>
internal static partial class SyncLog
{
    [LoggerMessage(4000, LogLevel.Information, "Sync {Run} of integration {Integration}: pulled {Pulled}, pushed {Pushed}, {Milliseconds} ms, {Requests} requests")]
    public static partial void Synced(this ILogger log, Guid run, Guid integration, int pulled, int pushed, int milliseconds, int requests);

    [LoggerMessage(4001, LogLevel.Warning, "Sync {Run} of integration {Integration} failed: {Code}; next look in {Seconds} s")]
    public static partial void Failed(this ILogger log, Guid run, Guid integration, string code, int seconds);

    [LoggerMessage(4008, LogLevel.Warning, "Sync {Run} of integration {Integration} failed: {Code}; paused ({Pause}) until its owner changes something")]
    public static partial void Paused(this ILogger log, Guid run, Guid integration, string code, string pause);

    [LoggerMessage(4002, LogLevel.Warning, "Sync {Run} of integration {Integration} stopped: its lease is lost")]
    public static partial void LeaseLost(this ILogger log, Guid run, Guid integration);

    [LoggerMessage(4003, LogLevel.Error, "Sync {Run} of integration {Integration} broke: {What}")]
    public static partial void Broke(this ILogger log, Guid run, Guid integration, string what);

    [LoggerMessage(4004, LogLevel.Warning, "The worker cannot reach the database ({What}, for {Seconds} s); it goes on trying")]
    public static partial void DatabaseAway(this ILogger log, string what, int seconds);

    [LoggerMessage(4006, LogLevel.Information, "The worker reaches the database again, after {Seconds} s")]
    public static partial void DatabaseBack(this ILogger log, int seconds);

    [LoggerMessage(4007, LogLevel.Information, "{Count} syncs were cut when the program ended last; they are taken up now")]
    public static partial void LeasesReleased(this ILogger log, int count);

    [LoggerMessage(4005, LogLevel.Debug, "Sync {Run} of integration {Integration}: nothing new, {Requests} requests")]
    public static partial void Idle(this ILogger log, Guid run, Guid integration, int requests);
}
