using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Lockstep.Bench.Load;
using Lockstep.Bench.Postgres;
using Lockstep.Server.ChangeSync;
using Lockstep.Server.ChangeSync.Native;
using Lockstep.Server.ChangeSync.Schemas;
using Lockstep.Server.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Lockstep.Bench.Scenarios;

/// <summary>Pushes by the native protocol: updates of two fields of records that come round again.</summary>
/// <param name="hot">All clients push as the first user, each as a device of its own.</param>
internal sealed class PushLoad(UserBlock users, int changes, bool hot = false)
{
    private const string App = "bench";
    private const string PgbenchClient = "pgbench0";

    /// <summary>Records of each user that a push of one change picks from.</summary>
    private const int Records = 50;

    private readonly ConcurrentDictionary<int, long> lastMutation = new();

    private string Range => $"'{House.User(users.First)}' AND '{House.User(users.First + users.Count - 1)}'";

    public async Task Prepare(House house, Workers workers, CancellationToken ct)
    {
        await workers.ForEachUser(users, async (worker, user) => await worker.Send($"GET /v1/sync/{App}/pull", user, "", 200, ct));
        // The scope gets the id of its user, so that the script can name it.
        await house.Administer(
            $"""
            INSERT INTO lockstep.sync_scopes (scope_id, user_id)
            SELECT u.id, u.id FROM auth.users u WHERE u.id BETWEEN {Range}
            """,
            ct);
        if (!hot)
            await workers.ForEachUser(users, (worker, user) => Push(worker, user, ct));
    }

    public Task Once(Worker worker, CancellationToken ct) => Push(worker, hot ? users.First : worker.AnyUser(users), ct);

    public async Task<PgbenchScript> SameStatements(House house, CancellationToken ct)
    {
        var user = users.First;
        var push = JsonSerializer.Deserialize<NativePush>(Body("pgbench", 1, 0), StrictJson.Options)!;
        var log = house.Services.GetRequiredService<ChangeLog>();
        var schemas = house.Services.GetRequiredService<TableSchemas>();
        var trips = await Recorder.Record(house, user, session => log.Push(
            session, App, PgbenchClient, [.. push.Mutations.Select(mutation => NativeChange.Read(mutation, App, PgbenchClient, schemas))], ct));
        // The other users of the script have that client too.
        await house.Administer(
            $"""
            INSERT INTO lockstep.sync_clients (user_id, app, client_id, last_mutation_id)
            SELECT s.user_id, '{App}', '{PgbenchClient}', 0 FROM lockstep.sync_scopes s WHERE s.user_id BETWEEN {Range}
            ON CONFLICT DO NOTHING
            """,
            ct);
        var head = $"SELECT x.head FROM lockstep.sync_scopes x WHERE x.scope_id = '{House.User(user)}'::uuid";
        return new PgbenchScript(trips, hot ? users with { PerWorker = 1 } : users, user, hot)
            .Bind("lockstep.append_changes", 2, $"ARRAY[({head})]")
            .Bind("lockstep.append_changes", 3, $"ARRAY[({head}) + {changes}]")
            .Bind("lockstep.append_changes", 6, $"SELECT array_agg(({head}) + g) FROM generate_series(1, {changes}) g")
            .Bind("lockstep.store_receipts", 3, head)
            .Bind("lockstep.store_receipts", 4, head);
    }

    private async Task Push(Worker worker, int user, CancellationToken ct)
    {
        var queue = hot ? worker.Number : user;
        var first = lastMutation.GetValueOrDefault(queue) + 1;
        var answer = await worker.Send($"POST /v1/sync/{App}/push", user, Body("device", first, hot ? worker.Number : 0), 200, ct);
        if (Applied(answer.Span) != changes)
            throw new BenchException($"Not every change of a push was applied: {Encoding.UTF8.GetString(answer.Span)}");
        lastMutation[queue] = first + changes - 1;
    }

    private static int Applied(ReadOnlySpan<byte> answer)
    {
        var applied = 0;
        for (var at = 0; (at = answer.IndexOf("\"applied\""u8)) >= 0; applied++)
            answer = answer[(at + 9)..];
        return applied;
    }

    private string Body(string client, long first, int device)
    {
        var body = new StringBuilder().Append(CultureInfo.InvariantCulture, $$"""{"clientId":"{{client}}{{device}}","mutations":[""");
        for (var id = first; id < first + changes; id++)
            body.Append(id == first ? "" : ",").Append(CultureInfo.InvariantCulture,
                $$$"""{"id":{{{id}}},"table":"notes","recordId":"r{{{device}}}-{{{id % Records}}}","op":"update","fields":{"title":{"value":"Minutes of meeting {{{id}}}, second draft"},"done":{"value":false} } }""");
        return body.Append("]}").ToString();
    }
}
