using System.Net;
using System.Text.RegularExpressions;
using Lockstep.Tests.Integrations;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Scenarios;

/// <summary>SIGKILL to the program at chosen moments of a sync with a real Radicale; the gate between the two makes the moment certain.</summary>
public sealed partial class KilledWhileSyncingTests : IAsyncLifetime
{
    private readonly RadicaleServer radicale = new();
    private readonly Installation installation = new();
    private DavGate? gate;
    private LockstepProcess? running;

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private DavProbe Alice => radicale.As("alice");

    private DavGate Gate => gate!;

    public async ValueTask InitializeAsync()
    {
        await radicale.InitializeAsync();
        gate = new DavGate(radicale.Url);
        await gate.InitializeAsync();
        installation.Environment["LOCKSTEP_OUTBOUND_ALLOW"] = gate.HostPort;
        // The test says when its edits are written.
        installation.Environment["LOCKSTEP_PUSH_DELAY"] = "86400";
        await Alice.MakeCalendarAsync("work", Ct);
    }

    public async ValueTask DisposeAsync()
    {
        await installation.DisposeAsync();
        await Gate.DisposeAsync();
        await radicale.DisposeAsync();
    }

    [Fact]
    public async Task A_kill_while_a_calendar_is_downloaded_loses_and_doubles_no_event()
    {
        // A full page of the first read is stored by the kill; what the kill leaves to fetch is most of it.
        var there = Enumerable.Range(1, 450).Select(n => $"event {n:000}").ToList();
        await PutAllAsync(there);
        var program = await installation.ServeAsync();
        var token = await installation.TokenAsync("you@example.com");
        var read = Gate.StopAt("REPORT", "sync-collection", 1, StopMoment.HalfTheAnswer);
        var id = (await program.Client(token).ConnectAsync(Gate.Url)).Id();
        await read.WaitAsync(Patience, Ct);
        await UntilMirroredAsync(100);

        var fetched = Gate.StopAt("REPORT", "calendar-query", 1, StopMoment.HalfTheAnswer);
        await KillAndStartAsync(program, token);
        await fetched.WaitAsync(Patience, Ct);

        var client = await KillAndStartAsync(running!, token);
        await client.SyncedAsync(id);

        await BothHaveAsync(client, there);
    }

    [Fact]
    public async Task Kills_while_events_are_written_lose_and_double_none()
    {
        var expected = Enumerable.Range(1, 10).Select(n => $"event {n:000}").ToList();
        foreach (var name in expected)
            await PutAsync(name);
        var program = await installation.ServeAsync();
        var token = await installation.TokenAsync("you@example.com");
        var client = program.Client(token);
        var id = (await client.ConnectAsync(Gate.Url)).Id();
        await client.SyncedAsync(id);

        foreach (var (method, moment) in new[]
                 {
                     ("PUT", StopMoment.BeforeTheServer), ("PUT", StopMoment.BeforeTheAnswer),
                     ("DELETE", StopMoment.BeforeTheServer), ("DELETE", StopMoment.BeforeTheAnswer),
                 })
        {
            for (var n = 1; n <= 3; n++)
            {
                if (method == "PUT")
                {
                    await client.MakeEventAsync($"made here {moment} {n}");
                    expected.Add($"made here {moment} {n}");
                }
                else
                {
                    var gone = expected[0];
                    await client.DeleteAsync($"/v1/events/{(await client.EventAsync(gone)).Text("id")}", Ct).ShouldBeAsync(HttpStatusCode.NoContent);
                    expected.Remove(gone);
                }
            }
            var reached = Gate.StopAt(method, "", 2, moment);
            await client.SyncAsync(id, wait: 0).ShouldBeAsync(HttpStatusCode.Accepted);
            await reached.WaitAsync(Patience, Ct);

            // Another client goes on while the program is dead.
            var meanwhile = $"made meanwhile {method} {moment}";
            client = await KillAndStartAsync(program, token, () => PutAsync(meanwhile));
            program = running!;
            expected.Add(meanwhile);
            await client.SyncedAsync(id);
            await BothHaveAsync(client, expected);
        }
    }

    private async Task<HttpClient> KillAndStartAsync(LockstepProcess program, string token, Func<Task>? meanwhile = null)
    {
        await program.KillAsync();
        await installation.NothingRunsAsync();
        if (meanwhile is not null)
            await meanwhile();
        // The dead node's lease would run out after 30 s; on a database of its own the program need not wait.
        running = await installation.ServeAsync();
        return running.Client(token);
    }

    private async Task BothHaveAsync(HttpClient client, List<string> summaries)
    {
        var expected = summaries.Order(StringComparer.Ordinal).ToArray();
        // Radicale answers a GET of the whole calendar with all that is in it.
        Summary().Matches((await Alice.GetAsync("work/", Ct)).ShouldNotBeNull()).Select(match => match.Groups[1].Value).Order(StringComparer.Ordinal).ShouldBe(expected);
        (await Alice.ListAsync("work", Ct)).Count.ShouldBe(expected.Length);
        (await client.SummariesAsync()).ShouldBe(expected);
        (await installation.ScalarAsync<long>("SELECT count(*) FROM lockstep.sync_records WHERE app = 'calendar' AND table_name = 'events' AND NOT deleted"))
            .ShouldBe(expected.Length);
    }

    private async Task UntilMirroredAsync(long objects)
    {
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        for (var look = 0; await installation.ScalarAsync<long>("SELECT count(*) FROM lockstep.calendar_objects") < objects; look++)
        {
            look.ShouldBeLessThan(600);
            await tick.WaitForNextTickAsync(Ct);
        }
    }

    /// <summary>A whole calendar in one request, as Radicale takes it.</summary>
    private Task PutAllAsync(IEnumerable<string> summaries) => Alice.PutAsync("work/",
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Example//Probe//EN\r\n" + string.Concat(summaries.Select(Vevent)) + "END:VCALENDAR\r\n", Ct);

    private static string Vevent(string summary)
    {
        var whole = Ics(summary);
        var begin = whole.IndexOf("BEGIN:VEVENT", StringComparison.Ordinal);
        return whole[begin..whole.IndexOf("END:VCALENDAR", StringComparison.Ordinal)];
    }

    private static string Ics(string summary) => DavProbe.Event($"{summary.Replace(' ', '-')}@example.com", summary);

    private Task PutAsync(string summary) => Alice.PutAsync(
        $"work/{Uri.EscapeDataString(summary)}.ics", Ics(summary), Ct);

    [GeneratedRegex(@"^SUMMARY:([^\r\n]*)", RegexOptions.Multiline)]
    private static partial Regex Summary();
}
