using System.Diagnostics;
using System.Text.RegularExpressions;
using Lockstep.Tests.Support;
using Shouldly;

namespace Lockstep.Tests.ChangeSync;

/// <summary>The demo page of clients/typescript, served by its own little server.</summary>
internal sealed partial class DemoServer : IAsyncDisposable
{
    private readonly Process node;

    private DemoServer(Process node, Uri url) => (this.node, Url) = (node, url);

    public Uri Url { get; }

    /// <param name="port">0 for any.</param>
    public static async Task<DemoServer> StartAsync(Uri lockstep, int port = 0)
    {
        var node = TypeScriptClient.Start(new Dictionary<string, string>(), "node", "demo/serve.mjs", "--port", port.ToString(System.Globalization.CultureInfo.InvariantCulture), "--server", lockstep.ToString());
        var said = await node.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(60));
        var match = Address().Match(said ?? "");
        match.Success.ShouldBeTrue(said ?? "The demo's server ended.");
        return new DemoServer(node, new Uri(match.Value));
    }

    public async ValueTask DisposeAsync()
    {
        node.Kill();
        await node.WaitForExitAsync();
        node.Dispose();
    }

    [GeneratedRegex("http://127[^ ]+")]
    private static partial Regex Address();
}
