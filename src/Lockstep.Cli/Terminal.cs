using System.Runtime.InteropServices;
using Lockstep.Server;
using Spectre.Console;

namespace Lockstep.Cli;

/// <summary>How commands end and talk: results to standard output, everything else to standard error.</summary>
internal static class Terminal
{
    private static readonly IAnsiConsole Errors = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });

    /// <summary>Runs a command until it is done, Ctrl-C or SIGTERM; a refusal is a sentence and exit code 1, never a stack trace.</summary>
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
            return ExitCode.Failed;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return 130;
        }

        void Stop(PosixSignalContext signal)
        {
            signal.Cancel = true;
            stop.Cancel();
        }
    }

    public static void Note(string text) => Console.Error.WriteLine(text);

    public static void Error(string text)
    {
        Errors.Markup("[red]error:[/] ");
        Console.Error.WriteLine(text);
    }
}
