using System.Text.Json;

namespace Lockstep.Bench.Reporting;

internal static class JsonReport
{
    private static readonly JsonSerializerOptions Format = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public static void Write(TextWriter output, Machine machine, BenchOptions options, IReadOnlyList<Row> rows, IReadOnlyList<TrafficRow> traffic) =>
        output.WriteLine(JsonSerializer.Serialize(new { machine, options.Rounds, options.Seconds, BenchOptions.Clients, results = rows, traffic }, Format));
}
