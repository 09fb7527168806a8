using Lockstep.Server.Postgres.Embedded;
using Lockstep.Tests.Support;

namespace Lockstep.Bench.Caldav;

/// <summary>Xandikos, which keeps calendars in git and lists them without texts.</summary>
internal sealed class XandikosHost : CalendarHost
{
    // One commit of everything by the library that Xandikos itself uses; 2,000 PUTs take minutes.
    private const string Commit =
        """
        import os, sys
        from dulwich.repo import Repo
        repository = Repo(sys.argv[1])
        repository.stage([name.encode() for name in os.listdir(sys.argv[1]) if name.endswith('.ics')])
        repository.do_commit(b'bench', committer=b'bench <bench@example.com>', author=b'bench <bench@example.com>')
        """;

    private readonly DirectoryInfo folder;
    private readonly ServerProcess process;

    private XandikosHost(DirectoryInfo folder, ServerProcess process, int port) =>
        (this.folder, this.process, Url) = (folder, process, new Uri($"http://127.0.0.1:{port}/"));

    public override string Name => "Xandikos";

    public override Uri Url { get; }

    public override Uri Calendar => new(Url, $"{User}/calendars/calendar/");

    // RFC 4791 section 7.8.
    protected override string Everything =>
        """<C:calendar-query xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><prop><getetag/><C:calendar-data/></prop><C:filter><C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT"/></C:comp-filter></C:filter></C:calendar-query>""";

    protected override string Depth => "1";

    /// <exception cref="BenchException">It is not installed, or does not start.</exception>
    public static async Task<CalendarHost> Start(CancellationToken ct)
    {
        var program = Programs.Find("xandikos") ?? throw Missing("xandikos");
        var folder = Directory.CreateTempSubdirectory("lockstep-bench-xandikos-");
        var port = ServerProcess.FreePort();
        var process = ServerProcess.Start(
            program, "-d", folder.FullName, "--current-user-principal", $"/{User}/", "--defaults", "-l", "127.0.0.1", "-p", $"{port}");
        var host = new XandikosHost(folder, process, port);
        try
        {
            using (await host.FirstAnswer(() => new HttpRequestMessage(HttpMethod.Options, host.Calendar), process, ct))
                await host.Fill(ct);
            return host;
        }
        catch
        {
            await host.DisposeAsync();
            throw;
        }
    }

    public override async ValueTask DisposeAsync()
    {
        DisposeHttp();
        await process.DisposeAsync();
        folder.Delete(recursive: true);
    }

    private async Task Fill(CancellationToken ct)
    {
        var repository = Path.Combine(folder.FullName, User, "calendars", "calendar");
        for (var i = 0; i < BenchCalendar.Events; i++)
            await File.WriteAllTextAsync(Path.Combine(repository, $"bench-{i}.ics"), BenchCalendar.One(i), ct);
        var result = await Command.RunAsync(Command.Prepare(["/usr/bin/python3", "-c", Commit, repository]), ct);
        if (!result.Succeeded)
            throw new BenchException($"The calendar of Xandikos could not be filled:\n{result.Tail}");
    }
}
