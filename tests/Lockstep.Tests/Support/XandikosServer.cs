using Xunit;

namespace Lockstep.Tests.Support;

/// <summary>A real Xandikos on a free loopback port, which keeps its calendars in git. It asks for no password, so it is one user's: alice's.</summary>
public sealed class XandikosServer : IAsyncLifetime
{
    private const string Program = "/usr/bin/xandikos";
    private const int Attempts = 3;
    private ServerProcess? process;
    private DirectoryInfo? folder;

    public Uri Url { get; private set; } = new("http://127.0.0.1:1/");

    /// <summary>Another client of the same server.</summary>
    public DavProbe Alice => new(new Uri(Url, "/alice/calendars/"), "alice", "");

    public ValueTask InitializeAsync() => RunAsync(TestContext.Current.CancellationToken);

    /// <summary>Kills it, as a power cut would; its files stay until it is disposed.</summary>
    public async Task KillAsync()
    {
        if (process is not null)
            await process.DisposeAsync();
        process = null;
    }

    /// <summary>Starts it again on the same port and files.</summary>
    public async Task RestartAsync(CancellationToken ct)
    {
        await KillAsync();
        if (!await TryRunAsync(Url.Port, ct))
            throw new InvalidOperationException($"Xandikos does not start again on port {Url.Port}: {process?.Output}");
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        folder?.Delete(recursive: true);
        folder = null;
    }

    private async ValueTask RunAsync(CancellationToken ct)
    {
        if (!File.Exists(Program))
            throw new InvalidOperationException($"{Program} is missing. Run: apt-get install -y --no-install-recommends xandikos");
        folder = Directory.CreateTempSubdirectory("lockstep-xandikos-");
        for (var attempt = 1; ; attempt++)
        {
            // Somebody else may take the free port before Xandikos does.
            if (await TryRunAsync(ServerProcess.FreePort(), ct))
                return;
            var output = process?.Output;
            await KillAsync();
            if (attempt == Attempts)
                throw new InvalidOperationException($"Xandikos does not answer: {output}");
        }
    }

    private async Task<bool> TryRunAsync(int port, CancellationToken ct)
    {
        Url = new Uri($"http://127.0.0.1:{port}/");
        var data = Path.Combine(folder!.FullName, "data");
        process = ServerProcess.Start(
            Program, "-d", data, "--current-user-principal", "/alice/", "--defaults", "-l", "127.0.0.1", "-p", $"{port}");
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        for (var waited = 0; waited < 600 && !process.HasExited && await tick.WaitForNextTickAsync(ct); waited++)
        {
            // Its own folder shows that it is this one that answers, and not another on the same port.
            if (Directory.Exists(Path.Combine(data, "alice", "calendars")) && await Alice.AnswersAsync(ct))
                return true;
        }

        return false;
    }
}
