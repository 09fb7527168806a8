namespace Lockstep.Bench.Reporting;

/// <summary>One line of the report.</summary>
/// <param name="Unit"><c>requests/s</c>, <c>changes/s</c>, <c>pages/s</c>, or <c>s</c> for a duration.</param>
/// <param name="Ours">Median of the rounds; <paramref name="Least"/> and <paramref name="Most"/> are the extremes.</param>
/// <param name="P50">Latency of a request in milliseconds, over all rounds; null where one round is one request.</param>
/// <param name="RoundTrips">To PostgreSQL, for each request.</param>
internal sealed record Row(
    string Name, string Title, string Unit, string Target, double Ours, double Least, double Most, IReadOnlyList<Limit> Limits,
    double? P50, double? P99, double RoundTrips)
{
    /// <summary>Other sync servers, in the same rounds; empty for what they do not do.</summary>
    public IReadOnlyList<Limit> Peers { get; init; } = [];

    public bool IsDuration => Unit == "s";

    public bool IsPages => Unit == "pages/s";
}

/// <param name="Value">In the unit of its row; null when the program it needs is not installed.</param>
/// <param name="Ratio">Median over the rounds of ours by the limit's: 1.00 is as fast. For durations the limit's by ours, so that more is better too.</param>
internal sealed record Limit(string Name, double? Value, double? Ratio);
