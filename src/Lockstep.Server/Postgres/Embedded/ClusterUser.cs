namespace Lockstep.Server.Postgres.Embedded;

/// <summary>The operating system user that the server runs as. PostgreSQL refuses to run as root, so root lends the cluster to
/// <c>postgres</c>, or to <c>nobody</c> where there is no such user; anybody else runs it as himself.</summary>
internal sealed record ClusterUser(string Name, uint Uid, uint Gid, bool IsOther)
{
    /// <summary>The choice for a new cluster.</summary>
    public static ClusterUser Choose()
    {
        if (!Environment.IsPrivilegedProcess)
            return new ClusterUser(Environment.UserName, 0, 0, IsOther: false);
        return Find(fields => fields[0] == "postgres") ?? Find(fields => fields[0] == "nobody")
            ?? throw new EmbeddedPostgresException(
                "PostgreSQL does not run as root, and this machine has neither a user \"postgres\" nor \"nobody\" to run it as. "
                + "Add one (useradd --system postgres), or start Lockstep as an ordinary user.");
    }

    /// <summary>The user with this number; null when it has no entry in /etc/passwd.</summary>
    public static ClusterUser? WithUid(uint uid) => Find(fields => fields[2] == uid.ToString(System.Globalization.CultureInfo.InvariantCulture));

    /// <summary>Puts the switch to this user in front of a command line.</summary>
    public IEnumerable<string> Run(IEnumerable<string> commandLine) =>
        IsOther ? ["setpriv", .. SwitchArguments, "--", .. commandLine] : commandLine;

    /// <summary>The arguments of <c>setpriv</c> that become this user; empty when we are it.</summary>
    public string[] SwitchArguments => IsOther ? [$"--reuid={Uid}", $"--regid={Gid}", "--clear-groups"] : [];

    /// <summary>Makes a directory that this user alone may enter.</summary>
    public void CreatePrivateDirectory(string path)
    {
        Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        if (IsOther) Libc.Chown(path, Uid, Gid);
    }

    /// <summary>Asks the kernel, since access control lists and mounts have a say as well.</summary>
    public async Task<bool> CanEnterAsync(string directory, CancellationToken ct) =>
        (await Command.RunAsync(Command.PrepareClean(Run(["test", "-x", directory])), ct)).Succeeded;

    private static ClusterUser? Find(Func<string[], bool> matches) =>
        File.ReadLines("/etc/passwd")
            .Select(line => line.Split(':'))
            .Where(fields => fields.Length >= 4 && matches(fields))
            .Select(fields => new ClusterUser(fields[0], uint.Parse(fields[2], null), uint.Parse(fields[3], null), IsOther: true))
            .FirstOrDefault();
}
