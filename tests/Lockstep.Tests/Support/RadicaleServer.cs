using Xunit;

namespace Lockstep.Tests.Support;

/// <summary>A real Radicale on a free loopback port, with the users alice (alicepw) and bob (bobpw).</summary>
public sealed class RadicaleServer : IAsyncLifetime
{
    private const string Program = "/usr/bin/radicale";
    private const int Attempts = 3;
    private const string SharedMemory = "/dev/shm";
    // Known to this server alone, so that another one on the same port cannot be taken for it.
    private readonly string watchword = Guid.CreateVersion7().ToString("N");
    // Radicale takes the first section that fits; R and W are collections of any kind, r and w those with an address book or a calendar.
    private const string SharedForReading =
        """
        [root]
        user: .+
        collection:
        permissions: R

        [bobs]
        user: alice
        collection: bob(/[^/]+)?
        permissions: Rr

        [own]
        user: .+
        collection: {user}(/.*)?
        permissions: RrWw

        """;

    private ServerProcess? process;
    private DirectoryInfo? folder;

    /// <summary>Keeps its files in memory: it waits for the disk with each one that it reads for the first time.</summary>
    public bool InMemory { get; init; }

    /// <summary>Beside her own, alice may read every calendar of bob's, and write none of them.</summary>
    public bool BobSharesForReading { get; init; }

    public Uri Url { get; private set; } = new("http://127.0.0.1:1/");

    /// <summary>As the allow-list of the outbound guard names it.</summary>
    public string HostPort => $"127.0.0.1:{Url.Port}";

    /// <summary>Where Radicale keeps the resources of a calendar, one file each.</summary>
    public string CalendarFolder(string user, string calendar) => Path.Combine(folder!.FullName, "collections", "collection-root", user, calendar);

    public static async Task<RadicaleServer> StartAsync(CancellationToken ct)
    {
        var server = new RadicaleServer();
        await server.RunAsync(ct);
        return server;
    }

    /// <summary>Another client of the same server, which knows nothing of ours.</summary>
    public DavProbe As(string user) => new(new Uri(Url, $"/{user}/"), user, user + "pw");

    public async ValueTask InitializeAsync() => await RunAsync(TestContext.Current.CancellationToken);

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
            throw new InvalidOperationException($"Radicale does not start again on port {Url.Port}: {process?.Output}");
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        folder?.Delete(recursive: true);
        folder = null;
    }

    private string Rights => BobSharesForReading ? $"type = from_file\nfile = {folder!.FullName}/rights" : "type = owner_only";

    private async Task RunAsync(CancellationToken ct)
    {
        if (!File.Exists(Program))
        {
            throw new InvalidOperationException(
                $"{Program} is missing. Run: apt-get install -y --no-install-recommends radicale");
        }

        folder = InMemory && Directory.Exists(SharedMemory)
            ? Directory.CreateDirectory(Path.Combine(SharedMemory, $"lockstep-radicale-{watchword}"))
            : Directory.CreateTempSubdirectory("lockstep-radicale-");
        await File.WriteAllTextAsync(Path.Combine(folder.FullName, "rights"), SharedForReading, ct);
        await File.WriteAllTextAsync(Path.Combine(folder.FullName, "users"), $"alice:alicepw\nbob:bobpw\nwatch:{watchword}\n", ct);
        for (var attempt = 1; ; attempt++)
        {
            // Somebody else may take the free port before Radicale does.
            if (await TryRunAsync(ServerProcess.FreePort(), ct))
                return;
            var output = process?.Output;
            await KillAsync();
            if (attempt == Attempts)
                throw new InvalidOperationException($"Radicale does not answer: {output}");
        }
    }

    private async Task<bool> TryRunAsync(int port, CancellationToken ct)
    {
        Url = new Uri($"http://127.0.0.1:{port}/");
        var config = Path.Combine(folder!.FullName, "config");
        await File.WriteAllTextAsync(
            config,
            $"""
            [server]
            hosts = 127.0.0.1:{port}
            [auth]
            type = htpasswd
            htpasswd_filename = {folder.FullName}/users
            htpasswd_encryption = plain
            delay = 0
            [storage]
            filesystem_folder = {folder.FullName}/collections
            [rights]
            {Rights}
            [logging]
            level = warning
            """,
            ct);
        process = ServerProcess.Start(Program, "--config", config);
        // Polling with a bound: Radicale says nowhere that it is ready.
        var watch = new DavProbe(new Uri(Url, "/watch/"), "watch", watchword);
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        for (var waited = 0; waited < 600 && !process.HasExited && await tick.WaitForNextTickAsync(ct); waited++)
        {
            if (await watch.AnswersAsync(ct))
                return true;
        }

        return false;
    }
}
