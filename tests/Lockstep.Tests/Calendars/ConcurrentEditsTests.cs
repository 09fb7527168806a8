using System.Collections.Immutable;
using Lockstep.Server.Calendars;
using Lockstep.Server.ChangeSync;
using Lockstep.Server.Tenancy;
using NodaTime;
using Shouldly;
using Xunit;
using static Lockstep.Tests.Calendars.CalendarWorld;

namespace Lockstep.Tests.Calendars;

public sealed class ConcurrentEditsTests(CalendarWorld world) : IClassFixture<CalendarWorld>
{
    [Fact]
    public async Task Edits_pushes_pages_and_writes_at_once_end_in_one_state_that_all_tables_tell()
    {
        var user = await world.NewUser();
        var calendar = await world.ConnectOne(user);
        await world.Apply(user, calendar, [.. Enumerable.Range(0, 5).Select(i => Remote(i, "Start", 0))]);
        var ids = (await CalendarMirror.Objects(user, calendar, Ct)).Select(o => o.Event!.Value).ToList();

        await Task.WhenAll(
            Rounds(async i => await world.Edit(user, ids[i % 5], new EventBody { Summary = $"Edit {i}" })),
            Rounds(async i => await Push(ids[(i + 2) % 5], i)),
            Rounds(async i => await world.Apply(user, calendar, [.. Enumerable.Range(0, 5).Select(n => Remote(n, $"Page {i}", i + 1))])),
            Rounds(async i =>
            {
                foreach (var write in await CalendarMirror.PendingWrites(user, calendar, 2, Ct))
                    await world.Mirror.WriteDone(user, write, $"\"written {i}\"", Ct);
            }));

        foreach (var id in ids)
        {
            var row = (await EventStore.Get(user, id, Ct))!;
            (await world.Scalar<string>("SELECT data ->> 'ics' FROM lockstep.sync_records WHERE record_id = $1", id.ToString())).ShouldBe(row.Ics);
            (await world.Scalar<string>("SELECT summary FROM lockstep.events WHERE id = $1", id.Value)).ShouldBe(row.Facts.Summary);
        }
        var scope = "SELECT count(*) = max(seq) AND count(*) = max(head) FROM lockstep.sync_changes c JOIN lockstep.sync_scopes s USING (scope_id) WHERE s.user_id = $1";
        (await world.Scalar<bool>(scope, user.Caller.RequiredUser.Value)).ShouldBeTrue();

        async Task Push(EventId id, int i)
        {
            var time = FieldTime.Of(world.Clock.Now, "phone");
            var change = new Change("calendar", "events", id.ToString(), ChangeOp.Update, "phone")
            {
                At = time,
                Fields = ImmutableSortedDictionary<string, FieldWrite>.Empty.Add("location", new FieldWrite($"\"Place {i}\"", time)),
            };
            var outcome = (StoreOutcome.Stored)await world.Log.Store(user, [change], new Dictionary<int, ChangeResult>(), Ct);
            outcome.Results[0].Status.ShouldNotBe(ChangeStatus.Rejected);
        }
    }

    private RemoteObject Remote(int n, string summary, int version) =>
        new($"https://dav.example.com/c/{n}.ics", $"\"{version}\"", Ics($"u{n}", summary, world.Clock.Now - Duration.FromMinutes(1)), null);

    private static async Task Rounds(Func<int, Task> round)
    {
        for (var i = 0; i < 20; i++)
            await round(i);
    }
}
