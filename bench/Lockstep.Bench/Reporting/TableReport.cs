using System.Globalization;
using Lockstep.Bench.Ical;
using Spectre.Console;

namespace Lockstep.Bench.Reporting;

/// <summary>Two tables that can be pasted as Markdown: rates, and durations.</summary>
internal static class TableReport
{
    /// <summary>Where output is not a terminal: lines are for pasting, not for 80 columns.</summary>
    private const int WidthOfPipes = 200;

    public static void Write(TextWriter output, Machine machine, BenchOptions options, IReadOnlyList<Row> rows, IReadOnlyList<TrafficRow> traffic, IReadOnlyList<IcalFigure> library)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(output) });
        if (Console.IsOutputRedirected)
            console.Profile.Width = WidthOfPipes;
        console.WriteLine(machine.ToString());
        if (rows.Count > 0)
            console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{BenchOptions.Clients} clients; medians of {options.Rounds} rounds of {options.Seconds} s (least to most); load generators, server and database on this one machine."));
        Write(console, [.. rows.Where(row => !row.IsDuration && !row.IsPages)], "same statements by pgbench", "raw by pgbench");
        WritePeers(console, [.. rows.Where(row => row.Peers.Count > 0)]);
        Write(console, [.. rows.Where(row => row.IsPages)], "static file, bare Kestrel", "/health/live");
        Write(console, [.. rows.Where(row => row.IsDuration)], "one REPORT of everything", "vdirsyncer sync");
        Write(console, traffic);
        Write(console, library);
    }

    private static void Write(IAnsiConsole console, IReadOnlyList<TrafficRow> rows)
    {
        if (rows.Count == 0)
            return;
        var table = new Table { Border = TableBorder.Markdown };
        foreach (var column in (string[])["server", "program", "first sync: requests", "bytes", "writes", "idle cycles", "requests a cycle", "bytes a cycle", "writes in all"])
            table.AddColumn(new TableColumn(column) { Alignment = column is "server" or "program" ? Justify.Left : Justify.Right });
        foreach (var row in rows)
        {
            string[] cells =
            [
                row.Server, row.Program, $"{row.First.Requests}", row.First.Bytes.ToString("N0", CultureInfo.InvariantCulture), $"{row.First.Writes}",
                $"{row.Cycles}", Fixed(row.RequestsACycle, "0.00"), row.BytesACycle.ToString("N0", CultureInfo.InvariantCulture), $"{row.Idle.Writes}",
            ];
            table.AddRow([.. cells.Select(Markup.Escape)]);
        }
        console.Write(table);
    }

    private static void Write(IAnsiConsole console, IReadOnlyList<IcalFigure> library)
    {
        if (library.Count == 0)
            return;
        console.WriteLine("One thread; medians by its processor time (least to most), and by the clock.");
        var table = new Table { Border = TableBorder.Markdown };
        foreach (var column in (string[])["iCalendar", "unit", "of one core", "by the clock", "target"])
            table.AddColumn(new TableColumn(column) { Alignment = column is "of one core" or "by the clock" ? Justify.Right : Justify.Left });
        foreach (var figure in library)
            table.AddRow(
                Markup.Escape(figure.Title), figure.Unit, $"{Plain(figure.Cpu)} ({Plain(figure.Least)} to {Plain(figure.Most)})", Plain(figure.Wall), figure.Target);
        console.Write(table);
    }

    private static string Plain(double value) => value.ToString(value < 100 ? "0.0" : "N0", CultureInfo.InvariantCulture);

    private static void Write(IAnsiConsole console, List<Row> rows, string first, string second)
    {
        if (rows.Count == 0)
            return;
        var table = new Table { Border = TableBorder.Markdown };
        foreach (var column in (string[])["operation", "unit", "Lockstep", first, "ratio", second, "ratio", "p50 ms", "p99 ms", "SQL trips", "target"])
            table.AddColumn(new TableColumn(column) { Alignment = column is "operation" or "unit" or "target" ? Justify.Left : Justify.Right });
        foreach (var row in rows)
        {
            string[] cells =
            [
                row.Title, row.Unit, $"{Number(row, row.Ours)} ({Number(row, row.Least)} to {Number(row, row.Most)})",
                .. row.Limits.SelectMany(limit => (string[])[limit.Value is { } value ? Number(row, value) : "not installed", Fixed(limit.Ratio, "0.00")]),
                Fixed(row.P50, "0.0"), Fixed(row.P99, "0.0"), Fixed(row.RoundTrips, "0.0"), row.Target,
            ];
            table.AddRow([.. cells.Select(Markup.Escape)]);
        }
        console.Write(table);
    }

    private static void WritePeers(IAnsiConsole console, List<Row> rows)
    {
        if (rows.Count == 0)
            return;
        var table = new Table { Border = TableBorder.Markdown };
        foreach (var column in (string[])["operation", "unit", "Lockstep", .. rows[0].Peers.SelectMany(peer => (string[])[peer.Name, "ratio"])])
            table.AddColumn(new TableColumn(column) { Alignment = column is "operation" or "unit" ? Justify.Left : Justify.Right });
        foreach (var row in rows)
        {
            string[] cells =
            [
                row.Title, row.Unit, Number(row, row.Ours),
                .. row.Peers.SelectMany(peer => (string[])[peer.Value is { } value ? Number(row, value) : "not installed", Fixed(peer.Ratio, "0.00")]),
            ];
            table.AddRow([.. cells.Select(Markup.Escape)]);
        }
        console.Write(table);
    }

    private static string Number(Row row, double value) => value.ToString(row.IsDuration ? "0.00" : "N0", CultureInfo.InvariantCulture);

    private static string Fixed(double? value, string format) => value?.ToString(format, CultureInfo.InvariantCulture) ?? "";
}
