using System.Net;
using Lockstep.Tests.Calendaring.ICalendar;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Integrations;

/// <summary>Files that real programs wrote, through a real server.</summary>
public sealed class RealFilesTests(SyncedApp synced, ITestOutputHelper output) : IClassFixture<SyncedApp>
{
    private CancellationToken Ct { get; } = TestContext.Current.CancellationToken;

    [Fact]
    public async Task Whatever_Radicale_takes_of_real_files_is_here_after_one_sync_with_every_line_and_stays_untouched()
    {
        await synced.Alice.MakeCalendarAsync("real", Ct);
        var taken = new Dictionary<string, string>();
        foreach (var file in CalendarFiles.All)
        {
            var items = 0;
            foreach (var ics in CalendarSplitter.Split(file))
            {
                var name = $"{Path.GetFileNameWithoutExtension(file)}-{++items}.ics";
                if (await synced.Alice.TryPutAsync("real/" + name, ics, Ct))
                    taken[name] = Path.GetFileName(file);
            }
        }
        output.WriteLine($"Radicale took {taken.Count} resources of {taken.Values.Distinct().Count()} files.");
        if (CalendarFiles.Shared is not null)
            taken.Values.Distinct().Count().ShouldBeGreaterThanOrEqualTo(90);
        var client = synced.App.As("real");
        var id = (await client.ConnectAsync(synced.Radicale.Url, "/alice/real/")).Id();
        await client.SyncedAsync(id);

        var kept = await Kept(id);
        kept.Keys.ShouldBe(taken.Keys, ignoreOrder: true);
        foreach (var (name, (state, ics)) in kept)
        {
            // Without an event it is kept aside; with one, it is an event of ours with the server's own lines.
            var there = (await synced.Alice.GetAsync("real/" + Uri.EscapeDataString(name), Ct))!.ReplaceLineEndings("\n");
            state.ShouldBe(there.Contains("BEGIN:VEVENT", StringComparison.Ordinal) ? "clean" : "quarantined", name);
            ics.ReplaceLineEndings("\n").TrimEnd().ShouldBe(there.TrimEnd(), name);
        }
        var again = await client.SyncedAsync(id);
        (again.Count("itemsPulled"), again.Count("itemsPushed")).ShouldBe((0, 0));
        await client.GetAsync("/v1/events?from=1950-01-01T00:00:00Z&to=2100-01-01T00:00:00Z&limit=200").ShouldBeAsync(HttpStatusCode.OK);
    }

    private async Task<Dictionary<string, (string State, string Ics)>> Kept(Guid integration)
    {
        var rows = await synced.App.ScalarAsync<string[]>(
            """
            SELECT array_agg(o.href || E'\n' || o.state || E'\n' || coalesce(e.ics, o.ics))
            FROM   lockstep.calendar_objects o JOIN lockstep.calendars c ON c.id = o.calendar_id LEFT JOIN lockstep.events e ON e.id = o.event_id
            WHERE  c.integration_id = $1
            """, integration);
        return rows.Select(row => row.Split('\n', 3)).ToDictionary(
            row => Uri.UnescapeDataString(row[0][(row[0].LastIndexOf('/') + 1)..]), row => (row[1], row[2]));
    }
}
