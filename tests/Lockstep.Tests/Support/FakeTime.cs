namespace Lockstep.Tests.Support;

/// <summary>A clock that stands until it is moved; its timers fire while it is moved over them.</summary>
public sealed class FakeTime(DateTimeOffset? start = null) : TimeProvider
{
    private readonly List<FakeTimer> timers = [];
    private DateTimeOffset now = start ?? new(2026, 3, 1, 9, 0, 0, TimeSpan.Zero);

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow() => now;

    public override long GetTimestamp() => now.UtcTicks;

    public void Advance(TimeSpan by)
    {
        now += by;
        foreach (var timer in Timers())
            timer.FireUntil(now);
    }

    /// <summary>Does somebody wait for a moment so far ahead, or farther?</summary>
    public bool IsAwaited(TimeSpan ahead) => Timers().Exists(timer => timer.IsDueFrom(now + ahead));

    private List<FakeTimer> Timers()
    {
        lock (timers)
            return [.. timers];
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new FakeTimer(callback, state, now + dueTime, period);
        lock (timers)
            timers.Add(timer);
        return timer;
    }

    private sealed class FakeTimer(TimerCallback callback, object? state, DateTimeOffset next, TimeSpan period) : ITimer
    {
        private bool stopped;

        public bool IsDueFrom(DateTimeOffset time) => !stopped && next >= time && next < DateTimeOffset.MaxValue;

        public void FireUntil(DateTimeOffset time)
        {
            while (!stopped && next <= time)
            {
                next = period > TimeSpan.Zero ? next + period : DateTimeOffset.MaxValue;
                callback(state);
            }
        }

        public bool Change(TimeSpan dueTime, TimeSpan period) => throw new NotSupportedException();

        public void Dispose() => stopped = true;

        public ValueTask DisposeAsync()
        {
            stopped = true;
            return ValueTask.CompletedTask;
        }
    }
}
