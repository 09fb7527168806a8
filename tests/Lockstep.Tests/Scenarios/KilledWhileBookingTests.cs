using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Lockstep.Tests.Support;
using NodaTime;
using NodaTime.Text;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Scenarios;

/// <summary>SIGKILL to the program while many visitors book, move and cancel the same few times.</summary>
[Trait("Category", "Long")]
public sealed partial class KilledWhileBookingTests(ITestOutputHelper output)
{
    private const int Tries = 10_000;
    private const int Visitors = 16;
    private const int Kills = 8;
    private const int Times = 700;

    private readonly ConcurrentDictionary<string, bool> held = new();
    private readonly ConcurrentBag<string> cancelled = [];
    private readonly ConcurrentDictionary<HttpStatusCode, int> answers = new();
    private int tried;
    private volatile LockstepProcess program = null!;

    [Fact]
    public async Task Ten_thousand_tries_with_kills_and_no_time_is_given_twice()
    {
        await using var installation = new Installation();
        installation.Environment["LOCKSTEP_RATE_LIMIT"] = "1000000";
        installation.Environment["LOCKSTEP_BOOKING_LIMIT"] = "1000000";
        program = await installation.ServeAsync();
        await PublishAsync(program.Client(await installation.TokenAsync("owner@example.com")));

        var clock = Stopwatch.StartNew();
        using var kill = new SemaphoreSlim(1, 1);
        var visitors = Enumerable.Range(0, Visitors).Select(i => Task.Run(() => VisitAsync(new Random(i), i))).ToArray();
        for (var done = 1; done <= Kills; done++)
        {
            var until = done * Tries / (Kills + 1);
            await LockstepProcess.EventuallyAsync(() => Volatile.Read(ref tried) >= until || visitors.Any(visitor => visitor.IsCompleted), $"{until} tries");
            var killed = program;
            await killed.KillAsync();
            await installation.NothingRunsAsync();
            program = await installation.ServeAsync();
        }
        await Task.WhenAll(visitors);

        var twice = await installation.ScalarAsync<long>(
            """
            SELECT count(*) FROM lockstep.bookings a JOIN lockstep.bookings b ON a.id < b.id AND a.user_id = b.user_id
            WHERE  a.status = 'confirmed' AND b.status = 'confirmed' AND a.starts_at < b.ends_at AND b.starts_at < a.ends_at
            """);
        var confirmed = await installation.ScalarAsync<long>("SELECT count(*) FROM lockstep.bookings WHERE status = 'confirmed'");
        var events = await installation.ScalarAsync<long>("SELECT count(*) FROM lockstep.events WHERE NOT deleted");
        var astray = await installation.ScalarAsync<long>(
            """
            SELECT count(*) FROM lockstep.bookings b JOIN lockstep.events e ON e.id = b.event_id
            WHERE  (b.status = 'confirmed') = e.deleted OR (b.status = 'confirmed' AND (b.starts_at, b.ends_at) <> (e.starts_at, e.ends_at))
            """);
        output.WriteLine($"{tried} tries to take one of {Times} times by {Visitors} visitors, {Kills} kills, {clock.Elapsed.TotalSeconds:0} s: {twice} times given twice, {confirmed} bookings stand, {held.Count} of them acknowledged, {cancelled.Count} cancelled; {astray} events astray.");
        output.WriteLine(string.Join(", ", answers.OrderBy(answer => answer.Key).Select(answer => $"{(int)answer.Key}: {answer.Value}")));
        twice.ShouldBe(0);
        astray.ShouldBe(0);
        events.ShouldBe(confirmed);
        // Every acknowledged one stands; one that was cut off before its answer is sent again, so it is acknowledged too.
        confirmed.ShouldBe(held.Count);
        using var visitor = program.Client(null);
        foreach (var link in held.Keys)
            (await visitor.GetStringAsync(link)).ShouldMatch("<h2[^>]*>It is (booked|moved)</h2>");
    }

