using Lockstep.Server.Postgres;
using NodaTime;
using Npgsql;

namespace Lockstep.Server.Hosting.Doctor;

/// <summary>The processes that serve this database, by what they say of themselves twice a minute.</summary>
internal static class NodeCheck
{
    private const string Area = "nodes";

    /// <summary>Longer ago, it was noticed or meant.</summary>
    private static readonly Duration Recently = Duration.FromHours(1);

    public static async Task<IReadOnlyList<Diagnosis>> Look(NpgsqlConnection connection, CancellationToken ct)
    {
        if (!await SchemaCheck.Has(connection, "lockstep.nodes", ct))
            return [];
        await DatabaseUnderCheck.As(connection, owner: true, ct);
        var (now, nodes) = await Nodes(connection, ct);
        var there = nodes.Where(node => node.IsThere(now)).ToList();
        var found = new List<Diagnosis>();
        foreach (var silent in nodes.Where(node => !node.IsThere(now) && now - node.SeenAt < Recently))
            found.Add(Diagnosis.Warning(Area, "node_silent",
                $"{silent.Name} fell silent {(int)(now - silent.SeenAt).TotalMinutes} minutes ago without saying that it stops: it was killed, or cannot reach the database.",
                "Read its log and start it again, if it should be there. What it worked on is taken over by the others; it is forgotten after a day."));
        if (there.Select(node => node.Version).Distinct().ToList() is { Count: > 1 } versions)
            found.Add(Diagnosis.Warning(Area, "nodes_differ", $"Nodes of {versions.Count} versions serve this database: {Names(there)}.", "Bring all of them to the newest: side by side is for the time of an upgrade."));
        else
            found.Add(Diagnosis.Well(Area, "nodes", there.Count == 0 ? "No node serves this database just now." : $"{(there.Count == 1 ? "1 node serves" : $"{there.Count} nodes serve")} this database: {Names(there)}."));
        return found;
    }

    private static string Names(List<Node> nodes) => string.Join("; ", nodes.Take(10).Select(node => $"{node.Name} ({node.Version})")) + (nodes.Count > 10 ? "; ..." : "");

    private static async Task<(Instant Now, List<Node> Nodes)> Nodes(NpgsqlConnection connection, CancellationToken ct)
    {
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(new Statement("SELECT clock_timestamp()").ToCommand());
        batch.BatchCommands.Add(new Statement("SELECT n.id, n.name, n.version, n.started_at, n.seen_at FROM lockstep.nodes n ORDER BY n.started_at, n.id LIMIT 100").ToCommand());
        await using var reader = await batch.ExecuteReaderAsync(ct);
        await reader.ReadAsync(ct);
        var now = reader.GetInstant(0);
        await reader.NextResultAsync(ct);
        var nodes = new List<Node>();
        while (await reader.ReadAsync(ct))
            nodes.Add(new Node(reader.GetGuid(0), reader.GetString(1), reader.GetString(2), reader.GetInstant(3), reader.GetInstant(4)));
        return (now, nodes);
    }
}
