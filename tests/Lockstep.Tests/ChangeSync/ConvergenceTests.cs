using System.Diagnostics;
using System.Net;
using System.Text.Json.Nodes;
using Lockstep.Server.ChangeSync;
using Lockstep.Server.Tenancy.Jwt;
using Lockstep.Tests.Support;
using Npgsql;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.ChangeSync;

/// <summary>Five clients of two users, in C# and TypeScript, that edit the same few records offline with wrong clocks, lose answers and restart: in the end all
/// show the same, and it is what the server has. A failure names its seed.</summary>
public sealed class ConvergenceTests(LockstepApp app, TypeScriptClient client, ITestOutputHelper output) : IClassFixture<LockstepApp>
{
    private static readonly string[] Ids = ["a", "b", "\U0001F95B", "d"];
    private static readonly string[] Names = ["x", "y", "z"];
    private static readonly string[] Values = ["1", "\"t\"", "null", "9007199254740993", "\"\U0001F600 \\u00e9\"", "{\"b\":[1.50],\"a\":-9007199254740993}"];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Five_clients_in_two_languages_end_with_the_state_of_the_server(int seed)
    {
        await client.Built;
        await using var scripts = new ScriptPeers();
        (await ConvergeAsync(scripts, seed, steps: 25)).Edits.ShouldBeGreaterThan(20);
    }

    [Fact]
    [Trait("Category", "Long")]
    public async Task A_hundred_seeds_converge()
    {
        await client.Built;
        await using var scripts = new ScriptPeers();
        var watch = Stopwatch.StartNew();
        var total = new Tally(0, 0, 0, 0, 0);
        for (var seed = 1001; seed <= 1100; seed++)
            total += await ConvergeAsync(scripts, seed, steps: 80);
        output.WriteLine($"100 seeds, 5 clients (2 C#, 3 TypeScript), {total.Edits} edits, {total.Syncs} syncs, {total.Cuts} lost answers, {total.Restarts} restarts, {total.Records} records at the end: "
            + $"identical on all clients and on the server. {watch.Elapsed.TotalSeconds:F0} s");
    }

    private async Task<Tally> ConvergeAsync(ScriptPeers scripts, int seed, int steps)
    {
        var draw = new Random(seed);
        var name = $"converge-{seed}";
        // Users of its own: a cursor grows with each space that a user is in, and it travels in a query.
        string[] users = [$"ada-{seed}", $"bob-{seed}"];
        var (ada, bob) = (app.As(users[0]), app.As(users[1]));
        await bob.Pull(name); // Users exist from their first request on.
        var space = (await ada.PostAsync("/v1/workspaces", new { name }).ShouldBeAsync(HttpStatusCode.Created)).Text("id");
        await ada.PostAsync($"/v1/workspaces/{space}/members", new { userId = app.UserId(users[1]), role = "member" }).ShouldBeAsync(HttpStatusCode.OK);
        var peers = new List<(string User, SyncPeer Peer)>
        {
            (users[0], new SharpPeer(ada, name, "sharp-a", draw.Next(-600_000, 240_000), TimeProvider.System)),
            (users[1], new SharpPeer(bob, name, "sharp-b", draw.Next(-240_000, 240_000), TimeProvider.System)),
            (users[0], await scripts.OpenAsync(app.Url, name, app.Token(users[0], JwtClaims.Authenticated), draw.Next(-600_000, 240_000))),
            (users[0], await scripts.OpenAsync(app.Url, name, app.Token(users[0], JwtClaims.Authenticated), draw.Next(-60_000, 60_000))),
            // Far beyond what the server takes: its edits are stamped anew.
            (users[1], await scripts.OpenAsync(app.Url, name, app.Token(users[1], JwtClaims.Authenticated), draw.Next(360_000, 3_600_000))),
        };
        var tally = new Tally(0, 0, 0, 0, 0);
        for (var step = 0; step < steps; step++)
        {
            var (_, peer) = peers[draw.Next(peers.Count)];
            switch (draw.Next(10))
            {
                case < 5:
                    var edits = Enumerable.Range(0, draw.Next(1, 4)).Select(_ => Edit(draw, space)).ToList();
                    await peer.EditAsync(edits);
                    tally += new Tally(edits.Count, 0, 0, 0, 0);
                    break;
                case < 8:
                    await peer.SyncAsync(cut: false);
                    tally += new Tally(0, 1, 0, 0, 0);
                    break;
                case 8:
                    await peer.SyncAsync(cut: true);
                    tally += new Tally(0, 1, 1, 0, 0);
                    break;
                default:
                    await peer.RestartAsync();
                    tally += new Tally(0, 0, 0, 1, 0);
                    break;
            }
        }
        // Twice: the first one to sync has not seen what the last one sent.
        foreach (var (_, peer) in peers.Concat(peers))
            await peer.SyncAsync(cut: false);

        foreach (var user in users)
        {
            var records = await ServerAsync(user, name, space);
            var server = Sorted(records);
            tally += new Tally(0, 0, 0, 0, records.Count);
            foreach (var (_, peer) in peers.Where(each => each.User == user))
                string.Join('\n', Sorted(await peer.StateAsync())).ShouldBe(string.Join('\n', server), $"seed {seed}, {peer.GetType().Name} of {user}");
        }
        foreach (var peer in peers.Select(each => each.Peer).OfType<ScriptPeer>())
            await peer.CloseAsync();
        return tally;
    }

