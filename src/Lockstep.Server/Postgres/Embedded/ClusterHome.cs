using System.Globalization;

namespace Lockstep.Server.Postgres.Embedded;

/// <summary>The folder <c>postgres</c> of the data directory:
/// <code>
/// data/         the cluster (PGDATA), 0700, the server user's
/// run/          the socket, 0700, the server user's; a link to a short path when this one is too long for a socket
/// log/          postgres.log, written by this program
/// pg_hba.conf   who may connect, written at each start
/// pg_ident.conf
/// </code>
/// When root runs Lockstep in a place that the server's user cannot reach (a clone in /root, 0700), <c>postgres</c> is a link
/// to a folder of its own in /var/lib/lockstep: nothing of root's has to be opened, and the link says where the data is.
/// Everything that this program itself writes stays its own, so that the server's user cannot lead it elsewhere by a link.</summary>
internal sealed class ClusterHome
{
    private const string Elsewhere = "/var/lib/lockstep";
    private const int LongestSocketPath = 107;
    private const UnixFileMode Owner = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const UnixFileMode Search = UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    private ClusterHome(string path, ClusterUser user)
    {
        Folder = path;
        User = user;
    }

    public string Folder { get; }

    public ClusterUser User { get; }

    public string Data => Path.Combine(Folder, "data");

    public string Log => Path.Combine(Folder, "log");

    public string Hba => Path.Combine(Folder, "pg_hba.conf");

    public string Ident => Path.Combine(Folder, "pg_ident.conf");

    private string Run => Path.Combine(Folder, "run");

    /// <summary>The folder's real place, whether or not it exists yet.</summary>
    public static string Locate(string dataDirectory)
    {
        var path = Path.Combine(dataDirectory, "postgres");
        return new DirectoryInfo(path).LinkTarget is { } link ? Path.GetFullPath(link, dataDirectory) : path;
    }

    /// <summary>The major version that made the cluster; null when there is none yet.</summary>
    public static int? MajorVersion(string dataDirectory)
    {
        var file = Path.Combine(Locate(dataDirectory), "data", "PG_VERSION");
        return File.Exists(file) ? int.Parse(File.ReadAllText(file).Trim(), NumberStyles.None, CultureInfo.InvariantCulture) : null;
    }

    /// <summary>Makes the folders. Where root runs, the data directory itself gets mode 0711: its files are 0600 and its other folders
    /// 0700, but the server's user has to pass through.</summary>
    public static async Task<ClusterHome> PrepareAsync(string dataDirectory, Action<string> progress, CancellationToken ct)
    {
        var folder = Locate(dataDirectory);
        var link = Path.Combine(dataDirectory, "postgres");
        if (folder != link && !Directory.Exists(folder))
        {
            throw new EmbeddedPostgresException(
                $"The database of {dataDirectory} is kept in {folder}, and that folder is gone. Bring it back, or remove the link {link} "
                + "to begin with an empty database.");
        }
        var user = await OwnerOfAsync(Path.Combine(folder, "data"), ct) ?? ClusterUser.Choose();
        if (user.IsOther)
        {
            File.SetUnixFileMode(dataDirectory, File.GetUnixFileMode(dataDirectory) | Search);
            if (!Directory.Exists(folder) && !await user.CanEnterAsync(dataDirectory, ct))
                folder = MoveElsewhere(dataDirectory, user, progress);
        }
        Directory.CreateDirectory(folder, user.IsOther ? Owner | Search : Owner);
        Directory.CreateDirectory(Path.Combine(folder, "log"), Owner);
        if (user.IsOther && !await user.CanEnterAsync(folder, ct))
        {
            throw new EmbeddedPostgresException(
                $"PostgreSQL runs as user {user.Name}, who cannot enter {folder}. Let him pass through every folder on the way "
                + "(chmod o+x), or choose another data directory with --data-dir.");
        }
        return new ClusterHome(folder, user);
    }

    /// <summary>A directory for the socket whose path the kernel takes (sun_path: 108 bytes with the final zero).</summary>
    public string PrepareSocketDirectory(int port)
    {
        RemoveSocketDirectory();
        var longest = Path.Combine(Run, $".s.PGSQL.{port}.lock");
        if (System.Text.Encoding.UTF8.GetByteCount(longest) <= LongestSocketPath)
        {
            User.CreatePrivateDirectory(Run);
            return Run;
        }
        var runtime = User.IsOther ? null : Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR");
        var root = runtime is { Length: > 0 and < 60 } && Directory.Exists(runtime) ? runtime : "/tmp";
        var shortPath = Path.Combine(root, $"lockstep-{Guid.CreateVersion7():n}");
        User.CreatePrivateDirectory(shortPath);
        Directory.CreateSymbolicLink(Run, shortPath);
        return shortPath;
    }

    /// <summary>Removes it with the sockets that a killed server left.</summary>
    public void RemoveSocketDirectory()
    {
        var link = new DirectoryInfo(Run).LinkTarget;
        var directory = link ?? Run;
        if (Directory.Exists(directory))
        {
            foreach (var socket in Directory.EnumerateFiles(directory, ".s.PGSQL.*")) File.Delete(socket);
            Directory.Delete(directory);
        }
        if (link is not null) File.Delete(Run);
    }

    /// <summary>Who may connect: the operating system user who runs this program, as the roles it uses, and nobody else.</summary>
    public void WriteAccessRules()
    {
        File.WriteAllText(Hba, "# Written at each start.\nlocal all all peer map=lockstep\n");
        var system = Environment.UserName.Replace("\"", "\"\"", StringComparison.Ordinal);
        File.WriteAllLines(Ident, ["# Written at each start.", .. EmbeddedConnection.Roles.Select(role => $"lockstep \"{system}\" {role}")]);
        const UnixFileMode Readable = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
        File.SetUnixFileMode(Hba, Readable);
        File.SetUnixFileMode(Ident, Readable);
    }

    private static string MoveElsewhere(string dataDirectory, ClusterUser user, Action<string> progress)
    {
        var folder = Path.Combine(Elsewhere, $"{Path.GetFileName(Path.GetDirectoryName(dataDirectory))}-{Guid.CreateVersion7():n}");
        Directory.CreateDirectory(folder, Owner | Search);
        File.SetUnixFileMode(Elsewhere, Owner | Search);
        Directory.CreateSymbolicLink(Path.Combine(dataDirectory, "postgres"), folder);
        progress($"PostgreSQL runs as user {user.Name}, who cannot reach {dataDirectory}: the database is kept in {folder}.");
        return folder;
    }

    /// <summary>The owner of an existing cluster stays its user, even when a better one has appeared since. A cluster that belongs to root
    /// (restored from a backup, say) is given to the user of our choice.</summary>
    private static async Task<ClusterUser?> OwnerOfAsync(string data, CancellationToken ct)
    {
        if (!Environment.IsPrivilegedProcess || !Directory.Exists(data)) return null;
        var result = await Command.RunAsync(Command.PrepareClean(["stat", "-c", "%u", data]), ct);
        if (!result.Succeeded) return null;
        var uid = uint.Parse(result.Output, NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture);
        if (uid != 0) return ClusterUser.WithUid(uid);
        var user = ClusterUser.Choose();
        await Command.RunAsync(Command.PrepareClean(["chown", "-R", "-h", $"{user.Uid}:{user.Gid}", data]), ct);
        return user;
    }
}
