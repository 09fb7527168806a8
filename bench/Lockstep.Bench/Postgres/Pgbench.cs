using System.Globalization;
using System.Text.RegularExpressions;
using Lockstep.Server.Postgres;
using Lockstep.Server.Postgres.Embedded;

namespace Lockstep.Bench.Postgres;

/// <summary>PostgreSQL's own load generator, over the same unix socket and as the same login as the program.</summary>
internal sealed partial class Pgbench(string program, EmbeddedConnection connection, string directory)
{
    /// <summary>The one of the server's version, else the first on PATH.</summary>
    /// <exception cref="BenchException">There is none.</exception>
    public static async Task<Pgbench> Find(House house, CancellationToken ct)
    {
        var major = house.Connection.MajorVersion;
        string?[] places =
        [
            Environment.GetEnvironmentVariable(PostgresBinaries.OverrideVariable),
            $"/usr/lib/postgresql/{major}/bin", $"/opt/homebrew/opt/postgresql@{major}/bin",
            .. (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries),
        ];
        foreach (var place in places.Where(place => place is not null))
        {
            var program = Path.Combine(place!, "pgbench");
            if (File.Exists(program) && (await Command.RunAsync(Command.Prepare([program, "--version"]), ct)).Succeeded)
                return new Pgbench(program, house.Connection, house.DataDirectory);
        }
        throw new BenchException("pgbench is missing; without it there is no limit to compare with. As root: apt-get install -y postgresql postgresql-contrib");
    }

    /// <summary>Runs a script at 16 clients.</summary>
    /// <param name="name">Of the script's file, for who looks on.</param>
    /// <returns>Transactions a second, without the time to connect.</returns>
    public async Task<double> Run(string name, string script, int seconds, CancellationToken ct)
    {
        var file = Path.Combine(directory, $"{name}.pgbench");
        await File.WriteAllTextAsync(file, script, ct);
        var clients = BenchOptions.Clients.ToString(CultureInfo.InvariantCulture);
        var threads = Math.Min(BenchOptions.Clients, Environment.ProcessorCount).ToString(CultureInfo.InvariantCulture);
        var result = await Command.RunAsync(
            Command.Prepare(
            [
                program, "-h", connection.SocketDirectory, "-p", connection.Port.ToString(CultureInfo.InvariantCulture), "-U", Roles.App,
                "-n", "-M", "prepared", "-c", clients, "-j", threads, "-T", seconds.ToString(CultureInfo.InvariantCulture), "-f", file,
                EmbeddedConnection.Database,
            ]),
            ct);
        return result.Succeeded && Rate().Match(result.Output) is { Success: true } rate
            ? double.Parse(rate.Groups[1].ValueSpan, CultureInfo.InvariantCulture)
            : throw new BenchException($"pgbench failed:\n{result.Tail}\nIts script:\n{script}");
    }

    [GeneratedRegex(@"^tps = ([0-9.]+) \(without initial connection time\)", RegexOptions.Multiline)]
    private static partial Regex Rate();
}
