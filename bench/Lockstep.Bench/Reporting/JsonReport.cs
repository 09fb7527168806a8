using System.Text.Json;
using Lockstep.Bench.Ical;

namespace Lockstep.Bench.Reporting;

internal static class JsonReport
{
    private static readonly JsonSerializerOptions Format = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public static void Write(TextWriter output, Machine machine, BenchOptions options, IReadOnlyList<Row> rows, IReadOnlyList<TrafficRow> traffic, IReadOnlyList<IcalFigure> library) =>
        output.WriteLine(JsonSerializer.Serialize(new { machine, options.Rounds, options.Seconds, BenchOptions.Clients, results = rows, traffic, library }, Format));
}
