using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Lockstep.Tests.Support;

/// <summary>A server program that a test runs; it ends with the test process, however that ends.</summary>
public sealed class ServerProcess : IAsyncDisposable
{
    private const int KeptLines = 40;
    private static readonly ConcurrentDictionary<int, bool> GivenPorts = new();
    private readonly Process process;
    private readonly ConcurrentQueue<string> output;
    private readonly TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private ServerProcess(Process process, ConcurrentQueue<string> output)
    {
        this.process = process;
        this.output = output;
    }

    public bool HasExited => process.HasExited;

    /// <summary>The last lines that it printed.</summary>
    public string Output => string.Join('\n', output);

    /// <summary>A port that nobody listens on and that no other test of this run was given.</summary>
    public static int FreePort()
    {
        while (true)
        {
            using var listener = new TcpListener(IPAddress.Loopback, 0);
            listener.Start();
            var port = ((IPEndPoint)listener.LocalEndpoint).Port;
            if (GivenPorts.TryAdd(port, true))
                return port;
        }
    }

    public static ServerProcess Start(string program, params string[] arguments)
    {
        var lines = new ConcurrentQueue<string>();
        var tied = File.Exists("/usr/bin/setpriv");
        var info = new ProcessStartInfo(tied ? "/usr/bin/setpriv" : program)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        string[] all = tied ? ["--pdeathsig=KILL", program, .. arguments] : arguments;
        Array.ForEach(all, info.ArgumentList.Add);
        var started = new TaskCompletionSource<ServerProcess>();
        // The death signal follows the thread that started the child, so that thread stays until the child is gone.
        var keeper = new Thread(() =>
        {
            try
            {
                var child = new Process { StartInfo = info };
                child.OutputDataReceived += (_, line) => Keep(lines, line.Data);
                child.ErrorDataReceived += (_, line) => Keep(lines, line.Data);
                child.Start();
                child.BeginOutputReadLine();
                child.BeginErrorReadLine();
                var server = new ServerProcess(child, lines);
                started.SetResult(server);
                child.WaitForExit();
                server.ended.SetResult();
            }
            catch (Exception e)
            {
                started.TrySetException(e);
            }
        })
        { IsBackground = true, Name = $"keeper of {Path.GetFileName(program)}" };
        keeper.Start();
        return started.Task.GetAwaiter().GetResult();
    }

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited)
            process.Kill(entireProcessTree: true);
        await ended.Task.WaitAsync(TimeSpan.FromSeconds(10));
        process.Dispose();
    }

    private static void Keep(ConcurrentQueue<string> lines, string? line)
    {
        if (line is null)
            return;
        lines.Enqueue(line);
        while (lines.Count > KeptLines)
            lines.TryDequeue(out _);
    }
}
