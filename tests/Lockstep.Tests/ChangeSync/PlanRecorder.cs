using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;

namespace Lockstep.Tests.ChangeSync;

/// <summary>Hears from auto_explain how each statement was carried out, those inside functions too (PostgreSQL manual, appendix F: auto_explain.log_nested_statements),
/// as Npgsql logs the notices of its connections.</summary>
internal sealed partial class PlanRecorder : ILoggerProvider, ILogger
{
    private const string Mark = "plan:\n";
    private const int Shown = 150;

    private readonly ConcurrentQueue<string> plans = new();

    /// <summary>What has been heard since the last call: each statement that scans a table, with the ways into its tables.</summary>
    public SortedDictionary<string, SortedSet<string>> Take()
    {
        var taken = new SortedDictionary<string, SortedSet<string>>(StringComparer.Ordinal);
        while (plans.TryDequeue(out var text))
        {
            var plan = JsonNode.Parse(text)!;
            var scans = Scans(plan["Plan"]!, null).ToList();
            if (scans.Count == 0)
                continue;
            var statement = Space().Replace(plan["Query Text"]!.GetValue<string>(), " ").Trim();
            var name = statement.Length > Shown ? $"{statement[..Shown].TrimEnd()} ..." : statement;
            if (!taken.TryGetValue(name, out var known))
                taken[name] = known = new SortedSet<string>(StringComparer.Ordinal);
            known.UnionWith(scans);
        }
        return taken;
    }

    private static IEnumerable<string> Scans(JsonNode node, string? table)
    {
        table = node["Relation Name"]?.GetValue<string>() ?? table;
        var kind = node["Node Type"]!.GetValue<string>();
        // A bitmap's heap is read where its index says, which is told below it.
        if (kind.EndsWith("Scan", StringComparison.Ordinal) && table is not null && (node["Index Name"] ?? node["Relation Name"]) is not null && kind != "Bitmap Heap Scan")
            yield return node["Index Name"] is { } index ? $"{kind} using {index.GetValue<string>()} on {table}" : $"{kind} on {table}";
        foreach (var child in node["Plans"]?.AsArray() ?? [])
            foreach (var scan in Scans(child!, kind == "Bitmap Heap Scan" ? table : null))
                yield return scan;
    }

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        var text = formatter(state, exception);
        if (text.IndexOf(Mark, StringComparison.Ordinal) is var at and > 0)
            plans.Enqueue(text[(at + Mark.Length)..]);
    }

    public void Dispose()
    {
    }

    [GeneratedRegex(@"\s+")]
    private static partial Regex Space();
}
