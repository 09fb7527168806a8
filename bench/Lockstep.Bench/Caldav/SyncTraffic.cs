using Lockstep.Bench.Load;
using Lockstep.Bench.Reporting;

namespace Lockstep.Bench.Caldav;

/// <summary>What a first sync and idle ones cost on the wire; both programs through the same relay.</summary>
internal sealed class SyncTraffic(House house, CalendarHost calendars, Relay relay, int user)
{
    private const int Cycles = 100;
    private const int RivalCycles = 3;

    public async Task<IReadOnlyList<TrafficRow>> Measure(Action<string> note, CancellationToken ct)
    {
        note($"traffic on {calendars.Name}: {Cycles} idle cycles");
        var rows = new List<TrafficRow>();
        using var trips = new RoundTrips();
        var start = relay.Traffic;
        await using (var account = await SyncedAccount.Connect(house, user, relay.Before(calendars.Calendar), trips, ct))
        {
            var first = relay.Traffic;
            for (var i = 0; i < Cycles; i++)
                await account.Idle(ct);
            rows.Add(new TrafficRow(calendars.Name, "Lockstep", first - start, Cycles, relay.Traffic - first));
        }
        if (!Vdirsyncer.Installed)
            return rows;
        using var rival = await Vdirsyncer.Prepare(relay.Before(calendars.Calendar), ct);
        start = relay.Traffic;
        await rival.Sync(ct);
        var synced = relay.Traffic;
        for (var i = 0; i < RivalCycles; i++)
            await rival.Sync(ct);
        rows.Add(new TrafficRow(calendars.Name, "vdirsyncer", synced - start, RivalCycles, relay.Traffic - synced));
        return rows;
    }
}
