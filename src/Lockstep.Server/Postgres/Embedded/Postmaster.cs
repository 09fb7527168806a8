using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;

namespace Lockstep.Server.Postgres.Embedded;

/// <summary>The running server process.
/// <para>It is started by <c>setsid</c>, so that Ctrl-C reaches this program alone and can drain it first, and by <c>setpriv
/// --pdeathsig=INT</c>, so that it shuts down (fast) however this program ends. The kernel ties that signal to the thread
/// that started it (prctl(2), PR_SET_PDEATHSIG): hence a thread of its own, which then reads the server's output.</para></summary>
internal sealed class Postmaster
{
    private const string ReadyLine = "database system is ready to accept connections";
    private static readonly TimeSpan FastShutdown = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan ImmediateShutdown = TimeSpan.FromSeconds(10);

    /// <summary>Runs as the cluster's user, after the death signal is set: a program that died before that leaves another parent.</summary>
    private const string Launch = "[ \"$PPID\" = \"$0\" ] || exit 1; exec \"$@\" </dev/null >&2";

    private readonly TaskCompletionSource<bool> _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<int> _exited = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ServerLog _log;
    private readonly TaskCompletionSource<int> _started = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private Postmaster(ServerLog log) => _log = log;

    /// <summary>Completes with the exit code when the server and all of its children are gone.</summary>
    public Task<int> Exited => _exited.Task;

    /// <summary>True once it takes connections; false when it ended before it did. Crash recovery comes before.</summary>
    public Task<bool> Ready => _ready.Task;

    public static Postmaster Start(ClusterUser user, IEnumerable<string> server, ServerLog log)
    {
        var postmaster = new Postmaster(log);
        string[] launch = ["/bin/sh", "-c", Launch, Environment.ProcessId.ToString(CultureInfo.InvariantCulture), .. server];
        string[] commandLine = user.IsOther || OperatingSystem.IsLinux()
            ? ["setsid", "setpriv", .. user.SwitchArguments, "--pdeathsig=INT", "--", .. launch]
            : launch;
        new Thread(() => postmaster.Run(commandLine)) { IsBackground = true, Name = "postgres" }.Start();
        return postmaster;
    }

    /// <summary>Fast shutdown; immediate when that takes more than 30 s.</summary>
    public async Task StopAsync()
    {
        var pid = await _started.Task;
        foreach (var (signal, patience) in ((int, TimeSpan)[])[(Libc.SigInt, FastShutdown), (Libc.SigQuit, ImmediateShutdown), (Libc.SigKill, ImmediateShutdown)])
        {
            if (_exited.Task.IsCompleted) return;
            Libc.Kill(pid, signal);
            if (await Task.WhenAny(_exited.Task, Task.Delay(patience)) == _exited.Task) return;
        }
    }

    private void Run(string[] commandLine)
    {
        using var process = new Process { StartInfo = Command.PrepareClean(commandLine) };
        process.StartInfo.RedirectStandardOutput = false;
        try
        {
            process.Start();
        }
        catch (Win32Exception e)
        {
            _log.Write($"could not run {commandLine[0]}: {e.Message}");
            _ready.SetResult(false);
            _exited.SetResult(-1);
            _started.SetResult(-1);
            return;
        }
        _started.SetResult(process.Id);
        while (process.StandardError.ReadLine() is { } line)
        {
            _log.Write(line);
            if (line.EndsWith(ReadyLine, StringComparison.Ordinal)) _ready.TrySetResult(true);
        }
        process.WaitForExit();
        _log.Dispose();
        _ready.TrySetResult(false);
        _exited.SetResult(process.ExitCode);
    }
}
