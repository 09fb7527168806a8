using Lockstep.Bench.Load;
using Lockstep.Bench.Postgres;

namespace Lockstep.Bench.Peers;

/// <summary>Others that store a pushed change, measured in the rounds of ours.</summary>
internal sealed class SyncPeers : IAsyncDisposable
{
    private readonly Pgbench pgbench;
    private readonly PouchServer? pouch;

    private SyncPeers(Pgbench pgbench, PouchServer? pouch) => (this.pgbench, this.pouch) = (pgbench, pouch);

    public static IReadOnlyList<string> Names { get; } = ["mana's statements by pgbench", PouchServer.Name];

    public static async Task<SyncPeers> Start(House house, Pgbench pgbench, Action<string> note, CancellationToken ct)
    {
        await ManaTables.Create(house, ct);
        var pouch = await PouchServer.Start(house, ct);
        if (pouch is null)
            note($"{PouchServer.Name} is not installed, and is left out: {PouchServer.Installation}");
        return new SyncPeers(pgbench, pouch);
    }

    /// <param name="changes">Of one push.</param>
    /// <returns>Pushes a second of each of <see cref="Names"/>; null for what is not installed.</returns>
    public async Task<IReadOnlyList<double?>> Push(int changes, RoundTrips trips, int seconds, CancellationToken ct) =>
    [
        await pgbench.Run($"mana{changes}", ManaTables.Push(changes), seconds, ct),
        pouch is null ? null : await pouch.Write(changes, trips, TimeSpan.FromSeconds(seconds), ct),
    ];

    public ValueTask DisposeAsync() => pouch?.DisposeAsync() ?? ValueTask.CompletedTask;
}
