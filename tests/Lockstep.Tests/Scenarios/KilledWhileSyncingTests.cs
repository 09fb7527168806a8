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

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private DavProbe Alice => radicale.As("alice");

    private DavGate Gate => gate!;

    public async ValueTask InitializeAsync()
    {
        await radicale.InitializeAsync();
        gate = new DavGate(radicale.Url);
        await gate.InitializeAsync();
        installation.Environment["LOCKSTEP_OUTBOUND_ALLOW"] = gate.HostPort;
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
        // More than one batch of the download.
        var there = Enumerable.Range(1, 130).Select(n => $"event {n:000}").ToList();
        foreach (var name in there)
            await PutAsync(name);
        var program = await installation.ServeAsync();
        var token = await installation.TokenAsync("you@example.com");
        var second = Gate.StopAt("REPORT", "calendar-multiget", 2, done: true);
        var id = (await program.Client(token).ConnectAsync(Gate.Url)).Id();
        await second.WaitAsync(TimeSpan.FromMinutes(1), Ct);

        var client = await KillAndStartAsync(program, token);
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

        foreach (var (method, done) in new[] { ("PUT", false), ("PUT", true), ("DELETE", false), ("DELETE", true) })
        {
            for (var n = 1; n <= 3; n++)
            {
                if (method == "PUT")
                {
                    await client.MakeEventAsync($"made here {done} {n}");
                    expected.Add($"made here {done} {n}");
                }
                else
                {
                    var gone = expected[0];
                    await client.DeleteAsync($"/v1/events/{(await client.EventAsync(gone)).Text("id")}", Ct).ShouldBeAsync(HttpStatusCode.NoContent);
                    expected.Remove(gone);
                }
            }
            var reached = Gate.StopAt(method, "", 2, done);
            await client.SyncAsync(id, wait: 0).ShouldBeAsync(HttpStatusCode.Accepted);
            await reached.WaitAsync(TimeSpan.FromMinutes(1), Ct);

            // Another client goes on while the program is dead.
            var meanwhile = $"made meanwhile {method} {done}";
            client = await KillAndStartAsync(program, token, () => PutAsync(meanwhile));
            program = running!;
            expected.Add(meanwhile);
            await client.SyncedAsync(id);
            await BothHaveAsync(client, expected);
        }
    }

    private LockstepProcess? running;

    private async Task<HttpClient> KillAndStartAsync(LockstepProcess program, string token, Func<Task>? meanwhile = null)
    {
        await program.KillAsync();
        await installation.NothingRunsAsync();
        if (meanwhile is not null)
            await meanwhile();
        running = await installation.ServeAsync();
        // The dead node's lease runs out after 30 s; that time passes here.
        await installation.ScalarAsync<long>(
            "WITH past AS (UPDATE lockstep.integrations SET lease_until = now() WHERE lease_owner IS NOT NULL RETURNING 1) SELECT count(*) FROM past");
        return running.Client(token);
    }

    private async Task BothHaveAsync(HttpClient client, List<string> summaries)
    {
        var there = new List<string>();
        foreach (var file in await Alice.ListAsync("work", Ct))
            there.Add(Summary().Match((await Alice.GetAsync($"work/{file}", Ct)).ShouldNotBeNull()).Groups[1].Value);
        var expected = summaries.Order(StringComparer.Ordinal).ToArray();
        there.Order(StringComparer.Ordinal).ShouldBe(expected);
        (await client.SummariesAsync()).ShouldBe(expected);
        (await installation.ScalarAsync<long>("SELECT count(*) FROM lockstep.sync_records WHERE app = 'calendar' AND table_name = 'events' AND NOT deleted"))
            .ShouldBe(expected.Length);
    }

    private Task PutAsync(string summary) => Alice.PutAsync(
        $"work/{Uri.EscapeDataString(summary)}.ics", DavProbe.Event($"{summary.Replace(' ', '-')}@example.com", summary), Ct);

    [GeneratedRegex(@"^SUMMARY:([^\r\n]*)", RegexOptions.Multiline)]
    private static partial Regex Summary();
}
