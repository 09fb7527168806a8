using System.ComponentModel;
using System.Diagnostics;
using System.Text;

namespace Lockstep.Server.Postgres.Embedded;

/// <summary>What a finished program left: its exit code (-1 when it could not be started) and both of its outputs, mixed.</summary>
internal sealed record CommandResult(int ExitCode, string Output)
{
    public bool Succeeded => ExitCode == 0;

    /// <summary>The last lines that say something, for an error message.</summary>
    public string Tail => string.Join('\n', Output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).TakeLast(6));
}

/// <summary>Runs another program to its end.</summary>
internal static class Command
{
    private const string SystemPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    /// <summary>Start information without the program's own settings: a child must not see master keys or tokens in its environment,
    /// and no PG* variable may redirect PostgreSQL's programs.</summary>
    public static ProcessStartInfo Prepare(IEnumerable<string> commandLine)
    {
        var arguments = commandLine.ToList();
        var start = new ProcessStartInfo(arguments[0])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = "/",
        };
        foreach (var argument in arguments.Skip(1))
            start.ArgumentList.Add(argument);
        string[] ours = ["LOCKSTEP_", "PG", "CALDAV_", "DOTNET_", "ASPNETCORE_", "OTEL_"];
        foreach (var name in start.Environment.Keys.Where(name => ours.Any(p => name.StartsWith(p, StringComparison.Ordinal))).ToList())
            start.Environment.Remove(name);
        return start;
    }

    /// <summary>As <see cref="Prepare"/>, with nothing of the caller's environment: for what runs as another user.</summary>
    public static ProcessStartInfo PrepareClean(IEnumerable<string> commandLine)
    {
        var start = Prepare(commandLine);
        start.Environment.Clear();
        start.Environment["PATH"] = SystemPath;
        start.Environment["LC_ALL"] = "C";
        start.Environment["TZ"] = "UTC";
        return start;
    }

    /// <summary>Runs it; cancelling kills it and what it started.</summary>
    public static async Task<CommandResult> RunAsync(ProcessStartInfo start, CancellationToken ct)
    {
        var output = new StringBuilder();
        void Collect(string? line)
        {
            if (line is not null)
                lock (output) output.AppendLine(line);
        }

        using var process = new Process { StartInfo = start };
        process.OutputDataReceived += (_, e) => Collect(e.Data);
        process.ErrorDataReceived += (_, e) => Collect(e.Data);
        try
        {
            process.Start();
        }
        catch (Win32Exception e)
        {
            return new CommandResult(-1, e.Message);
        }
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        try
        {
            await process.WaitForExitAsync(ct);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
        lock (output) return new CommandResult(process.ExitCode, output.ToString());
    }
}
