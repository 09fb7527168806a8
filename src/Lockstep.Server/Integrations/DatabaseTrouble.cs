using Microsoft.Extensions.Logging;

namespace Lockstep.Server.Integrations;

/// <summary>Says that the database is away when it goes, once a minute while it is, and when it is back; asked by many at once.</summary>
internal sealed class DatabaseTrouble(TimeProvider time, ILogger log)
{
    private static readonly TimeSpan Again = TimeSpan.FromMinutes(1);

    private readonly Lock gate = new();
    private long? since;
    private long said;

    /// <param name="what">SQLSTATE, or the kind of failure.</param>
    public void Away(string what)
    {
        lock (gate)
        {
            var now = time.GetTimestamp();
            if (since is not null && time.GetElapsedTime(said, now) < Again)
                return;
            since ??= now;
            said = now;
            log.DatabaseAway(what, (int)time.GetElapsedTime(since.Value, now).TotalSeconds);
        }
    }

    public void Back()
    {
        lock (gate)
        {
            if (since is not { } began)
                return;
            since = null;
            log.DatabaseBack((int)time.GetElapsedTime(began).TotalSeconds);
        }
    }
}
