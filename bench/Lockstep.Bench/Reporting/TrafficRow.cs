using Lockstep.Bench.Caldav;

namespace Lockstep.Bench.Reporting;

/// <summary>One program against one server.</summary>
/// <param name="First">Of the first sync.</param>
/// <param name="Idle">Of all the idle cycles together.</param>
internal sealed record TrafficRow(string Server, string Program, Traffic First, int Cycles, Traffic Idle)
{
    public double RequestsACycle => (double)Idle.Requests / Cycles;

    public double BytesACycle => (double)Idle.Bytes / Cycles;
}
