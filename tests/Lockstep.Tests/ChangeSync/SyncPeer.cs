using System.Text.Json.Nodes;

namespace Lockstep.Tests.ChangeSync;

/// <summary>An edit that a test makes on a peer: fields as JSON texts, null for a delete.</summary>
internal sealed record PeerEdit(string Op, string Space, string Id, IReadOnlyDictionary<string, string>? Fields);

/// <summary>A client of the native protocol with data of its own, in whatever language, led by a test.</summary>
internal abstract class SyncPeer
{
    public const string Table = "items";

    public abstract Task EditAsync(IReadOnlyList<PeerEdit> edits);

    /// <summary>Sends and reads once.</summary>
    /// <param name="cut">The answer to each push is lost after the commit.</param>
    public abstract Task SyncAsync(bool cut);

    /// <summary>The program ends and starts again on what it had kept.</summary>
    public abstract Task RestartAsync();

    /// <summary>What it shows: <c>space/id</c>, then fields as canonical JSON texts; and nothing unsent or refused.</summary>
    public abstract Task<JsonObject> StateAsync();
}
