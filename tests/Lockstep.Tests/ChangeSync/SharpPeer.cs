using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using Lockstep.Server.ChangeSync;
using Lockstep.Tests.Support;
using Shouldly;

namespace Lockstep.Tests.ChangeSync;

/// <summary>A client in C#, as small as one can be: records and waiting mutations apart, merged by the server's own <see cref="ConflictRule"/>.</summary>
/// <param name="skew">Milliseconds that its clock is ahead; within what the server takes.</param>
internal sealed class SharpPeer(HttpClient http, string app, string clientId, long skew, TimeProvider time) : SyncPeer
{
    private readonly Dictionary<(string Space, string Id), RecordState> records = [];
    private readonly List<Waiting> outbox = [];
    private ulong clock;
    private long last;
    private string? cursor;

    public override Task EditAsync(IReadOnlyList<PeerEdit> edits)
    {
        foreach (var edit in edits)
        {
            clock = HybridClock.Tick(clock, time.GetUtcNow().ToUnixTimeMilliseconds() + skew);
            outbox.Add(new Waiting(++last, edit, new FieldTime(clock, clientId)));
        }
        return Task.CompletedTask;
    }

    public override async Task SyncAsync(bool cut)
    {
        if (outbox.Count > 0)
        {
            var body = new JsonObject { ["clientId"] = clientId, ["mutations"] = new JsonArray([.. outbox.Select(Mutation)]) };
            var answer = await http.SendRawAsync(HttpMethod.Post, $"/v1/sync/{app}/push", body.ToJsonString()).ShouldBeAsync(HttpStatusCode.OK);
            if (cut)
                return; // Nobody hears it.
            answer["results"]!.AsArray().Select(result => result!.Text("status")).ShouldAllBe(status => status == "applied" || status == "superseded");
        }
        var (changes, end) = await http.PullAll(app, cursor);
        foreach (var change in changes)
            Merge(change);
        cursor = end;
        outbox.Clear();
    }

    public override Task RestartAsync() => Task.CompletedTask; // It keeps nothing that a restart would lose.

    public override Task<JsonObject> StateAsync()
    {
        outbox.ShouldBeEmpty();
        return Task.FromResult(new JsonObject(records.Where(record => record.Value.IsLive).Select(record => KeyValuePair.Create<string, JsonNode?>(
            $"{record.Key.Space}/{record.Key.Id}",
            new JsonObject(record.Value.Fields.Select(field => KeyValuePair.Create<string, JsonNode?>(field.Key, field.Value.Json)))))));
    }

    private void Merge(JsonNode change)
    {
        var fields = change["fields"]!.AsObject().Select(field => KeyValuePair.Create(field.Key, new FieldValue(
            JsonText.Of(JsonText.Parse(field.Value!["value"]?.ToJsonString() ?? "null")), Time(field.Value.Text("at"), field.Value.Text("clientId"))))).ToList();
        FieldTime? deleted = change["deletedAt"] is { } at ? Time(at.GetValue<string>(), change.Text("deletedBy")) : null;
        FieldTime? written = change.Text("op") == "delete" ? null
            : change["writtenAt"] is { } alone ? Time(alone.GetValue<string>(), change.Text("writtenBy")) : fields.Max(field => field.Value.At);
        var key = (change["spaceId"]?.GetValue<string>() ?? "", change.Text("recordId"));
        records[key] = ConflictRule.Merge(MergeKind.Fields, records.GetValueOrDefault(key, RecordState.Nothing), new RecordState(RecordState.NoFields.AddRange(fields), written, deleted));
        foreach (var seen in fields.Select(field => field.Value.At).Concat(deleted is { } end ? [end] : []))
            clock = HybridClock.Observe(clock, seen.Clock);
    }

    private static FieldTime Time(string text, string client) => FieldTime.Parse(text, client)!.Value;

    private static JsonNode Mutation(Waiting waiting)
    {
        var mutation = new JsonObject { ["id"] = waiting.Id, ["table"] = Table, ["recordId"] = waiting.Edit.Id, ["op"] = waiting.Edit.Op };
        if (waiting.Edit.Space.Length > 0)
            mutation["spaceId"] = waiting.Edit.Space;
        if (waiting.Edit.Fields is { } fields)
            mutation["fields"] = new JsonObject(fields.Select(field => KeyValuePair.Create<string, JsonNode?>(
                field.Key, new JsonObject { ["value"] = JsonNode.Parse(field.Value), ["at"] = waiting.At.ToString() })));
        else
            mutation["at"] = waiting.At.ToString();
        return mutation;
    }

    private sealed record Waiting(long Id, PeerEdit Edit, FieldTime At);
}
