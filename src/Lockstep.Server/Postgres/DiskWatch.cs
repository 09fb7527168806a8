using NodaTime;
using Npgsql;

namespace Lockstep.Server.Postgres;

/// <summary>Whether the database lately had no room to store something; the health check asks. This node's own attempts alone tell.</summary>
internal sealed class DiskWatch(TimeProvider time)
{
    /// <summary>So long after the last refusal it is taken for mended; a busy server is refused again sooner.</summary>
    public static readonly Duration Memory = Duration.FromMinutes(1);

    private readonly Lock gate = new();
    private Instant? last;

    /// <returns>Null while all is well, else a sentence for the operator.</returns>
    public string? Alarm
    {
        get
        {
            lock (gate)
            {
                return last is { } at && Now - at < Memory
                    ? $"answers, and its disk is full (SQLSTATE 53100, last at {at}): nothing is stored until there is room"
                    : null;
            }
        }
    }

    private Instant Now => Instant.FromDateTimeOffset(time.GetUtcNow());

    /// <summary>Takes note of it when that is what went wrong.</summary>
    public void Note(Exception e)
    {
        if (e is not PostgresException { SqlState: PostgresErrorCodes.DiskFull })
            return;
        lock (gate)
            last = Now;
    }
}