    private static async Task PublishAsync(HttpClient owner)
    {
        var body = new JsonObject
        {
            ["publicSlug"] = "popular",
            ["isPublic"] = true,
            ["timezone"] = "Europe/Berlin",
            ["settings"] = new JsonObject
            {
                ["workingHours"] = new JsonObject { ["days"] = new JsonArray(1, 2, 3, 4, 5, 6, 7), ["start"] = "00:00", ["end"] = "24:00" },
                ["booking"] = new JsonObject { ["enabled"] = true },
            },
        };
        await owner.PutAsJsonAsync("/v1/provider", body).ShouldBeAsync(HttpStatusCode.OK);
    }

    private async Task VisitAsync(Random random, int number)
    {
        string? key = null;
        // From two days ahead on, in half hours: all of them are offered.
        var first = Instant.FromUnixTimeSeconds(((SystemClock.Instance.GetCurrentInstant() + Duration.FromDays(2)).ToUnixTimeSeconds() / 1800) * 1800);
        string Time() => InstantPattern.General.Format(first + Duration.FromMinutes(30 * random.Next(Times)));
        for (var mine = 0; Interlocked.Increment(ref tried) <= Tries; mine++)
        {
            if (random.Next(10) < 3 && held.Keys.Skip(random.Next(20)).FirstOrDefault() is { } link && held.TryRemove(link, out _))
            {
                if (random.Next(2) == 0)
                {
                    await SendAsync($"{link}/cancel", []);
                    cancelled.Add(link);
                }
                else
                {
                    await SendAsync($"{link}/move", new() { ["at"] = Time() });
                    held[link] = true;
                }
                continue;
            }
            key ??= await KeyAsync(Time());
            if (key is null)
                continue;
            var (status, location) = await SendAsync("/c/popular/book", new()
            {
                ["at"] = Time(),
                ["name"] = $"Visitor {number}",
                ["contact"] = $"v{number}-{mine}@example.com",
                ["tz"] = "Europe/Berlin",
                ["key"] = key,
            });
            if (status == HttpStatusCode.SeeOther)
            {
                held[location!].ShouldBe(true);
                key = null;
            }
        }
    }

    private async Task<string?> KeyAsync(string at)
    {
        while (true)
            try
            {
                using var client = Client();
                using var answer = await client.GetAsync($"/c/popular/book?at={at}");
                return Key().Match(await answer.Content.ReadAsStringAsync()) is { Success: true } match ? match.Groups[1].Value : null;
            }
            catch (Exception e) when (e is HttpRequestException or IOException or TaskCanceledException)
            {
                await ComesBackAsync();
            }
    }

    /// <summary>Sends the form again as it is until there is an answer, as a browser does when one presses the button once more.</summary>
    private async Task<(HttpStatusCode, string?)> SendAsync(string path, Dictionary<string, string> form)
    {
        while (true)
            try
            {
                using var client = Client();
                using var answer = await client.PostAsync(path, new FormUrlEncodedContent(form));
                answers.AddOrUpdate(answer.StatusCode, 1, (_, count) => count + 1);
                if (answer.StatusCode == HttpStatusCode.SeeOther && path.EndsWith("/book", StringComparison.Ordinal))
                    held[answer.Headers.Location!.ToString()] = true;
                if ((int)answer.StatusCode < 500)
                    return (answer.StatusCode, answer.Headers.Location?.ToString());
            }
            catch (Exception e) when (e is HttpRequestException or IOException or TaskCanceledException)
            {
                await ComesBackAsync();
            }
    }

    private HttpClient Client() => program.Client(null, new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false });

    private async Task ComesBackAsync()
    {
        var gone = program;
        await LockstepProcess.EventuallyAsync(() => program != gone || !gone.Ended.IsCompleted, "the program is back");
    }

    [GeneratedRegex("name=\"key\" value=\"([^\"]+)\"")]
    private static partial Regex Key();
}
