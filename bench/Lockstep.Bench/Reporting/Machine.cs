using System.Globalization;
using System.Runtime.InteropServices;

namespace Lockstep.Bench.Reporting;

/// <summary>What the figures were measured on; without it they mean nothing.</summary>
internal sealed record Machine(string Processor, int Cores, double MemoryGiB, string System, string Disk, string Postgres, string Runtime, string Date)
{
    public static async Task<Machine> Describe(House house, CancellationToken ct)
    {
        await using var command = house.Superuser.CreateCommand(
            "SELECT current_setting('server_version') || ', fsync ' || current_setting('fsync') || ', synchronous_commit ' || current_setting('synchronous_commit')");
        return new Machine(
            Processors(),
            Environment.ProcessorCount,
            GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / (double)(1 << 30),
            RuntimeInformation.OSDescription,
            DiskOf(house.DataDirectory),
            (string)(await command.ExecuteScalarAsync(ct))!,
            RuntimeInformation.FrameworkDescription,
            TimeProvider.System.GetUtcNow().ToString("yyyy-MM-dd", CultureInfo.InvariantCulture));
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Date}; {Processor}, {Cores} cores, {MemoryGiB:0} GiB; {System}; {Disk}; PostgreSQL {Postgres}; {Runtime}");

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
