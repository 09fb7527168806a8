using Lockstep.Server.Postgres.Embedded;

namespace Lockstep.Server.Hosting.Doctor;

/// <summary>Room on the disks that this installation writes to. The disk of a database server elsewhere cannot be seen from here.</summary>
internal static class DiskCheck
{
    private const string Area = "disk";

    /// <summary>PostgreSQL stops when it cannot write a segment of its log, 16 MB each; several are in use.</summary>
    private const long Least = 256L << 20;

    private const long Enough = 2L << 30;

    public static IEnumerable<Diagnosis> Look(Settings settings) => Look(settings, folder => new DriveInfo(folder).AvailableFreeSpace);

    /// <param name="room">Bytes free for this program on the disk of a folder.</param>
    internal static IEnumerable<Diagnosis> Look(Settings settings, Func<string, long> room)
    {
        if (settings.Database is not null)
            yield break;
        foreach (var folder in new[] { settings.DataDirectory, ClusterHome.Locate(settings.DataDirectory) }.Select(Existing).Distinct())
        {
            var free = room(folder);
            var text = $"{free >> 20} MB are free for {folder}";
            yield return free < Least
                ? Diagnosis.Fault(Area, "disk_full", $"{text}: PostgreSQL needs {Least >> 20} MB to go on writing.", "Make room or enlarge the disk before it is full: a database whose disk is full stops. Old backups and logs are the first to look at.")
                : free < Enough
                    ? Diagnosis.Warning(Area, "disk_low", $"{text}.", $"Make room, so that {Enough >> 30} GB are free.")
                    : Diagnosis.Well(Area, "disk", $"{text}.");
        }
    }

    private static string Existing(string folder)
    {
        while (!Directory.Exists(folder) && Path.GetDirectoryName(folder) is { } parent)
            folder = parent;
        return folder;
    }
}