    private static PeerEdit Edit(Random draw, string space)
    {
        var (where, id) = (draw.Next(3) == 0 ? "" : space, Ids[draw.Next(Ids.Length)]);
        if (draw.Next(5) == 0)
            return new PeerEdit("delete", where, id, null);
        var fields = Names.Where(_ => draw.Next(2) == 0).DefaultIfEmpty("x").ToDictionary(field => field, _ => Values[draw.Next(Values.Length)]);
        return new PeerEdit(draw.Next(3) == 0 ? "insert" : "update", where, id, fields);
    }

    /// <summary>The rows of sync_records, not an answer of the server.</summary>
    private async Task<JsonObject> ServerAsync(string user, string name, string space)
    {
        await using var connection = await app.ConnectAsync();
        await using var command = new NpgsqlCommand(
            """
            SELECT CASE WHEN s.workspace_id IS NULL THEN '' ELSE s.workspace_id::text END, r.record_id, r.data::text
            FROM   lockstep.sync_records r
            JOIN   lockstep.sync_scopes s ON s.scope_id = r.scope_id
            WHERE  r.app = $1 AND r.written_at IS NOT NULL AND (s.user_id = $2 OR s.workspace_id = $3)
            """, connection)
        { Parameters = { new() { Value = name }, new() { Value = app.UserId(user) }, new() { Value = Guid.Parse(space) } } };
        await using var reader = await command.ExecuteReaderAsync();
        var records = new JsonObject();
        while (await reader.ReadAsync())
            records[$"{reader.GetString(0)}/{reader.GetString(1)}"] = new JsonObject(JsonText.Parse(reader.GetString(2)).EnumerateObject()
                .Select(field => KeyValuePair.Create<string, JsonNode?>(field.Name, JsonText.Of(field.Value))));
        return records;
    }

    /// <summary>One line a field, so that a difference is seen at once. The two languages escape emoji differently; they are read, not compared as texts.</summary>
    private static List<string> Sorted(JsonObject records) => [.. records
        .SelectMany(record => record.Value!.AsObject().Select(field => $"{record.Key} {field.Key} = {JsonNode.Parse(field.Value!.GetValue<string>())?.ToJsonString() ?? "null"}"))
        .Concat(records.Select(record => $"{record.Key} is there"))
        .Order(StringComparer.Ordinal)];

    private sealed record Tally(int Edits, int Syncs, int Cuts, int Restarts, int Records)
    {
        public static Tally operator +(Tally left, Tally right) => new(
            left.Edits + right.Edits, left.Syncs + right.Syncs, left.Cuts + right.Cuts, left.Restarts + right.Restarts, left.Records + right.Records);
    }
}
