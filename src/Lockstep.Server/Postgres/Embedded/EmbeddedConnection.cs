using Npgsql;

namespace Lockstep.Server.Postgres.Embedded;

/// <summary>Where a running private cluster listens: a unix socket that only the operating system user who runs the program
/// may use (peer authentication), so there is no password.</summary>
internal sealed record EmbeddedConnection(string SocketDirectory, int Port, int MajorVersion)
{
    /// <summary>The database that the cluster is kept for.</summary>
    public const string Database = "lockstep";

    /// <summary>The cluster's superuser: migrates, and installs what only a superuser can.</summary>
    public const string Superuser = "postgres";

    /// <summary>The login roles that the program's operating system user may take.</summary>
    internal static readonly string[] Roles = [Superuser, "lockstep_app", "lockstep_service"];

    /// <param name="role">One of <c>postgres</c>, <c>lockstep_app</c>, <c>lockstep_service</c>; the last two are made by the migrations.</param>
    /// <param name="database">Another database of the cluster.</param>
    public string ConnectionString(string role, string database = Database) =>
        new NpgsqlConnectionStringBuilder
        {
            Host = SocketDirectory,
            Port = Port,
            Username = role,
            Database = database,
            SslMode = SslMode.Disable,
            GssEncryptionMode = GssEncryptionMode.Disable,
        }.ConnectionString;
}
