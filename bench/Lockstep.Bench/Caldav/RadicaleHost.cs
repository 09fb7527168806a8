using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Lockstep.Tests.Support;

namespace Lockstep.Bench.Caldav;

/// <summary>A real Radicale with one account and one calendar of a thousand events.</summary>
internal sealed class RadicaleHost : IAsyncDisposable
{
    public const string User = "alice";
    public const string Password = "alicepw";
    public const int Events = 1000;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    // Asks for everything since the beginning with the texts inline: RFC 6578 section 3.4 and RFC 4791 section 9.6.
    private const string WholeCollection =
        """<sync-collection xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><sync-token/><sync-level>1</sync-level><prop><getetag/><C:calendar-data/></prop></sync-collection>""";

    private readonly HttpMessageInvoker http = new(new SocketsHttpHandler());
    private readonly DirectoryInfo folder;
    private readonly ServerProcess process;

    private RadicaleHost(DirectoryInfo folder, ServerProcess process, int port) =>
        (this.folder, this.process, Url) = (folder, process, new Uri($"http://127.0.0.1:{port}/"));

    public Uri Url { get; }

    public Uri Calendar => new(Url, $"{User}/bench/");

    /// <returns>The program.</returns>
    /// <exception cref="BenchException">It is not installed.</exception>
    public static string Find() => Programs.Find("radicale") ?? throw new BenchException(
        "radicale is missing, which the first calendar sync reads from. As root: apt-get install -y --no-install-recommends radicale; "
        + $"or leave it out with --only ({string.Join(", ", BenchRun.Names.Where(name => name != FirstSync.Name))}).");

    public static async Task<RadicaleHost> Start(string program, CancellationToken ct)
    {
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
            await host.Fill(ct);
            return host;
        }
        catch
        {
            await host.DisposeAsync();
            throw;
        }
    }

    /// <summary>The least that a first sync can be: one request for everything, its answer read and thrown away.</summary>
    public async Task ReadAll(CancellationToken ct)
    {
        using var request = new HttpRequestMessage(new HttpMethod("REPORT"), Calendar) { Content = new StringContent(WholeCollection, Encoding.UTF8, "application/xml") };
        using var answer = await Send(request, ct);
        var body = await answer.Content.ReadAsByteArrayAsync(ct);
        if (answer.StatusCode != HttpStatusCode.MultiStatus || body.Length < Events * 100)
            throw new BenchException($"Radicale answered a REPORT of {Events} events with {(int)answer.StatusCode} and {body.Length} bytes.");
    }

    public async ValueTask DisposeAsync()
    {
        http.Dispose();
        await process.DisposeAsync();
        folder.Delete(recursive: true);
    }

    /// <summary>Waits until it listens, then puts the whole calendar at once.</summary>
    private async Task Fill(CancellationToken ct)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(ct);
        patience.CancelAfter(Patience);
        while (true)
        {
            try
            {
                using var request = new HttpRequestMessage(HttpMethod.Put, Calendar) { Content = new StringContent(WholeCalendar(), Encoding.UTF8, "text/calendar") };
                using var answer = await Send(request, patience.Token);
                if (answer.StatusCode != HttpStatusCode.Created)
                    throw new BenchException($"Radicale answered {(int)answer.StatusCode} to the PUT of a calendar. {process.Output}");
                return;
            }
            catch (HttpRequestException) when (!process.HasExited && !patience.IsCancellationRequested)
            {
                await Task.Delay(50, patience.Token);
            }
            catch (Exception e) when (e is HttpRequestException || (e is OperationCanceledException && !ct.IsCancellationRequested))
            {
                throw new BenchException($"Radicale does not answer. {process.Output}");
            }
        }
    }

    private Task<HttpResponseMessage> Send(HttpRequestMessage request, CancellationToken ct)
    {
        request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{User}:{Password}")));
        return http.SendAsync(request, ct);
    }

    /// <summary>A year of appointments, every tenth a weekly one.</summary>
    private static string WholeCalendar()
    {
        var text = new StringBuilder("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Lockstep//Benchmark//EN\r\n");
        for (var i = 0; i < Events; i++)
        {
            var day = new DateOnly(2026, 1, 1).AddDays(i % 365).ToString("yyyyMMdd", CultureInfo.InvariantCulture);
            text.Append(CultureInfo.InvariantCulture,
                $"BEGIN:VEVENT\r\nUID:bench-{i}@example.com\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:{day}T{8 + (i % 10):00}0000Z\r\nDURATION:PT45M\r\nSUMMARY:Appointment {i}\r\nDESCRIPTION:Agenda\\, notes and what was decided last time.\r\nLOCATION:Room {i % 40}\r\n")
                .Append(i % 10 == 0 ? "RRULE:FREQ=WEEKLY;COUNT=20\r\n" : "").Append("END:VEVENT\r\n");
        }
        return text.Append("END:VCALENDAR\r\n").ToString();
    }
}
