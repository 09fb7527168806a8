namespace Lockstep.Server.Postgres.Embedded;

/// <summary>Turns what the server's programs printed into a sentence with a next step.</summary>
internal static class StartFailure
{
    private static readonly (string Sign, string Advice)[] Known =
    [
        ("No space left on device", "The disk is full: free some space and try again; nothing is lost."),
        ("Disk quota exceeded", "The disk quota is used up: free some space and try again; nothing is lost."),
        ("Read-only file system", "The file system is read-only: remount it, or choose another data directory with --data-dir."),
        ("Permission denied", "The server's user may not read or write there: check the folder's owner, or choose another data directory with --data-dir."),
        ("could not look up", "The user that runs Lockstep has no entry in /etc/passwd: add one, or use another server with --database."),
        ("Cannot allocate memory", "The machine is out of memory: free some and try again."),
        ("could not run setsid", "The programs setsid and setpriv are missing: install util-linux, or use another server with --database."),
        ("setpriv: ", "The program setpriv of util-linux is needed: install it, or use another server with --database."),
        ("error while loading shared libraries", "A library is missing: install PostgreSQL from your distribution."),
    ];

    public static EmbeddedPostgresException Explain(string what, IReadOnlyList<string> output)
    {
        var advice = Known.FirstOrDefault(k => output.Any(line => line.Contains(k.Sign, StringComparison.Ordinal))).Advice;
        var said = output.Where(line => line.Trim().Length > 0).TakeLast(4).ToList();
        return new EmbeddedPostgresException(
            $"{what}. {advice ?? "Its last words below say why."}{string.Concat(said.Select(line => $"\n  {line.Trim()}"))}");
    }

    /// <summary>For what fails before any server program runs.</summary>
    public static EmbeddedPostgresException Explain(string dataDirectory, Exception e) => new(
        e is UnauthorizedAccessException || e.Message.Contains("Read-only", StringComparison.Ordinal)
            ? $"Cannot write to the data directory {dataDirectory}: {e.Message} Choose another with --data-dir, or make it writable."
            : e.Message.Contains("No space left", StringComparison.Ordinal)
                ? $"The disk that holds the data directory {dataDirectory} is full. Free some space and try again; nothing is lost."
                : $"Cannot use the data directory {dataDirectory}: {e.Message} Choose another with --data-dir.",
        e);
}
