namespace Lockstep.Crypto.Transit;

/// <summary>Stops asking a server that is away, so that nobody waits for its timeouts, and tries one request now and then.</summary>
/// <remarks>
/// <code>
///   closed --(some failures in a row)--> open --(its time is up; one caller)--> half-open --success--> closed
///                                          ^                                        |
///                                          +----------- failure, twice the time ----+
/// </code>
/// The time is spread by a fifth either way, so that nodes do not all come back at once.
/// </remarks>
public sealed class CircuitBreaker(TimeProvider time)
{
    public const int FailuresToOpen = 3;

    public static readonly TimeSpan FirstWait = TimeSpan.FromSeconds(1);
    public static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(8);

    private readonly Lock gate = new();
    private int failures;
    private TimeSpan wait = FirstWait;
    private TimeSpan spread;
    private long openedAt;
    private bool probing;
    private KeyTrouble? trouble;

    /// <summary>Null while it is closed; else why it is not.</summary>
    public KeyTrouble? Trouble
    {
        get
        {
            lock (gate)
                return trouble;
        }
    }

    /// <returns>Null: go ahead, and tell <see cref="Succeeded"/> or <see cref="Failed"/>. Else why not, with the time to wait.</returns>
    public KeyTrouble? Enter()
    {
        lock (gate)
        {
            if (trouble is null)
                return null;
            var left = spread - time.GetElapsedTime(openedAt);
            if (left > TimeSpan.Zero || probing)
                return trouble with { RetryAfter = left > TimeSpan.Zero ? left : FirstWait };
            probing = true;
            return null;
        }
    }

    public void Succeeded()
    {
        lock (gate)
        {
            (failures, trouble, probing, wait) = (0, null, false, FirstWait);
        }
    }

    /// <param name="atOnce">Opens at the first failure.</param>
    /// <returns>Whether it opened now.</returns>
    public bool Failed(KeyTrouble why, bool atOnce = false)
    {
        lock (gate)
        {
            failures++;
            if (trouble is null && failures < FailuresToOpen && !atOnce)
                return false;
            var opened = trouble is null;
            // A failure that began before it opened is no probe.
            if (!opened && !probing)
                return false;
            if (!opened)
                wait = TimeSpan.FromTicks(Math.Min(wait.Ticks * 2, LongestWait.Ticks));
            trouble = why;
            probing = false;
            openedAt = time.GetTimestamp();
            spread = wait * (0.8 + (Random.Shared.NextDouble() * 0.4));
            return opened;
        }
    }

    /// <summary>The probe ended without telling anything, as when its caller left.</summary>
    public void Abandoned()
    {
        lock (gate)
            probing = false;
    }
}
