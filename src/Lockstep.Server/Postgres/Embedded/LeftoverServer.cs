using System.Globalization;

namespace Lockstep.Server.Postgres.Embedded;

/// <summary>A server of an earlier run that is still stopping, because its program was killed a moment ago, or a
/// <c>postmaster.pid</c> that nobody stands behind any more. The caller holds the lock of the data directory.</summary>
internal static class LeftoverServer
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    /// <exception cref="EmbeddedPostgresException">It does not stop.</exception>
    public static async Task ClearAsync(string data, Action<string> progress, CancellationToken ct)
    {
        var file = Path.Combine(data, "postmaster.pid");
        if (ReadPid(file) is not { } pid || !Libc.Kill(pid, 0)) return;
        if (OperatingSystem.IsLinux() && !WorksIn(pid, data))
        {
            // Another process got the number, as happens after a restart of a container: PostgreSQL would take it for a server.
            File.Delete(file);
            return;
        }
        progress("Waiting for the database server of the last run to stop...");
        foreach (var signal in (int[])[Libc.SigInt, Libc.SigQuit])
        {
            Libc.Kill(pid, signal);
            for (var waited = TimeSpan.Zero; waited < Patience; waited += Pause)
            {
                if (!Libc.Kill(pid, 0)) return;
                await Task.Delay(Pause, ct);
            }
        }
        throw new EmbeddedPostgresException(
            $"A database server of an earlier run (process {pid}) still uses {data} and does not stop. Stop it (kill -QUIT {pid}) and try again.");
    }

    private static int? ReadPid(string file)
    {
        try
        {
            return File.ReadLines(file).FirstOrDefault() is { } line && int.TryParse(line, NumberStyles.None, CultureInfo.InvariantCulture, out var pid) && pid > 1
                ? pid
                : null;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    /// <summary>A server's working directory is its data directory.</summary>
    private static bool WorksIn(int pid, string data)
    {
        try
        {
            return Directory.ResolveLinkTarget($"/proc/{pid}/cwd", returnFinalTarget: false)?.FullName == data;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
