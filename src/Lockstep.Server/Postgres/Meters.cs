using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Lockstep.Server.Postgres;

/// <summary>The one meter and the one trace source of this program. Names follow OpenTelemetry; never an id or a value as a tag.</summary>
internal static class Meters
{
    public const string Name = "Lockstep";

    public static readonly Meter Lockstep = new(Name);

    public static readonly ActivitySource Traces = new(Name);
}
