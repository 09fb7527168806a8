using System.Diagnostics;
using System.Text.Json.Nodes;
using Lockstep.Tests.Support;
using Shouldly;

namespace Lockstep.Tests.ChangeSync;

/// <summary>A Node process with any number of TypeScript clients, led line by line (clients/typescript/test/driver.ts).</summary>
internal sealed class ScriptPeers : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Process node = TypeScriptClient.Start(new Dictionary<string, string>(), "node", "build/driver.js");
    private int opened;

    /// <param name="skew">Milliseconds that its clock is ahead, as many as the test likes.</param>
    public async Task<ScriptPeer> OpenAsync(Uri url, string app, string token, long skew)
    {
        var peer = new ScriptPeer(this, $"peer-{++opened}");
        await AskAsync(new JsonObject { ["do"] = "open", ["peer"] = peer.Name, ["url"] = url.ToString(), ["app"] = app, ["token"] = token, ["skew"] = skew });
        return peer;
    }

    public async Task<JsonNode?> AskAsync(JsonObject command)
    {
        await node.StandardInput.WriteLineAsync(command.ToJsonString()).WaitAsync(Patience);
        await node.StandardInput.FlushAsync().WaitAsync(Patience);
        var said = await node.StandardOutput.ReadLineAsync().WaitAsync(Patience) ?? throw new ShouldAssertException($"Node ended: {await node.StandardError.ReadToEndAsync()}");
        var answer = JsonNode.Parse(said)!;
        answer["failed"].ShouldBeNull($"{command.ToJsonString()}: {answer["failed"]}");
        return answer["ok"];
    }

    public async ValueTask DisposeAsync()
    {
        node.StandardInput.Close();
        await node.WaitForExitAsync().WaitAsync(Patience);
        node.Dispose();
    }
}

internal sealed class ScriptPeer(ScriptPeers all, string name) : SyncPeer
{
    public string Name => name;

    public override Task EditAsync(IReadOnlyList<PeerEdit> edits) => Ask("edit", ("edits", new JsonArray([.. edits.Select(edit => (JsonNode)new JsonObject
    {
        ["op"] = edit.Op,
        ["space"] = edit.Space,
        ["table"] = Table,
        ["id"] = edit.Id,
        ["fields"] = new JsonObject((edit.Fields ?? new Dictionary<string, string>()).Select(field => KeyValuePair.Create<string, JsonNode?>(field.Key, field.Value))),
    })])));

    public override Task SyncAsync(bool cut) => Ask("sync", ("cut", cut));

    public override Task RestartAsync() => Ask("restart");

    public override async Task<JsonObject> StateAsync()
    {
        var state = (await Ask("state"))!;
        state["unsent"]!.GetValue<int>().ShouldBe(0);
        state["rejections"]!.AsArray().ShouldBeEmpty();
        return state["records"]!.AsObject();
    }

    public Task CloseAsync() => Ask("close");

    private Task<JsonNode?> Ask(string what, params (string Name, JsonNode? Value)[] members)
    {
        var command = new JsonObject { ["do"] = what, ["peer"] = name };
        foreach (var (member, value) in members)
            command[member] = value;
        return all.AskAsync(command);
    }
}
