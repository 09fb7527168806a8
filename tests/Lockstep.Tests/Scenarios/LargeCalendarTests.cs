using System.Diagnostics;
using System.Globalization;
using Lockstep.Tests.Integrations;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Scenarios;

/// <summary>A calendar of 50,000 events on a real Radicale, whose files are written past it.</summary>
public sealed class LargeCalendarTests : IAsyncLifetime
{
    private const int Events = 50_000;

    private readonly RadicaleServer radicale = new() { InMemory = true };
    private readonly Installation installation = new();
    private DavGate? gate;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        await radicale.InitializeAsync();
        await radicale.As("alice").MakeCalendarAsync("large", Ct);
        await Parallel.ForEachAsync(Enumerable.Range(0, Events), Ct, async (i, ct) =>
            await File.WriteAllTextAsync(Path.Combine(radicale.CalendarFolder("alice", "large"), $"{i}.ics"), Ics(i), ct));
    }

    public async ValueTask DisposeAsync()
    {
        await installation.DisposeAsync();
        if (gate is not null)
            await gate.DisposeAsync();
        await radicale.DisposeAsync();
    }

    [Fact]
    [Trait("Category", "Long")]
    public async Task Fifty_thousand_events_are_read_in_flat_memory_and_a_kill_halfway_fetches_no_more_than_a_page_again()
    {
        // Radicale reads every file at the first look, which takes longer than anybody waits for one answer; another client has looked.
        var clock = Stopwatch.StartNew();
        await radicale.As("alice").WaitForAsync("large", TimeSpan.FromMinutes(20), Ct);
        Say($"Radicale's own first look at {Events:N0} files: {clock.Elapsed.TotalSeconds:0} s, not part of the sync");
        gate = new DavGate(radicale.Url);
        await gate.InitializeAsync();
        installation.Environment["LOCKSTEP_OUTBOUND_ALLOW"] = $"{radicale.HostPort},{gate.HostPort}";

        // Whole.
        var program = await installation.ServeAsync();
        var client = program.Client(await installation.TokenAsync("whole@example.com"));
        var idle = program.Memory;
        clock.Restart();
        var whole = (await client.ConnectAsync(radicale.Url, "/alice/large/")).Id();
        await MirroredAsync(Events, TimeSpan.FromMinutes(30));
        var took = clock.Elapsed;
        await FinishedAsync(client, whole);
        var after = program.Memory;
        Say($"first sync of {Events:N0}: {took.TotalSeconds:0.0} s, {Events / took.TotalSeconds:N0} events/s; resident memory {Mega(idle.Now)} MB before, {Mega(after.Most)} MB at most, {Mega(after.Now)} MB after");
        await CompleteAsync("whole@example.com");

        // The same for somebody else, killed halfway and resumed.
        var halved = program.Client(await installation.TokenAsync("halved@example.com"));
        var id = (await halved.ConnectAsync(radicale.Url, "/alice/large/")).Id();
        await MirroredAsync(Events + (Events / 2), TimeSpan.FromMinutes(30));
        await program.KillAsync();
        await installation.NothingRunsAsync();
        program = await installation.ServeAsync();
        halved = program.Client(await installation.TokenAsync("halved@example.com"));
        var kept = await installation.ScalarAsync<long>("SELECT count(*) FROM lockstep.calendar_objects") - Events;
        clock.Restart();
        await MirroredAsync(2 * Events, TimeSpan.FromMinutes(30));
        await FinishedAsync(halved, id);
        var pulled = await installation.ScalarAsync<long>($"SELECT sum(items_pulled) FROM lockstep.sync_log WHERE integration_id = '{id}'");
        Say($"killed with {kept:N0} of {Events:N0} here; resumed in {clock.Elapsed.TotalSeconds:0.0} s, {pulled:N0} pulled after the kill, {kept + pulled - Events:N0} of them twice; resident memory {Mega(program.Memory.Most)} MB at most");
        await CompleteAsync("halved@example.com");
        (kept + pulled - Events).ShouldBe(0);
        after.Most.ShouldBeLessThan(600L << 20);
    }

    private static async Task FinishedAsync(HttpClient client, Guid id) =>
        await client.UntilAsync(id, integration => integration["lastSyncAt"] is not null);

    /// <summary>Nothing lost, nothing doubled: in the mirror, among the events, in the change log.</summary>
    private async Task CompleteAsync(string user)
    {
        var owned = $"(SELECT id FROM auth.users WHERE email = '{user}')";
        foreach (var table in new[] { "lockstep.calendar_objects", "lockstep.events" })
        {
            (await installation.ScalarAsync<long>($"SELECT count(*) FROM {table} WHERE user_id = {owned}")).ShouldBe(Events, table);
            (await installation.ScalarAsync<long>($"SELECT count(DISTINCT uid) FROM {table} WHERE user_id = {owned}")).ShouldBe(Events, table);
        }
        (await installation.ScalarAsync<long>($"SELECT count(*) FROM lockstep.sync_records WHERE NOT deleted AND user_id = {owned}")).ShouldBe(Events);
        (await installation.ScalarAsync<long>($"SELECT count(*) FROM lockstep.sync_changes WHERE op = 'insert' AND user_id = {owned}")).ShouldBe(Events);
    }

    private async Task MirroredAsync(long objects, TimeSpan patience)
    {
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(500));
        var began = TimeProvider.System.GetTimestamp();
        while (await installation.ScalarAsync<long>("SELECT count(*) FROM lockstep.calendar_objects") is var now && now < objects)
        {
            TimeProvider.System.GetElapsedTime(began).ShouldBeLessThan(patience, $"{now} of {objects}");
            await tick.WaitForNextTickAsync(Ct);
        }
    }

    private static string Ics(int i) => string.Create(CultureInfo.InvariantCulture,
        $"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Example//Large//EN\r\nBEGIN:VEVENT\r\nUID:large-{i}@example.com\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:{new DateOnly(2020, 1, 1).AddDays(i % 3650):yyyyMMdd}T{8 + (i % 10):00}0000Z\r\nDURATION:PT45M\r\nSUMMARY:Appointment {i}\r\nDESCRIPTION:Agenda\\, notes and what was decided last time.\r\n{(i % 20 == 0 ? "RRULE:FREQ=WEEKLY;COUNT=20\r\n" : "")}END:VEVENT\r\nEND:VCALENDAR\r\n");

    private static string Mega(long bytes) => (bytes >> 20).ToString(CultureInfo.InvariantCulture);

    private static void Say(FormattableString text) => Console.WriteLine(FormattableString.Invariant(text));
}
