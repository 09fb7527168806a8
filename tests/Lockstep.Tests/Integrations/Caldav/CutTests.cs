using System.Globalization;
using System.Net;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Integrations.Caldav;

/// <summary>How a connection is cut at a request.</summary>
public enum Cut
{
    /// <summary>Once, before the server sees it; the next request passes.</summary>
    OnceBefore,

    /// <summary>Once, after the server has done it.</summary>
    OnceAfter,

    /// <summary>Before the server sees it, and the server stays away for the rest of the run.</summary>
    AwayBefore,

    /// <summary>After the server has done it, and it stays away.</summary>
    AwayAfter,

    /// <summary>In the middle of the answer, and it stays away.</summary>
    AwayAmidst,
}

/// <summary>
/// A sync with work in both directions, cut at its k-th request, for every k: once it can go on, both sides have the same, nothing
/// is lost, nothing is there twice, no conflict is made up, and it does not take many more requests than without the cut.
/// </summary>
public sealed class CutTests(TwoServers servers, ITestOutputHelper output) : IClassFixture<TwoServers>
{
    private const int MostRuns = 4;

    private static readonly string[] Expected = ["there new", "here new", "there 1 changed there", "here 2 changed here", "kept", "moved name"];

    private static int made;

    /// <summary>The first request, one in the reading part, and those of the writing part.</summary>
    [Theory]
    [InlineData(Dav.Radicale, Cut.OnceAfter)]
    [InlineData(Dav.Radicale, Cut.AwayAfter)]
    [InlineData(Dav.Xandikos, Cut.AwayBefore)]
    [InlineData(Dav.Xandikos, Cut.AwayAfter)]
    public async Task A_sync_that_is_cut_at_a_few_requests_converges(Dav server, Cut cut)
    {
        var requests = await RequestsAsync(server);
        foreach (var at in new[] { 1, 3, requests - 3, requests - 1, requests })
            await CutAsync(server, cut, at, requests);
    }

    [Theory]
    [Trait("Category", "Long")]
    [InlineData(Dav.Radicale)]
    [InlineData(Dav.Xandikos)]
    public async Task A_sync_that_is_cut_at_any_request_converges(Dav server)
    {
        var requests = await RequestsAsync(server);
        foreach (var cut in Enum.GetValues<Cut>())
        {
            var most = (Requests: 0, Runs: 0);
            for (var at = 1; at <= requests; at++)
            {
                var cost = await CutAsync(server, cut, at, requests);
                most = (Math.Max(most.Requests, cost.Requests), Math.Max(most.Runs, cost.Runs));
            }
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{server}, {cut}: {requests} boundaries, all converged; at most {most.Requests} requests ({requests} without a cut), {most.Runs} runs"));
        }
    }

    [Theory]
    [Trait("Category", "Long")]
    [InlineData(Dav.Radicale)]
    [InlineData(Dav.Xandikos)]
    public async Task A_first_sync_that_is_cut_at_any_request_converges(Dav server)
    {
        foreach (var cut in Enum.GetValues<Cut>())
        {
            // One more than there are: that one is not cut.
            var boundaries = 0;
            for (var at = 1; ; at++)
            {
                var name = $"init{Interlocked.Increment(ref made)}";
                await servers.Other(server).MakeCalendarAsync(name, TestContext.Current.CancellationToken);
                for (var n = 0; n < 60; n++)
                    await servers.Other(server).PutAsync($"{name}/{n}.ics", DavProbe.Event($"{n}@{name}", $"E{n:00}"), TestContext.Current.CancellationToken);
                var hit = CutAt(servers.Proxy(server), cut, at);
                var calendar = await servers.ConnectAsync(server, name);
                await calendar.TriedAsync();
                if (!hit.Task.IsCompleted)
                    break;
                boundaries = at;
                calendar.Proxy.Reset();
                await calendar.SyncedAsync();
                calendar.Proxy.Seen.Count.ShouldBeLessThan(12);
                await calendar.ConvergedAsync([.. Enumerable.Range(0, 60).Select(n => $"E{n:00}")]);
            }
            output.WriteLine($"{server}, first sync of 60 events, {cut}: {boundaries} boundaries, all converged");
        }
    }

    /// <summary>How many requests the sync takes when nothing is cut.</summary>
    private async Task<int> RequestsAsync(Dav server)
    {
        var calendar = await ArrangedAsync(server);
        await calendar.SyncedAsync();
        var requests = calendar.Proxy.Seen.Count;
        await calendar.ConvergedAsync(Expected);
        return requests;
    }

    private async Task<(int Requests, int Runs)> CutAsync(Dav server, Cut cut, int at, int requests)
    {
        var where = $"{server}, {cut} at request {at} of {requests}";
        var calendar = await ArrangedAsync(server);
        var hit = CutAt(calendar.Proxy, cut, at);
        await calendar.TriedAsync();
        hit.Task.IsCompleted.ShouldBeTrue(where);
        calendar.Proxy.Plan = null;
        var runs = 1;
        while ((await calendar.TriedAsync())["error"] is not null)
            (++runs).ShouldBeLessThan(MostRuns, where);
        var seen = calendar.Proxy.Seen.Count;
        seen.ShouldBeLessThan((requests * 2) + 15, where);
        await calendar.SyncedAsync();
        await calendar.ConvergedAsync(Expected);
        (await calendar.ConflictsAsync()).Count.ShouldBe(0, where);
        return (seen, runs + 1);
    }

    /// <summary>A calendar with something to be done in every way, all of it still to do.</summary>
    private async Task<SyncedCalendar> ArrangedAsync(Dav server)
    {
        var calendar = await servers.SyncedAsync(server, $"cut{Interlocked.Increment(ref made)}",
            ("1.ics", DavProbe.Event("1@cut", "there 1")), ("2.ics", DavProbe.Event("2@cut", "here 2")), ("3.ics", DavProbe.Event("3@cut", "there 3 deleted there")),
            ("4.ics", DavProbe.Event("4@cut", "here 4 deleted here")), ("5.ics", DavProbe.Event("5@cut", "kept")), ("6.ics", DavProbe.Event("6@cut", "moved name")));
        await calendar.PutAsync("1.ics", DavProbe.Event("1@cut", "there 1 changed there"));
        await calendar.PutAsync("new.ics", DavProbe.Event("new@cut", "there new"));
        await calendar.DeleteAsync("3.ics");
        await calendar.DeleteAsync("6.ics");
        await calendar.PutAsync("6b.ics", DavProbe.Event("6@cut", "moved name"));
        await calendar.EditAsync("here 2", "here 2 changed here");
        await calendar.RemoveAsync("here 4 deleted here");
        await calendar.Client.MakeEventAsync("here new");
        calendar.Proxy.Reset();
        return calendar;
    }

    /// <returns>Completes when the cut was made.</returns>
    private static TaskCompletionSource CutAt(FaultProxy proxy, Cut cut, int at)
    {
        var hit = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        proxy.Reset();
        proxy.Do(passing =>
        {
            if (passing.Number > at && cut is Cut.AwayBefore or Cut.AwayAfter or Cut.AwayAmidst && hit.Task.IsCompleted)
                return new Fault.CutBefore();
            if (passing.Number != at)
                return Fault.None;
            hit.TrySetResult();
            return cut switch
            {
                Cut.OnceBefore or Cut.AwayBefore => new Fault.CutBefore(),
                Cut.AwayAmidst => new Fault.Truncate(),
                _ => new Fault.CutAfter(),
            };
        });
        return hit;
    }
}
