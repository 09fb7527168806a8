using System.Diagnostics;
using Lockstep.Bench.Load;
using Lockstep.Bench.Reporting;

namespace Lockstep.Bench.Caldav;

/// <summary>From connecting an account until all its events are here and in the change log.</summary>
internal sealed class FirstSync(House house, CalendarHost calendars, string name, int firstUser)
{
    public async Task<Row> Measure(BenchOptions options, Action<string> note, CancellationToken ct)
    {
        note($"{name}: warming up{(Vdirsyncer.Installed ? "" : "; vdirsyncer is not installed, so it is not compared (apt-get install -y --no-install-recommends vdirsyncer)")}");
        // A server reads every file on the first look and keeps what it found: that is its time, not the client's.
        await calendars.ReadAll(ct);
        using var trips = new RoundTrips();
        await using (await SyncedAccount.Connect(house, firstUser, calendars.Calendar, trips, ct))
        {
        }

        List<double> ours = [], roundTrips = [], plain = [], others = [];
        for (var round = 1; round <= options.Rounds; round++)
        {
            note($"{name}: round {round} of {options.Rounds}");
            await using (var account = await SyncedAccount.Connect(house, firstUser + round, calendars.Calendar, trips, ct))
            {
                ours.Add(account.Seconds);
                roundTrips.Add(account.RoundTrips);
            }
            var clock = Stopwatch.StartNew();
            await calendars.ReadAll(ct);
            plain.Add(clock.Elapsed.TotalSeconds);
            if (Vdirsyncer.Installed)
            {
                using var rival = await Vdirsyncer.Prepare(calendars.Calendar, ct);
                others.Add(await rival.Sync(ct));
            }
        }
        return new Row(name, $"first CalDAV sync, {BenchCalendar.Events:N0} events on {calendars.Name}", "s", "3x vdirsyncer", ours.Median(), ours.Min(), ours.Max(),
            [
                new Limit("one REPORT of everything", plain.Median(), Ratio(ours, plain)),
                others.Count == 0 ? new Limit("vdirsyncer sync", null, null) : new Limit("vdirsyncer sync", others.Median(), Ratio(ours, others)),
            ],
            null, null, roundTrips.Median());
    }

    private static double Ratio(List<double> ours, List<double> others) => ours.Zip(others, (mine, theirs) => theirs / mine).Median();
}
