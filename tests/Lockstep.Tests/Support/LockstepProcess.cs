using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Http.Headers;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using Lockstep.Server.Postgres.Embedded;
using Shouldly;

namespace Lockstep.Tests.Support;

/// <summary>The real program as a process of its own: what was built beside the tests, run by the same .NET. It ends with the test
/// process, however that ends.</summary>
internal sealed partial class LockstepProcess : IAsyncDisposable
{
    private const int SigTerm = 15;
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private static readonly string[] Settings = ["LOCKSTEP_", "CALDAV_", "OTEL_", "ASPNETCORE_"];

    private readonly ConcurrentQueue<string> output = new();
    private readonly ConcurrentQueue<string> errors = new();
    private readonly ConcurrentQueue<HttpClient> clients = new();
    private readonly TaskCompletionSource<int> ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Process process;

    private LockstepProcess(Process process) => this.process = process;

    /// <summary>Where it listens; known once it is ready.</summary>
    public Uri Url { get; private set; } = new("http://127.0.0.1:1/");

    /// <summary>Of the process; a lease names it.</summary>
    public int Id => process.Id;

    /// <summary>Resident memory in bytes now, and the most that it has been.</summary>
    public (long Now, long Most) Memory
    {
        get
        {
            var status = File.ReadLines($"/proc/{process.Id}/status").Where(line => line.StartsWith("Vm", StringComparison.Ordinal))
                .Select(line => line.Split([':', ' ', '\t'], StringSplitOptions.RemoveEmptyEntries))
                .ToDictionary(words => words[0], words => long.Parse(words[1], System.Globalization.CultureInfo.InvariantCulture) * 1024);
            return (status["VmRSS"], status["VmHWM"]);
        }
    }

    /// <summary>Standard output so far.</summary>
    public string Output => string.Join('\n', output);

    /// <summary>Standard error so far.</summary>
    public string Errors => string.Join('\n', errors);

    /// <summary>The exit code, once it has ended and all that it printed was read.</summary>
    public Task<int> Ended => ended.Task;

    /// <summary>Starts <c>lockstep serve</c> and waits until it says that it is ready.</summary>
    public static async Task<LockstepProcess> ServeAsync(IReadOnlyDictionary<string, string> environment, params string[] arguments)
    {
        var program = await StartAsync(environment, ["serve", .. arguments]);
        await EventuallyAsync(() => program.Ready() || program.Ended.IsCompleted, "ready");
        if (program.Ready())
            return program;
        var said = $"{program.Output}\n{program.Errors}";
        await program.DisposeAsync();
        throw new ShouldAssertException($"It did not start: {said}");
    }

    /// <summary>Runs a command to its end.</summary>
    public static Task<LockstepProcess> RunAsync(IReadOnlyDictionary<string, string> environment, params string[] arguments) =>
        RunAsync(environment, null, arguments);

    /// <param name="input">What it finds on standard input, and then its end; null leaves that as it is.</param>
    public static async Task<LockstepProcess> RunAsync(IReadOnlyDictionary<string, string> environment, string? input, string[] arguments)
    {
        var program = await StartAsync(environment, arguments, input);
        await program.Ended.WaitAsync(Patience);
        return program;
    }

    /// <summary>Waits for something that needs no help to come.</summary>
    public static async Task EventuallyAsync(Func<bool> condition, string what)
    {
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        for (var waited = Stopwatch.StartNew(); !condition(); await tick.WaitForNextTickAsync())
            waited.Elapsed.ShouldBeLessThan(Patience, what);
    }

    public HttpClient Client(string? token, HttpMessageHandler? handler = null)
    {
#pragma warning disable RS0030 // Tests are the other side.
        var client = new HttpClient(handler ?? new SocketsHttpHandler { UseProxy = false }) { BaseAddress = Url, Timeout = Patience };
#pragma warning restore RS0030
        if (token is not null)
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        clients.Enqueue(client);
        return client;
    }

    public void AskToStop() => Libc.Kill(process.Id, SigTerm).ShouldBeTrue();

    /// <summary>SIGTERM, and the exit code that follows.</summary>
    public async Task<int> StopAsync()
    {
        AskToStop();
        return await Ended.WaitAsync(Patience);
    }

    /// <summary>SIGKILL to the program alone.</summary>
    public async Task KillAsync()
    {
        process.Kill();
        await Ended.WaitAsync(Patience);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var client in clients)
            client.Dispose();
        if (!Ended.IsCompleted)
            process.Kill();
        await Ended.WaitAsync(Patience);
        process.Dispose();
    }

    // To the last line of the welcome, so that a test sees all of it.
    [GeneratedRegex(@"^Lockstep is ready at (\S+)(?s:.*)^  curl ", RegexOptions.Multiline)]
    private static partial Regex ReadyLine();

    /// <summary>Starts a command and does not wait for it.</summary>
    public static Task<LockstepProcess> StartAsync(IReadOnlyDictionary<string, string> environment, string[] arguments, string? input = null)
    {
        var dotnet = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "../../../dotnet"));
        string[] commandLine = [dotnet, Path.Combine(AppContext.BaseDirectory, "lockstep.dll"), .. arguments];
        if (OperatingSystem.IsLinux())
            commandLine = ["setpriv", "--pdeathsig=KILL", "--", .. commandLine];
        var info = new ProcessStartInfo(commandLine[0], commandLine.Skip(1)) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = input is not null };
        foreach (var name in info.Environment.Keys.Where(IsSetting).ToList())
            info.Environment.Remove(name);
        foreach (var (name, value) in environment)
            info.Environment[name] = value;

        var started = new TaskCompletionSource<LockstepProcess>(TaskCreationOptions.RunContinuationsAsynchronously);
        // The death signal follows the thread that started the child, so that thread stays until the child is gone.
        new Thread(() => Keep(new Process { StartInfo = info }, input, started)) { IsBackground = true, Name = "keeper of lockstep" }.Start();
        return started.Task;
    }

    /// <summary>Where PostgreSQL is stays as this machine says.</summary>
    private static bool IsSetting(string name) =>
        name != PostgresBinaries.OverrideVariable && Settings.Any(prefix => name.StartsWith(prefix, StringComparison.Ordinal));

    private static void Keep(Process child, string? input, TaskCompletionSource<LockstepProcess> started)
    {
        try
        {
            var program = new LockstepProcess(child);
            child.OutputDataReceived += (_, line) => Add(program.output, line.Data);
            child.ErrorDataReceived += (_, line) => Add(program.errors, line.Data);
            child.Start();
            child.BeginOutputReadLine();
            child.BeginErrorReadLine();
            if (input is not null)
            {
                child.StandardInput.Write(input);
                child.StandardInput.Close();
            }
            started.SetResult(program);
            child.WaitForExit();
            program.ended.SetResult(child.ExitCode);
        }
        catch (Exception e)
        {
            started.TrySetException(e);
        }
    }

    private static void Add(ConcurrentQueue<string> lines, string? line)
    {
        if (line is not null)
            lines.Enqueue(line);
    }

    private bool Ready()
    {
        if (ReadyLine().Match(Output) is not { Success: true } match)
            return false;
        Url = new Uri(match.Groups[1].Value);
        return true;
    }
}
