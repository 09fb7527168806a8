using System.Diagnostics;
using Lockstep.Tests.ChangeSync;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

[assembly: AssemblyFixture(typeof(TypeScriptClient))]

namespace Lockstep.Tests.ChangeSync;

/// <summary>The TypeScript client, built once for the run by the first test that needs it: <c>npm ci</c> where it is due, then <c>tsc</c>.</summary>
public sealed class TypeScriptClient
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);

    private readonly Lazy<Task> built = new(BuildAsync);

    public static string Folder => Path.Combine(Repository.Root, "clients/typescript");

    public Task Built => built.Value;

    /// <summary>Runs a program in the client's folder to its end.</summary>
    public static async Task<(int Exit, string Output)> RunAsync(IReadOnlyDictionary<string, string> environment, string program, params string[] arguments)
    {
        using var process = Start(environment, program, arguments);
        using var patience = new CancellationTokenSource(Patience);
        try
        {
            var (output, errors) = (process.StandardOutput.ReadToEndAsync(patience.Token), process.StandardError.ReadToEndAsync(patience.Token));
            await process.WaitForExitAsync(patience.Token);
            return (process.ExitCode, await output + await errors);
        }
        finally
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
        }
    }

    /// <summary>Ends with the test process, however that ends.</summary>
    internal static Process Start(IReadOnlyDictionary<string, string> environment, string program, params string[] arguments)
    {
        var info = new ProcessStartInfo("setpriv", ["--pdeathsig=KILL", "--", program, .. arguments])
        {
            WorkingDirectory = Folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in environment)
            info.Environment[name] = value;
        Process? process = null;
        Exception? failure = null;
        using var started = new ManualResetEventSlim();
        // The death signal follows the thread that started the child, and one of the pool ends when it is idle: this one stays until the child is gone.
        new Thread(() =>
        {
            try
            {
                process = Process.Start(info);
            }
            catch (Exception e)
            {
                failure = e;
            }
            started.Set();
            if (process is not null)
                Wait(process);
        })
        { IsBackground = true, Name = "keeper of node" }.Start();
        started.Wait();
        return failure is null ? process! : throw failure;
    }

    private static void Wait(Process process)
    {
        try
        {
            process.WaitForExit();
        }
        catch (InvalidOperationException)
        {
            // Disposed of by who started it: it had ended.
        }
    }

    private static async Task BuildAsync()
    {
        var (wanted, installed) = (Path.Combine(Folder, "package-lock.json"), Path.Combine(Folder, "node_modules/.package-lock.json"));
        if (!File.Exists(installed) || File.GetLastWriteTimeUtc(installed) < File.GetLastWriteTimeUtc(wanted))
            await SucceedAsync("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund");
        await SucceedAsync("node", "node_modules/typescript/bin/tsc", "-b", "test");
    }

    private static async Task SucceedAsync(string program, params string[] arguments)
    {
        var (exit, output) = await RunAsync(new Dictionary<string, string>(), program, arguments);
        exit.ShouldBe(0, $"{program} {string.Join(' ', arguments)}:\n{output}");
    }
}
