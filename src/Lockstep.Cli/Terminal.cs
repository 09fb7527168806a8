using System.Data.Common;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text.Json;
using Lockstep.Server;
using Lockstep.Server.Hosting;
using Lockstep.Server.Http;

namespace Lockstep.Cli;

/// <summary>How commands end and talk: results to standard output, everything else to standard error.</summary>
internal static class Terminal
{
    /// <summary>Runs a command until it is done, Ctrl-C or SIGTERM; a refusal is a sentence and exit code 1, 2 where the command was written wrong, 4 where the database does not answer; never a stack trace.</summary>
    public static async Task<int> Run(Func<CancellationToken, Task<int>> command)
    {
        using var stop = new CancellationTokenSource();
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        try
        {
            return await command(stop.Token);
        }
        catch (StartRefusedException e)
        {
            Error(e.Message);
            return e.Unreachable ? ExitCode.Unreachable : e.Misused ? ExitCode.Usage : ExitCode.Failed;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return 130;
        }
        catch (Exception e) when (e is IOException or InvalidOperationException or ArgumentException or FormatException or DbException or SocketException)
        {
            Error($"{e.GetBaseException().Message.TrimEnd('.')}. Correct that and try again.");
            return ExitCode.Failed;
        }

        void Stop(PosixSignalContext signal)
        {
            signal.Cancel = true;
            stop.Cancel();
        }
    }

    /// <summary>Runs a command that needs vault or audit, beside a server that runs or does not.</summary>
    public static Task<int> OnWorkbench(string? directory, string? database, Func<Workbench, CancellationToken, Task<int>> work) => Run(async stop =>
    {
        var settings = Settings.LoadBeside(new ServeOptions(null, directory, database), Environment.GetEnvironmentVariable);
        await using var bench = await Workbench.Open(settings, Note, stop);
        return await work(bench, stop);
    });

    /// <summary>A line of progress on standard error that is written over; nothing where nobody looks.</summary>
    public static Action<long, long> Progress(string what) => Console.IsErrorRedirected
        ? static (_, _) => { }
    : (done, all) => Console.Error.Write(done >= all ? $"\r\u001b[K" : $"\r\u001b[K{done} of {all} {what}");

    /// <summary>The result of a command: a sentence for people, JSON for programs.</summary>
    public static void Say(bool json, string text, object value) => Console.WriteLine(json ? JsonSerializer.Serialize(value, StrictJson.Options) : text);

    /// <summary>Asks before what cannot be undone.</summary>
    /// <exception cref="StartRefusedException">Nobody is there to be asked: a script has to say --yes.</exception>
    public static bool Confirmed(string name)
    {
        if (Console.IsInputRedirected)
            throw new StartRefusedException("This cannot be undone. Say --yes to do it without being asked. Nothing was done.") { Misused = true };
        Console.Error.Write($"This cannot be undone. Type {name} to go on: ");
        if (Console.ReadLine()?.Trim() == name)
            return true;
        Error("That is not its name. Nothing was destroyed.");
        return false;
    }

    public static IReadOnlyCollection<string> EnvironmentNames() => [.. Environment.GetEnvironmentVariables().Keys.Cast<string>()];

    public static void Note(string text) => Console.Error.WriteLine(text);

    public static void Error(string text)
    {
        var plain = Console.IsErrorRedirected || Environment.GetEnvironmentVariable("NO_COLOR") is { Length: > 0 };
        Console.Error.WriteLine(plain ? $"error: {text}" : $"\u001b[31merror:\u001b[0m {text}");
    }
}
