namespace Lockstep.Server.Postgres.Embedded;

/// <summary>One program per data directory: an exclusive flock on <c>postgres.lock</c>, which the kernel releases however the
/// program ends. <c>postgres.pid</c> beside it names the holder.</summary>
internal sealed class DataDirectoryLock : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);
    private const int WouldBlockLinux = 11;
    private const int WouldBlockMac = 35;
    private readonly FileStream _file;

    private DataDirectoryLock(FileStream file) => _file = file;

    /// <summary>Waits a second for a program that is just going away.</summary>
    /// <exception cref="EmbeddedPostgresException">Somebody else holds it.</exception>
    public static async Task<DataDirectoryLock> TakeAsync(string dataDirectory, CancellationToken ct)
    {
        for (var waited = TimeSpan.Zero; ; waited += Pause)
        {
            if (TryTake(dataDirectory) is { } taken)
            {
                await File.WriteAllTextAsync(PidIn(dataDirectory), $"{Environment.ProcessId}\n", ct);
                return taken;
            }
            if (waited >= Patience)
            {
                throw new EmbeddedPostgresException(
                    $"The data directory {dataDirectory} is in use by another Lockstep (process {Holder(dataDirectory)}). "
                    + "Stop that one, or choose another directory with --data-dir.");
            }
            await Task.Delay(Pause, ct);
        }
    }

    /// <returns>False also when there is no such directory.</returns>
    public static bool IsHeld(string dataDirectory)
    {
        if (!File.Exists(PathIn(dataDirectory))) return false;
        using var taken = TryTake(dataDirectory);
        return taken is null;
    }

    private static DataDirectoryLock? TryTake(string dataDirectory)
    {
        var path = PathIn(dataDirectory);
        FileStream file;
        try
        {
            file = new FileStream(path, new FileStreamOptions
            {
                Mode = FileMode.OpenOrCreate,
                Access = FileAccess.ReadWrite,
                Share = FileShare.None,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            });
        }
        catch (IOException e) when (e.HResult is WouldBlockLinux or WouldBlockMac)
        {
            return null;
        }
        return new DataDirectoryLock(file);
    }

    private static string Holder(string dataDirectory)
    {
        var file = PidIn(dataDirectory);
        return File.Exists(file) ? File.ReadAllText(file).Trim() : "unknown";
    }

    private static string PathIn(string dataDirectory) => Path.Combine(dataDirectory, "postgres.lock");

    /// <summary>A file of its own: .NET opens no file that another process has locked, not even to read.</summary>
    private static string PidIn(string dataDirectory) => Path.Combine(dataDirectory, "postgres.pid");

    public void Dispose() => _file.Dispose();
}
