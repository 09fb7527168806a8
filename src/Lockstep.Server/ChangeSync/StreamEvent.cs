using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Lockstep.Server.Http;

namespace Lockstep.Server.ChangeSync;

/// <summary>A server-sent event as it goes out (WHATWG HTML, 9.2.5). Bytes from the start, so that one that waits for its reader keeps no page of the log alive.</summary>
/// <param name="Id">What the client sends back as Last-Event-ID; null leaves its last one standing.</param>
internal sealed record StreamEvent(string Type, ReadOnlyMemory<byte> Data, string? Id)
{
    private static readonly JsonSerializerOptions Json =
        StrictJson.Configure(new JsonSerializerOptions(JsonSerializerDefaults.Web) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });

    public static StreamEvent Of<T>(string type, T data, string? id = null) => new(type, JsonSerializer.SerializeToUtf8Bytes(data, Json), id);

    /// <summary>Nothing has happened, and the connection is there.</summary>
    public static StreamEvent Heartbeat(string? id = null) => new("heartbeat", "{}"u8.ToArray(), id);

    /// <summary>The last one for a reader that is too slow to be live.</summary>
    public static StreamEvent Lagging { get; } = new("lagging", "{}"u8.ToArray(), null);

    public byte[] Head => Encoding.UTF8.GetBytes($"event: {Type}\ndata: ");

    public byte[] Tail => Encoding.UTF8.GetBytes(Id is null ? "\n\n" : $"\nid: {Id}\n\n");
}
