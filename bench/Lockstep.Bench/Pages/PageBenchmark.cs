using System.Globalization;
using System.Net;
using Lockstep.Bench.Load;
using Lockstep.Bench.Reporting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.FileProviders;
using Microsoft.Extensions.Logging;
using NodaTime;
using NodaTime.Text;

namespace Lockstep.Bench.Pages;

/// <summary>The public page, beside the same bytes as a static file and beside the cheapest answer of the same server; in turns.</summary>
internal static class PageBenchmark
{
    public const string Name = "page";

    private const int Owner = 90_000;
    private const int Events = 60;
    private const string Page = "/c/bench-page";
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(1);

    public static async Task<Row> Measure(House house, BenchOptions options, Action<string> note, CancellationToken ct)
    {
        note($"{Name}: preparing");
        await Publish(house, ct);
        await using var visitors = await Worker.VisitAll(house, house.Address, ct);
        using var reader = await RawHttp.Connect(house.Address, ct, anonymous: true);
        var bytes = (await reader.Send($"GET {Page}", "", "", ct)).Body.ToArray();
        await using var files = await ServeFile(bytes, ct);
        await using var fileVisitors = await Worker.VisitAll(house, new IPEndPoint(IPAddress.Loopback, new Uri(files.Urls.First()).Port), ct);
        using var trips = new RoundTrips();
        await LoadSample.Take(visitors, trips, WarmUp, (worker, stop) => worker.Visit(Page, 1_000, stop), ct);
        await LoadSample.Take(fileVisitors, trips, WarmUp, (worker, stop) => worker.Visit("/page.html", bytes.Length, stop), ct);

        List<double> ours = [], theirs = [], least = [], latencies = [], fileLatencies = [], roundTrips = [];
        for (var round = 1; round <= options.Rounds; round++)
        {
            note($"{Name}: round {round} of {options.Rounds}");
            var span = TimeSpan.FromSeconds(options.Seconds);
            var page = await LoadSample.Take(visitors, trips, span, (worker, stop) => worker.Visit(Page, 1_000, stop), ct);
            var file = await LoadSample.Take(fileVisitors, trips, span, (worker, stop) => worker.Visit("/page.html", bytes.Length, stop), ct);
            var live = await LoadSample.Take(visitors, trips, span, (worker, stop) => worker.Visit("/health/live", 1, stop), ct);
            ours.Add(page.PerSecond);
            theirs.Add(file.PerSecond);
            least.Add(live.PerSecond);
            latencies.AddRange(page.Latencies);
            fileLatencies.AddRange(file.Latencies);
            roundTrips.Add(page.RoundTrips);
        }
        note(string.Create(CultureInfo.InvariantCulture,
            $"{Name}: {bytes.Length:N0} bytes; the static file: p50 {fileLatencies.Percentile(0.5):0.0} ms, p99 {fileLatencies.Percentile(0.99):0.0} ms"));
        return new Row(Name, "public page, kept busy times", "pages/s", "first byte < 50 ms", ours.Median(), ours.Min(), ours.Max(),
            [new Limit("static file", theirs.Median(), Ratio(ours, theirs)), new Limit("/health/live", least.Median(), Ratio(ours, least))],
            latencies.Percentile(0.5), latencies.Percentile(0.99), roundTrips.Median());
    }

    private static async Task Publish(House house, CancellationToken ct)
    {
        using var owner = await RawHttp.Connect(house.Address, ct);
        var token = house.Token(Owner);
        await Expect(200, "PUT /v1/provider",
            """{"publicSlug":"bench-page","isPublic":true,"timezone":"Europe/Berlin","settings":{"workingHours":{"days":[1,2,3,4,5],"start":"09:00","end":"18:00"},"booking":{"enabled":true}}}""");
        var first = SystemClock.Instance.GetCurrentInstant().InUtc().Date;
        for (var i = 0; i < Events; i++)
        {
            var day = LocalDatePattern.Iso.Format(first.PlusDays(i));
            var rule = i % 3 == 0 ? $"\"RRULE:FREQ={(i % 2 == 0 ? "WEEKLY" : "DAILY;INTERVAL=5")}\"" : "";
            await Expect(201, "POST /v1/events", string.Create(CultureInfo.InvariantCulture,
                $$"""{"summary":"Taken {{i}}","start":{"dateTime":"{{day}}T{{9 + (i % 8):00}}:00:00","timeZone":"Europe/Berlin"},"end":{"dateTime":"{{day}}T{{9 + (i % 8):00}}:30:00","timeZone":"Europe/Berlin"},"recurrence":[{{rule}}]}"""));
        }

        async Task Expect(int expected, string line, string body)
        {
            var (status, answer) = await owner.Send(line, token, body, ct);
            if (status != expected)
                throw new BenchException($"{line} was answered with {status}: {System.Text.Encoding.UTF8.GetString(answer.Span)}");
        }
    }

    private static async Task<WebApplication> ServeFile(byte[] bytes, CancellationToken ct)
    {
        var folder = Directory.CreateTempSubdirectory("lockstep-bench-file-");
        await File.WriteAllBytesAsync(Path.Combine(folder.FullName, "page.html"), bytes, ct);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        app.UseStaticFiles(new StaticFileOptions { FileProvider = new PhysicalFileProvider(folder.FullName) });
        app.Lifetime.ApplicationStopped.Register(() => folder.Delete(recursive: true));
        await app.StartAsync(ct);
        return app;
    }

    private static double Ratio(List<double> ours, List<double> limit) => ours.Zip(limit, (mine, theirs) => mine / theirs).Median();
}
