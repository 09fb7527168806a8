using System.Collections.Immutable;
using Lockstep.Server.Calendars;
using Lockstep.Server.ChangeSync;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using NodaTime;
using Shouldly;
using Xunit;
using static Lockstep.Tests.Calendars.CalendarWorld;

namespace Lockstep.Tests.Calendars;

public sealed class PushedEventsTests(CalendarWorld world) : IClassFixture<CalendarWorld>
{
    [Fact]
    public async Task A_pushed_event_is_made_and_waits_to_go_to_the_server()
    {
        var user = await world.NewUser();
        var calendar = await world.ConnectOne(user);
        var id = Guid.CreateVersion7();

        (await Push(user, id, ChangeOp.Insert, world.Clock.Now, ("summary", "\"Pushed\""), ("start", """{"dateTime":"2026-03-02T09:00:00Z"}"""), ("end", """{"dateTime":"2026-03-02T10:00:00Z"}"""))).Status.ShouldBe(ChangeStatus.Applied);

        (await EventStore.Get(user, new EventId(id), Ct))!.Facts.Summary.ShouldBe("Pushed");
        (await CalendarMirror.PendingWrites(user, calendar, 10, Ct)).Single().ShouldBeOfType<PendingWrite.Create>();
    }

    [Fact]
    public async Task A_pushed_field_patches_the_resource_and_everything_else_survives()
    {
        var user = await world.NewUser();
        var calendar = await world.ConnectOne(user);
        var text = Ics("u", "As it was", world.Clock.Now - Duration.FromHours(1), "X-COLOUR:red\r\nBEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT5M\r\nEND:VALARM");
        await world.Apply(user, calendar, new RemoteObject("https://dav.example.com/c/1.ics", "\"1\"", text, null));
        var id = (await CalendarMirror.Objects(user, calendar, Ct)).Single().Event!.Value;

        await Push(user, id.Value, ChangeOp.Update, world.Clock.Now, ("summary", "\"Pushed\""));

        var ics = (await EventStore.Get(user, id, Ct))!.Ics;
        ics.Split("\r\n").Except(text.Split("\r\n")).ShouldAllBe(line => line.StartsWith("SUMMARY:") || line.StartsWith("DTSTAMP:") || line.StartsWith("LAST-MODIFIED:"));
        (await CalendarMirror.PendingWrites(user, calendar, 10, Ct)).Single().ShouldBeOfType<PendingWrite.Change>().ETag.ShouldBe("\"1\"");
    }

    [Fact]
    public async Task A_push_older_than_what_is_here_loses_as_a_whole()
    {
        var user = await world.NewUser();
        var row = await world.Make(user, Meeting("Here"));

        (await Push(user, row.Id.Value, ChangeOp.Update, row.ChangedAt - Duration.FromMinutes(1), ("summary", "\"Old\""), ("location", "\"Old place\""))).Status.ShouldBe(ChangeStatus.Superseded);

        var now = (await EventStore.Get(user, row.Id, Ct))!;
        (now.Facts.Summary, now.Facts.Location, now.Version).ShouldBe(("Here", null, 1L));
    }

    [Fact]
    public async Task A_pushed_delete_leaves_a_tombstone_and_a_later_write_brings_the_event_back()
    {
        var user = await world.NewUser();
        var row = await world.Make(user, Meeting());
        var at = world.Clock.Now + Duration.FromSeconds(5);

        (await Push(user, row.Id.Value, ChangeOp.Delete, at)).Status.ShouldBe(ChangeStatus.Applied);
        (await EventStore.Get(user, row.Id, Ct)).ShouldBeNull();

        (await Push(user, row.Id.Value, ChangeOp.Update, at + Duration.FromSeconds(5), ("summary", "\"Back\""), ("start", """{"date":"2026-03-02"}"""), ("end", """{"date":"2026-03-03"}"""))).Status.ShouldBe(ChangeStatus.Applied);
        (await EventStore.Get(user, row.Id, Ct))!.Facts.Summary.ShouldBe("Back");
    }

    [Fact]
    public async Task A_pushed_delete_that_is_older_than_the_event_deletes_nothing()
    {
        var user = await world.NewUser();
        var calendar = await world.ConnectOne(user);
        var row = await world.Make(user, Meeting());
        await world.Mirror.WriteDone(user, (await CalendarMirror.PendingWrites(user, calendar, 10, Ct)).Single(), "\"1\"", Ct);

        (await Push(user, row.Id.Value, ChangeOp.Delete, row.ChangedAt - Duration.FromMinutes(1))).Status.ShouldBe(ChangeStatus.Superseded);

        (await EventStore.Get(user, row.Id, Ct)).ShouldNotBeNull().Version.ShouldBe(1);
        (await CalendarMirror.PendingWrites(user, calendar, 10, Ct)).ShouldBeEmpty();
    }

    [Theory]
    [InlineData("end", """{"date":"2026-03-02"}""")]
    [InlineData("summary", "17")]
    [InlineData("colour", "\"red\"")]
    [InlineData("ics", "\"BEGIN:VCALENDAR\"")]
    [InlineData("matterId", "\"01890000-0000-7000-8000-000000000000\"")]
    public async Task What_cannot_be_an_event_is_refused_and_changes_nothing(string field, string json)
    {
        var user = await world.NewUser();
        var row = await world.Make(user, Meeting());

        var result = await Push(user, row.Id.Value, ChangeOp.Update, world.Clock.Now + Duration.FromSeconds(5), (field, json));

        (result.Status, result.Code).ShouldBe((ChangeStatus.Rejected, "invalid_event"));
        (await EventStore.Get(user, row.Id, Ct))!.Version.ShouldBe(1);
    }

    [Fact]
    public async Task A_whole_resource_can_be_pushed()
    {
        var user = await world.NewUser();
        var id = Guid.CreateVersion7();

        var text = Ics("from-a-client", "Whole", world.Clock.Now, "X-COLOUR:red");
        (await Push(user, id, ChangeOp.Insert, world.Clock.Now, ("ics", System.Text.Json.JsonSerializer.Serialize(text)))).Status.ShouldBe(ChangeStatus.Applied);

        var row = (await EventStore.Get(user, new EventId(id), Ct))!;
        (row.Ics, row.Uid).ShouldBe((text, "from-a-client"));
    }

    private async Task<ChangeResult> Push(TenantSession user, Guid id, ChangeOp op, Instant at, params (string Name, string Json)[] fields)
    {
        var time = FieldTime.Of(at, "phone");
        var change = new Change("calendar", "events", id.ToString(), op, "phone")
        {
            At = time,
            Fields = fields.ToImmutableSortedDictionary(field => field.Name, field => new FieldWrite(field.Json, time), StringComparer.Ordinal),
        };
        var outcome = await world.Log.Store(user, [change], new Dictionary<int, ChangeResult>(), Ct);
        return outcome.ShouldBeOfType<StoreOutcome.Stored>().Results[0];
    }
}
