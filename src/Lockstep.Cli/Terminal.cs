using System.Data.Common;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Lockstep.Server;

namespace Lockstep.Cli;

/// <summary>How commands end and talk: results to standard output, everything else to standard error.</summary>
internal static class Terminal
{
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
        catch (Exception e) when (e is IOException or InvalidOperationException or ArgumentException or DbException or SocketException)
        {
            Error($"{e.GetBaseException().Message.TrimEnd('.')}. Nothing was started; correct that and try again.");
            return ExitCode.Failed;
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
        var plain = Console.IsErrorRedirected || Environment.GetEnvironmentVariable("NO_COLOR") is { Length: > 0 };
        Console.Error.WriteLine(plain ? $"error: {text}" : $"\u001b[31merror:\u001b[0m {text}");
    }
}
