using System.Net;
using Lockstep.Server.Integrations;
using Lockstep.Server.Tenancy;
using Lockstep.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Integrations;

/// <summary>Leases, nodes that stop and start, and who works on what.</summary>
public sealed class WorkerTests(SyncedApp synced, PostgresServer postgres) : IClassFixture<SyncedApp>
{
    private CancellationToken Ct { get; } = TestContext.Current.CancellationToken;

    [Fact]
    public async Task From_its_start_the_server_takes_up_what_is_due()
    {
        await synced.Alice.MakeCalendarAsync("started", Ct);
        var id = (await synced.App.As("starter").ConnectAsync(synced.Radicale.Url, "/alice/started/", interval: 15)).Id();
        await synced.App.As("starter").UntilAsync(id, integration => integration["lastSyncAt"] is not null);
        await synced.App.StopAsync();
        await synced.Alice.PutAsync("started/a.ics", DavProbe.Event("a@started", "Made meanwhile"), Ct);
        await DueAsync(id);

        await synced.App.RestartAsync();

        var client = synced.App.As("starter");
        await client.UntilAsync(id, integration => integration.Text("nextSyncAt").CompareTo(Now()) > 0);
        (await client.SummariesAsync()).ShouldBe(["Made meanwhile"]);
    }

    [Fact]
    public async Task Two_nodes_share_the_work_and_never_do_it_twice()
    {
        await synced.Alice.MakeCalendarAsync("shared", Ct);
        var client = synced.App.As("shared");
        var id = (await client.ConnectAsync(synced.Radicale.Url, "/alice/shared/")).Id();
        await client.SyncedAsync(id);
        await using var second = new LockstepApp(postgres) { ExistingDatabase = synced.App.Database, Keys = synced.App.Keys };
        second.Allow(synced.Radicale.Url);
        await second.InitializeAsync();

        for (var i = 0; i < 10; i++)
        {
            await synced.Alice.PutAsync($"shared/{i}.ics", DavProbe.Event($"{i}@shared", $"S{i}"), Ct);
            await second.As("shared").SyncedAsync(id);
        }

        (await client.SummariesAsync()).Length.ShouldBe(10);
        var log = (await client.GetAsync($"/v1/integrations/{id}/sync-log").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray();
        log.Sum(entry => entry!.Count("itemsPulled")).ShouldBe(10);
        (await synced.App.ScalarAsync<long>("SELECT count(*) FROM lockstep.sync_conflicts WHERE integration_id = $1", id)).ShouldBe(0);
    }

    [Fact]
    public async Task Only_one_node_gets_a_lease_and_a_result_without_it_is_not_taken()
    {
        await using var database = await OwnDatabaseAsync();
        var (one, two) = (new DueWork(database.Serving, "one"), new DueWork(database.Serving, "two"));

        var work = (await one.Claim(10, Ct)).ShouldHaveSingleItem();
        (await two.Claim(10, Ct)).ShouldBeEmpty();
        (await one.Renew(work, Ct)).ShouldBeTrue();
        await database.ExecuteAsync("UPDATE lockstep.integrations SET lease_until = now() - interval '1 second'");
        var taken = (await two.Claim(10, Ct)).ShouldHaveSingleItem();

        taken.Fence.ShouldBeGreaterThan(work.Fence);
        (await one.Renew(work, Ct)).ShouldBeFalse();
        var report = new SyncReport(1, 0, null, TimeSpan.Zero, 1);
        (await one.Finish(work, report, new NextRun(TimeSpan.FromHours(1), null, null), Ct)).ShouldBeFalse();
        (await database.ScalarAsync("SELECT count(*) FROM lockstep.sync_log")).ShouldBe(0);
        (await two.Finish(taken, report, new NextRun(TimeSpan.FromHours(1), null, null), Ct)).ShouldBeTrue();
        (await database.ScalarAsync("SELECT count(*) FROM lockstep.sync_log")).ShouldBe(1);
        (await two.Claim(10, Ct)).ShouldBeEmpty();
    }

    [Fact]
    public async Task Work_that_is_handed_back_keeps_the_id_that_was_promised()
    {
        await using var database = await OwnDatabaseAsync();
        var promised = Guid.CreateVersion7();
        await database.ExecuteAsync($"UPDATE lockstep.integrations SET requested_run = '{promised}'");
        var due = new DueWork(database.Serving, "one");

        var work = (await due.Claim(10, Ct)).ShouldHaveSingleItem();
        work.Run.ShouldBe(promised);
        await due.HandBack(work, TimeSpan.Zero, Ct);

        (await due.Claim(10, Ct)).ShouldHaveSingleItem().Run.ShouldBe(promised);
    }

    [Fact]
    public async Task The_log_keeps_two_hundred_runs_and_the_last_five_errors()
    {
        await using var database = await OwnDatabaseAsync();
        var due = new DueWork(database.Serving, "one");
        for (var run = 0; run < 220; run++)
        {
            var work = (await due.Claim(1, Ct)).ShouldHaveSingleItem();
            var failure = run < 8 ? new SyncFailure(FailureKind.Transient, "x", $"Error {run}.") : null;
            await due.Finish(work, new SyncReport(0, 0, failure, TimeSpan.Zero, 1), new NextRun(TimeSpan.Zero, null, null), Ct);
        }

        (await database.ScalarAsync("SELECT count(*) FROM lockstep.sync_log WHERE error IS NULL")).ShouldBe(200);
        (await database.ScalarAsync("SELECT count(*) FROM lockstep.sync_log WHERE error IN ('Error 3.', 'Error 4.', 'Error 5.', 'Error 6.', 'Error 7.')")).ShouldBe(5);
        (await database.ScalarAsync("SELECT count(*) FROM lockstep.sync_log")).ShouldBe(205);
    }

    [Fact]
    public async Task A_disabled_integration_is_left_alone()
    {
        await synced.Alice.MakeCalendarAsync("off", Ct);
        var client = synced.App.As("off");
        var id = (await client.ConnectAsync(synced.Radicale.Url, "/alice/off/", interval: 15)).Id();
        await client.SyncedAsync(id);

        (await client.PatchAsync(id, """{"enabled":false}""").ShouldBeAsync(HttpStatusCode.OK)).Text("status").ShouldBe("disabled");

        await client.SyncAsync(id).ShouldBeProblemAsync(409, "integration_disabled");
        (await synced.App.Services.GetRequiredService<DueWork>().Claim(100, Ct)).ShouldNotContain(work => work.Id == new IntegrationId(id));
    }

    [Fact]
    public async Task The_server_stops_in_the_middle_of_a_sync_and_goes_on_where_it_was()
    {
        await synced.Alice.MakeCalendarAsync("stopped", Ct);
        for (var i = 0; i < 60; i++)
            await synced.Alice.PutAsync($"stopped/{i}.ics", DavProbe.Event($"{i}@stopped", $"T{i:00}"), Ct);
        var client = synced.App.As("stopper");
        var id = (await client.ConnectAsync(synced.Radicale.Url, "/alice/stopped/")).Id();

        await synced.App.RestartAsync();

        client = synced.App.As("stopper");
        await client.UntilAsync(id, integration => integration["lastSyncAt"] is not null);
        (await client.SummariesAsync()).Length.ShouldBe(60);
        (await synced.App.ScalarAsync<long>("SELECT count(*) FROM lockstep.integrations WHERE id = $1 AND lease_owner IS NOT NULL", id)).ShouldBe(0);
    }

    [Fact]
    public async Task The_one_node_of_a_private_database_need_not_wait_for_leases_of_the_dead()
    {
        await using var database = await OwnDatabaseAsync();
        await new DueWork(database.Serving, "dead").Claim(10, Ct);
        var due = new DueWork(database.Serving, "born");

        (await due.Claim(10, Ct)).ShouldBeEmpty();
        (await due.ReleaseAll(Ct)).ShouldBe(1);
        (await due.ReleaseAll(Ct)).ShouldBe(0);
        (await due.Claim(10, Ct)).ShouldHaveSingleItem();
    }

    [Fact]
    public async Task The_overview_counts_every_state_and_what_waits()
    {
        await using var database = await OwnDatabaseAsync();
        var due = new DueWork(database.Serving, "one");
        await database.ExecuteAsync("UPDATE lockstep.integrations SET next_sync_at = now() - interval '90 seconds'");
        var waiting = await Active();
        (waiting with { Waited = 0 }).ShouldBe(new WorkState("active", 1, 0, 1, 0));
        waiting.Waited.ShouldBeInRange(90, 120);

        var work = (await due.Claim(10, Ct)).ShouldHaveSingleItem();
        (await Active()).ShouldBe(new WorkState("active", 1, 1, 0, 0));

        await due.Finish(work, SyncReport.Failed(new SyncFailure(FailureKind.Unauthorized, "x", "X.")), new NextRun(TimeSpan.Zero, PauseReasons.Unauthorized, null), Ct);
        var states = await due.Overview(Ct);
        states.Count.ShouldBe(4);
        states.Single(state => state.State == "paused").Integrations.ShouldBe(1);
        states.Sum(state => state.Overdue).ShouldBe(0);

        async Task<WorkState> Active() => (await due.Overview(Ct)).Single(state => state.State == "active");
    }

    [Fact]
    public async Task Metrics_tell_how_the_work_stands()
    {
        // A duration is told once there is one.
        var client = synced.App.As("measured");
        await client.SyncedAsync((await client.ConnectAsync(new FakeCalendar(synced.Fake, "/measured/").Url, "/measured/")).Id());
        var text = "";
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        for (var look = 0; look < 600 && !text.Contains("lockstep_sync_overdue ", StringComparison.Ordinal); look++)
        {
            await tick.WaitForNextTickAsync(Ct);
            text = await synced.App.Anonymous().GetStringAsync("/metrics", Ct);
        }

        text.ShouldContain("# TYPE lockstep_sync_integrations gauge");
        foreach (var state in new[] { "active", "error", "paused", "disabled" })
            text.ShouldContain($"lockstep_sync_integrations{{state=\"{state}\"}} ");
        text.ShouldContain("lockstep_sync_overdue_longest_seconds ");
        text.ShouldContain("lockstep_sync_running ");
        text.ShouldContain("le=\"600\"");
    }

    private Task<long> DueAsync(Guid id) => synced.App.ScalarAsync<long>(
        "WITH u AS (UPDATE lockstep.integrations SET next_sync_at = now() WHERE id = $1 RETURNING 1) SELECT count(*) FROM u", id);

    private static string Now() => TimeProvider.System.GetUtcNow().ToString("yyyy-MM-ddTHH:mm:ss.fffffff", System.Globalization.CultureInfo.InvariantCulture);

    private Task<OneIntegration> OwnDatabaseAsync() => OneIntegration.CreateAsync(postgres);
}
