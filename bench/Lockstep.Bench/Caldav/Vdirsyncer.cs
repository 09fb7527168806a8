using System.Diagnostics;
using Lockstep.Server.Postgres.Embedded;

namespace Lockstep.Bench.Caldav;

/// <summary>Another program's first sync of the same calendar, into a folder of files.</summary>
internal sealed class Vdirsyncer(string program, RadicaleHost calendars)
{
    public static Vdirsyncer? Find(RadicaleHost calendars) => Programs.Find("vdirsyncer") is { } program ? new Vdirsyncer(program, calendars) : null;

    /// <returns>Seconds of <c>vdirsyncer sync</c>; its <c>discover</c> before it is not counted.</returns>
    public async Task<double> FirstSync(CancellationToken ct)
    {
        var folder = Directory.CreateTempSubdirectory("lockstep-bench-vdirsyncer-");
        try
        {
            var config = Path.Combine(folder.FullName, "config");
            Directory.CreateDirectory(Path.Combine(folder.FullName, "files", "bench"));
            await File.WriteAllTextAsync(
                config,
                $"""
                [general]
                status_path = "{folder.FullName}/status"
                [pair bench]
                a = "files"
                b = "server"
                collections = ["bench"]
                [storage files]
                type = "filesystem"
                path = "{folder.FullName}/files"
                fileext = ".ics"
                [storage server]
                type = "caldav"
                url = "{calendars.Url}"
                username = "{RadicaleHost.User}"
                password = "{RadicaleHost.Password}"
                """,
                ct);
            await Run(config, "discover", ct);
            var clock = Stopwatch.StartNew();
            await Run(config, "sync", ct);
            var took = clock.Elapsed.TotalSeconds;
            var files = Directory.EnumerateFiles(Path.Combine(folder.FullName, "files", "bench")).Count();
            return files == RadicaleHost.Events ? took : throw new BenchException($"vdirsyncer brought {files} of {RadicaleHost.Events} events.");
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private async Task Run(string config, string command, CancellationToken ct)
    {
        var result = await Command.RunAsync(Command.Prepare([program, "-c", config, command]), ct);
        if (!result.Succeeded)
            throw new BenchException($"vdirsyncer {command} failed:\n{result.Tail}");
    }
}
