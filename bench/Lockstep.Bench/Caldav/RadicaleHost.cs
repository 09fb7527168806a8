using System.Net;
using System.Text;
using Lockstep.Tests.Support;

namespace Lockstep.Bench.Caldav;

/// <summary>Radicale, which sends texts inside sync-collection.</summary>
internal sealed class RadicaleHost : CalendarHost
{
    private readonly DirectoryInfo folder;
    private readonly ServerProcess process;

    private RadicaleHost(DirectoryInfo folder, ServerProcess process, int port) =>
        (this.folder, this.process, Url) = (folder, process, new Uri($"http://127.0.0.1:{port}/"));

    public override string Name => "Radicale";

    public override Uri Url { get; }

    public override Uri Calendar => new(Url, $"{User}/bench/");

    // Everything since the beginning with the texts inline: RFC 6578 section 3.4 and RFC 4791 section 9.6.
    protected override string Everything =>
        """<sync-collection xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><sync-token/><sync-level>1</sync-level><prop><getetag/><C:calendar-data/></prop></sync-collection>""";

    protected override string Depth => "0";

    /// <exception cref="BenchException">It is not installed, or does not start.</exception>
    public static async Task<CalendarHost> Start(CancellationToken ct)
    {
        var program = Programs.Find("radicale") ?? throw Missing("radicale");
        var folder = Directory.CreateTempSubdirectory("lockstep-bench-radicale-");
        var port = ServerProcess.FreePort();
        var config = Path.Combine(folder.FullName, "config");
        await File.WriteAllTextAsync(Path.Combine(folder.FullName, "users"), $"{User}:{Password}\n", ct);
        await File.WriteAllTextAsync(
            config,
            $"""
            [server]
            hosts = 127.0.0.1:{port}
            [auth]
            type = htpasswd
            htpasswd_filename = {folder.FullName}/users
            htpasswd_encryption = plain
            delay = 0
            [storage]
            filesystem_folder = {folder.FullName}/collections
            [rights]
            type = owner_only
            [logging]
            level = warning
            """,
            ct);
        var host = new RadicaleHost(folder, ServerProcess.Start(program, "--config", config), port);
        try
        {
            // It takes a whole calendar at once.
            using var answer = await host.FirstAnswer(
                () => new HttpRequestMessage(HttpMethod.Put, host.Calendar) { Content = new StringContent(BenchCalendar.Whole(), Encoding.UTF8, "text/calendar") },
                host.process, ct);
            return answer.StatusCode == HttpStatusCode.Created
                ? host
                : throw new BenchException($"Radicale answered {(int)answer.StatusCode} to the PUT of a calendar. {host.process.Output}");
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
}
