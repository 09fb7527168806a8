using System.Globalization;
using System.Runtime.InteropServices;

namespace Lockstep.Bench.Reporting;

/// <summary>What the figures were measured on; without it they mean nothing.</summary>
internal sealed record Machine(string Processor, int Cores, double MemoryGiB, string System, string Disk, string Postgres, string Runtime, string Date, string Load)
{
    public static async Task<Machine> Describe(House house, CancellationToken ct)
    {
        await using var command = house.Superuser.CreateCommand(
            "SELECT current_setting('server_version') || ', fsync ' || current_setting('fsync') || ', synchronous_commit ' || current_setting('synchronous_commit')");
        return Describe() with { Disk = DiskOf(house.DataDirectory), Postgres = (string)(await command.ExecuteScalarAsync(ct))! };
    }

    /// <summary>Without a database.</summary>
    public static Machine Describe() => new(
        Processors(),
        Environment.ProcessorCount,
        GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / (double)(1 << 30),
        RuntimeInformation.OSDescription,
        "",
        "",
        RuntimeInformation.FrameworkDescription,
        TimeProvider.System.GetUtcNow().ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        File.Exists("/proc/loadavg") ? File.ReadAllText("/proc/loadavg").Split(' ')[0] : "");

    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Date}; {Processor}, {Cores} cores, {MemoryGiB:0} GiB; {System}; {(Disk.Length == 0 ? "" : $"{Disk}; PostgreSQL {Postgres}; ")}{Runtime}; load {Load} at the end");

    private static string Processors() =>
        File.Exists("/proc/cpuinfo") && File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal)) is { } line
            ? line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim()
            : RuntimeInformation.ProcessArchitecture.ToString();

    private static string DiskOf(string path)
    {
        var drive = DriveInfo.GetDrives()
            .Where(drive => path.StartsWith(drive.RootDirectory.FullName, StringComparison.Ordinal))
            .MaxBy(drive => drive.RootDirectory.FullName.Length);
        return drive is null ? "unknown file system" : drive.DriveFormat;
    }
}
