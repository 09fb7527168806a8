namespace Lockstep.Server.Postgres.Embedded;

/// <summary>Installs the distribution's PostgreSQL on Debian and its relatives.</summary>
internal static class AptPostgres
{
    private const string CreateCluster = "/etc/postgresql-common/createcluster.conf";
    private const string PackagedCreateCluster = "/usr/share/postgresql-common/createcluster.conf";

    /// <summary>Installs the programs and no cluster: Debian's package otherwise makes a cluster "main" and starts it on port 5432.
    /// Its switch for that is <c>createcluster.conf</c>; afterwards that file is again what it was before (or, where it was
    /// not there, what the package brings), so that later installations on this machine behave as their owner expects.</summary>
    /// <returns>False when this is not for us: no apt-get, not root, or apt-get could not install it.</returns>
    public static async Task<bool> InstallAsync(Action<string> progress, CancellationToken ct)
    {
        if (!Environment.IsPrivilegedProcess || !File.Exists("/usr/bin/apt-get")) return false;

        progress("No PostgreSQL found: installing it with apt-get (about a minute; no system service is started)...");
        var before = File.Exists(CreateCluster) ? await File.ReadAllBytesAsync(CreateCluster, ct) : null;
        Directory.CreateDirectory(Path.GetDirectoryName(CreateCluster)!);
        await File.WriteAllTextAsync(CreateCluster, "create_main_cluster = false\n", ct);
        try
        {
            var result = await RunAsync(["install", "-y", "--no-install-recommends", "postgresql"], ct);
            if (!result.Succeeded)
            {
                await RunAsync(["update"], ct);
                result = await RunAsync(["install", "-y", "--no-install-recommends", "postgresql"], ct);
            }
            if (!result.Succeeded) progress($"apt-get could not install PostgreSQL: {result.Tail}");
            return result.Succeeded;
        }
        finally
        {
            Restore(before);
        }
    }

    private static void Restore(byte[]? before)
    {
        if (before is not null) File.WriteAllBytes(CreateCluster, before);
        else if (File.Exists(PackagedCreateCluster)) File.Copy(PackagedCreateCluster, CreateCluster, overwrite: true);
        else File.Delete(CreateCluster);
    }

    private static Task<CommandResult> RunAsync(string[] arguments, CancellationToken ct)
    {
        var start = Command.Prepare(["apt-get", "-o", "DPkg::Lock::Timeout=120", "-o", "Dpkg::Options::=--force-confold", .. arguments]);
        start.Environment["DEBIAN_FRONTEND"] = "noninteractive";
        return Command.RunAsync(start, ct);
    }
}
