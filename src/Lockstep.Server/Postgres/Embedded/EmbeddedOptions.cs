namespace Lockstep.Server.Postgres.Embedded;

/// <summary>How the private cluster is kept.</summary>
/// <param name="DataDirectory">The program's data directory; the cluster lives in its folder <c>postgres</c>.</param>
internal sealed record EmbeddedOptions(string DataDirectory)
{
    /// <summary>Null: search this machine, and install PostgreSQL when nothing fits.</summary>
    public PostgresBinaries? Binaries { get; init; }

    /// <summary>Told, in a sentence, before anything that takes more than a moment. May be called from any thread.</summary>
    public Action<string> Progress { get; init; } = static _ => { };

    /// <summary>False only for throw-away clusters of tests: no fsync, so a power failure destroys the cluster.</summary>
    public bool Durable { get; init; } = true;

    /// <summary>Further server settings, given on the server's command line; the ones that keep it private cannot be overridden.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();
}
