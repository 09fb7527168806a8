using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Lockstep.Bench.Ical;

/// <summary>What the calling thread used of a core: what else the machine does at that time does not count.</summary>
internal static class ThreadClock
{
    // Linux and macOS number it differently (clock_gettime(3)).
    private static readonly int ThreadCpuTime = OperatingSystem.IsMacOS() ? 16 : 3;

    public static (TimeSpan Cpu, TimeSpan Wall) Measure(Action work)
    {
        var wall = Stopwatch.GetTimestamp();
        var cpu = Now();
        work();
        return (Now() - cpu, Stopwatch.GetElapsedTime(wall));
    }

    private static TimeSpan Now()
    {
        if (clock_gettime(ThreadCpuTime, out var time) != 0)
            throw new BenchException("The system does not tell the processor time of a thread.");
        return TimeSpan.FromTicks((time.Seconds * TimeSpan.TicksPerSecond) + (time.Nanoseconds / 100));
    }

    [DllImport("libc")]
#pragma warning disable CA5392, IDE1006 // The C library, by the name it has there.
    private static extern int clock_gettime(int clock, out TimeSpec time);
#pragma warning restore CA5392, IDE1006

    [StructLayout(LayoutKind.Sequential)]
    private readonly struct TimeSpec
    {
        public readonly nint Seconds;
        public readonly nint Nanoseconds;
    }
}
