using System.Diagnostics;
using Lockstep.Server.Postgres.Embedded;

namespace Lockstep.Bench.Caldav;

/// <summary>Another program's sync of the same calendar, into a folder of files.</summary>
internal sealed class Vdirsyncer : IDisposable
{
    private readonly string program;
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("lockstep-bench-vdirsyncer-");

    private Vdirsyncer(string program) => this.program = program;

    private string Config => Path.Combine(folder.FullName, "config");

    private string Files => Path.Combine(folder.FullName, "files");

    public static bool Installed => Programs.Find("vdirsyncer") is not null;

    /// <summary>Makes a pair of folder and calendar; its <c>discover</c> is not counted anywhere.</summary>
    /// <param name="calendar">Its address, on the server or on a relay before it.</param>
    public static async Task<Vdirsyncer> Prepare(Uri calendar, CancellationToken ct)
    {
        var made = new Vdirsyncer(Programs.Find("vdirsyncer") ?? throw new BenchException("vdirsyncer is not installed."));
        Directory.CreateDirectory(made.Files);
        await File.WriteAllTextAsync(
            made.Config,
            $"""
            [general]
            status_path = "{made.folder.FullName}/status"
            [pair bench]
            a = "files"
            b = "server"
            collections = null
            [storage files]
            type = "filesystem"
            path = "{made.Files}"
            fileext = ".ics"
            [storage server]
            type = "caldav"
            url = "{calendar}"
            username = "{CalendarHost.User}"
            password = "{CalendarHost.Password}"
            """,
            ct);
        await made.Run("discover", ct);
        return made;
    }

    /// <returns>Seconds of <c>vdirsyncer sync</c>.</returns>
    public async Task<double> Sync(CancellationToken ct)
    {
        var clock = Stopwatch.StartNew();
        await Run("sync", ct);
        var took = clock.Elapsed.TotalSeconds;
        var files = Directory.EnumerateFiles(Files).Count();
        return files == BenchCalendar.Events ? took : throw new BenchException($"vdirsyncer brought {files} of {BenchCalendar.Events} events.");
    }

    public void Dispose() => folder.Delete(recursive: true);

    private async Task Run(string command, CancellationToken ct)
    {
        var result = await Command.RunAsync(Command.Prepare([program, "-c", Config, command]), ct);
        if (!result.Succeeded)
            throw new BenchException($"vdirsyncer {command} failed:\n{result.Tail}");
    }
}
