namespace Lockstep.Bench;

/// <param name="Rounds">Ours and each limit take turns this often; what is shown are medians.</param>
/// <param name="Seconds">How long each turn lasts, in whole seconds (pgbench takes no fractions).</param>
/// <param name="Only">Names of what to measure; empty for everything.</param>
/// <param name="Json">JSON on standard output instead of tables.</param>
internal sealed record BenchOptions(int Rounds, int Seconds, IReadOnlyList<string> Only, bool Json)
{
    /// <summary>Connections at once, ours and pgbench's.</summary>
    public const int Clients = 16;

    public bool Wants(string name) => Only.Count == 0 || Only.Contains(name);
}
