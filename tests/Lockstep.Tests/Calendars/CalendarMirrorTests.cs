using Lockstep.Server.Calendars;
using Lockstep.Server.Tenancy;
using NodaTime;
using Shouldly;
using Xunit;
using static Lockstep.Tests.Calendars.CalendarWorld;

namespace Lockstep.Tests.Calendars;

public sealed class CalendarMirrorTests(CalendarWorld world) : IClassFixture<CalendarWorld>
{
    private const string Href = "https://dav.example.com/c/1.ics";

    [Fact]
    public async Task A_page_brings_events_changes_and_position_in_one()
    {
        var user = await world.NewUser();
        var calendar = await world.ConnectOne(user);
        var page = new RemotePage(
            [.. Enumerable.Range(0, 100).Select(i => new RemoteObject($"https://dav.example.com/c/{i}.ics", $"\"{i}\"", Ics($"u{i}", $"Event {i}"), null))],
            [], new CalendarPosition("token-1", "ctag-1"));

        var applied = await world.Mirror.ApplyPage(user, calendar, page, Ct);

        applied.ShouldBe(new PageApplied(100, 0, 0));
        (await Titles(user)).Count.ShouldBe(100);
        (await world.Scalar<long>("SELECT count(*) FROM lockstep.sync_records r JOIN lockstep.sync_scopes s USING (scope_id) WHERE s.user_id = $1 AND app = 'calendar' AND table_name = 'events'", user.Caller.RequiredUser.Value)).ShouldBe(100);
        (await world.Scalar<string>("SELECT sync_token || ' ' || ctag FROM lockstep.calendars WHERE id = $1", calendar.Value)).ShouldBe("token-1 ctag-1");
        (await world.Mirror.ApplyPage(user, calendar, page, Ct)).ShouldBe(new PageApplied(0, 0, 0));
    }

    [Fact]
    public async Task A_resource_that_cannot_be_read_is_kept_raw_and_the_others_go_on()
    {
        var user = await world.NewUser();
        var calendar = await world.ConnectOne(user);

        var applied = await world.Apply(user, calendar,
            new(Href, "\"1\"", Ics("good", "Good"), null),
            new("https://dav.example.com/c/bad.ics", "\"2\"", "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:x\r\n\0END", null),
            new("https://dav.example.com/c/todo.ics", "\"3\"", "BEGIN:VCALENDAR\r\nBEGIN:VTODO\r\nUID:t\r\nEND:VTODO\r\nEND:VCALENDAR\r\n", null));

        applied.ShouldBe(new PageApplied(1, 0, 2));
        (await Titles(user)).ShouldBe(["Good"]);
        var objects = await CalendarMirror.Objects(user, calendar, Ct);
        objects.Count(o => o.State == ObjectState.Quarantined).ShouldBe(2);
        (await world.Scalar<string>("SELECT reason FROM lockstep.calendar_objects WHERE calendar_id = $1 AND href LIKE '%todo.ics'", calendar.Value)).ShouldBe(EventFacts.NotAnEvent);
        // A task is well; only what is wrong counts as set aside.
        (await world.Scalar<string>("SELECT string_agg(href, ' ') FROM lockstep.calendar_objects WHERE calendar_id = $1 AND quarantined_at IS NOT NULL", calendar.Value)).ShouldEndWith("/bad.ics");
        (await world.Apply(user, calendar, new RemoteObject("https://dav.example.com/c/bad.ics", "\"4\"", Ics("x", "Mended"), null))).ShouldBe(new PageApplied(1, 0, 0));
        (await world.Scalar<long>("SELECT count(*) FROM lockstep.calendar_objects WHERE calendar_id = $1 AND quarantined_at IS NOT NULL", calendar.Value)).ShouldBe(0);
    }

    [Fact]
    public async Task A_renamed_resource_stays_one_event()
    {
        var user = await world.NewUser();
        var calendar = await world.ConnectOne(user);
        await world.Apply(user, calendar, new RemoteObject(Href, "\"1\"", Ics("same", "One"), null));
        var before = (await CalendarMirror.Objects(user, calendar, Ct)).Single().Event;

        await world.Mirror.ApplyPage(user, calendar, new RemotePage(
            [new("https://dav.example.com/c/renamed.ics", "\"2\"", Ics("same", "One"), null)], [Href], null), Ct);

        (await Titles(user)).ShouldBe(["One"]);
        var now = (await CalendarMirror.Objects(user, calendar, Ct)).Single();
        (now.Href, now.Event).ShouldBe(("https://dav.example.com/c/renamed.ics", before));
    }

    [Fact]
    public async Task A_deletion_leaves_a_tombstone_and_the_same_uid_later_brings_the_event_back()
    {
        var user = await world.NewUser();
        var calendar = await world.ConnectOne(user);
        await world.Apply(user, calendar, new RemoteObject(Href, "\"1\"", Ics("back", "Here"), null));
        var id = (await CalendarMirror.Objects(user, calendar, Ct)).Single().Event!.Value;

        (await world.Mirror.ApplyPage(user, calendar, new RemotePage([], [Href, "https://dav.example.com/c/never.ics"], null), Ct)).ShouldBe(new PageApplied(1, 0, 0));
        (await Titles(user)).ShouldBeEmpty();
        (await world.Scalar<bool>("SELECT deleted FROM lockstep.sync_records WHERE record_id = $1", id.ToString())).ShouldBeTrue();

        await world.Apply(user, calendar, new RemoteObject(Href, "\"2\"", Ics("back", "Here again"), null));
        (await EventStore.Get(user, id, Ct))!.Facts.Summary.ShouldBe("Here again");
        (await world.Scalar<bool>("SELECT deleted FROM lockstep.sync_records WHERE record_id = $1", id.ToString())).ShouldBeFalse();
    }

    [Fact]
    public async Task A_new_event_waits_to_be_created_and_its_echo_changes_nothing()
    {
        var user = await world.NewUser();
        var calendar = await world.ConnectOne(user);
        var row = await world.Make(user, Meeting());
        var write = (await CalendarMirror.PendingWrites(user, calendar, 10, Ct)).Single().ShouldBeOfType<PendingWrite.Create>();
        write.Href.ShouldEndWith($"/{row.Id}.ics");

        await world.Mirror.WriteDone(user, write, "\"e1\"", Ct);

        (await CalendarMirror.PendingWrites(user, calendar, 10, Ct)).ShouldBeEmpty();
        (await world.Apply(user, calendar, new RemoteObject(write.Href, "\"e1\"", "rewritten by the server", null))).ShouldBe(new PageApplied(0, 0, 0));
        (await EventStore.Get(user, row.Id, Ct))!.Version.ShouldBe(1);
    }

    [Fact]
    public async Task A_lost_answer_to_a_create_is_recognised_by_its_text()
    {
        var user = await world.NewUser();
        var calendar = await world.ConnectOne(user);
        var row = await world.Make(user, Meeting());
        var write = (PendingWrite.Create)(await CalendarMirror.PendingWrites(user, calendar, 10, Ct)).Single();
        var rewritten = write.Ics.Replace("PRODID:-//Lockstep//Lockstep//EN", "PRODID:-//Server//EN").Replace("VERSION:2.0\r\n", "").Replace("BEGIN:VEVENT", "VERSION:2.0\r\nBEGIN:VEVENT");

        (await world.Apply(user, calendar, new RemoteObject(write.Href, "\"e1\"", rewritten, null))).ShouldBe(new PageApplied(0, 0, 0));

        (await CalendarMirror.PendingWrites(user, calendar, 10, Ct)).ShouldBeEmpty();
        (await CalendarMirror.Objects(user, calendar, Ct)).Single().ShouldSatisfyAllConditions(o => o.State.ShouldBe(ObjectState.Clean), o => o.ETag.ShouldBe("\"e1\""), o => o.Event.ShouldBe(row.Id));
    }

    [Fact]
    public async Task An_edit_made_while_a_write_is_under_way_is_not_lost()
    {
        var user = await world.NewUser();
        var calendar = await world.ConnectOne(user);
        var row = await world.Make(user, Meeting());
        var write = (await CalendarMirror.PendingWrites(user, calendar, 10, Ct)).Single();
        await world.Edit(user, row.Id, new EventBody { Summary = "Edited meanwhile" });

        await world.Mirror.WriteDone(user, write, "\"e1\"", Ct);

        var next = (await CalendarMirror.PendingWrites(user, calendar, 10, Ct)).Single().ShouldBeOfType<PendingWrite.Change>();
        next.ETag.ShouldBe("\"e1\"");
        next.Ics.ShouldContain("SUMMARY:Edited meanwhile");
    }

    [Fact]
    public async Task An_event_deleted_while_its_create_is_under_way_is_deleted_there_too()
    {
        var user = await world.NewUser();
        var calendar = await world.ConnectOne(user);
        var row = await world.Make(user, Meeting());
        var create = (await CalendarMirror.PendingWrites(user, calendar, 10, Ct)).Single();
        await world.Events.Delete(user, row.Id, null, Ct);

        await world.Mirror.WriteDone(user, create, "\"e1\"", Ct);

        var delete = (await CalendarMirror.PendingWrites(user, calendar, 10, Ct)).Single().ShouldBeOfType<PendingWrite.Delete>();
        delete.ETag.ShouldBe("\"e1\"");
        await world.Mirror.WriteDone(user, delete, null, Ct);
        (await CalendarMirror.Objects(user, calendar, Ct)).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_refused_write_stays_with_its_reason()
    {
        var user = await world.NewUser();
        var calendar = await world.ConnectOne(user);
        await world.Make(user, Meeting());
        var write = (await CalendarMirror.PendingWrites(user, calendar, 10, Ct)).Single();

        await CalendarMirror.WriteRefused(user, write, "caldav_rejected", "The server says that it is full.", Ct);

        (await CalendarMirror.PendingWrites(user, calendar, 10, Ct)).Single().Attempts.ShouldBe(1);
    }

    [Fact]
    public async Task Another_users_calendar_is_not_there()
    {
        var calendar = await world.ConnectOne(world.Alice);

        (await world.Apply(world.Bob, calendar, new RemoteObject(Href, "\"1\"", Ics("u", "Mine"), null))).ShouldBeNull();
        (await CalendarMirror.Objects(world.Bob, calendar, Ct)).ShouldBeEmpty();
        await CalendarMirror.MarkUnreadable(world.Bob, [calendar], Ct);
        (await world.Scalar<bool>("SELECT unreadable_since IS NULL FROM lockstep.calendars WHERE id = $1", calendar.Value)).ShouldBeTrue();
    }

    [Fact]
    public async Task Calendars_that_are_no_longer_wanted_take_their_events_with_them_and_say_so()
    {
        var user = await world.NewUser();
        var (integration, calendars) = await world.Connect(user, "https://dav.example.com/a/", "https://dav.example.com/b/");
        await world.Apply(user, calendars[0].Id, new RemoteObject("https://dav.example.com/a/1.ics", "\"1\"", Ics("a", "In A"), null));
        await world.Apply(user, calendars[1].Id, new RemoteObject("https://dav.example.com/b/1.ics", "\"1\"", Ics("b", "In B"), null));

        await user.Transact(async transaction =>
        {
            await world.Mirror.SetCalendars(transaction, integration, [new WantedCalendar("https://dav.example.com/b/", "B", "#FF0000", true, false)], Ct);
            return 0;
        }, Ct);

        (await Titles(user)).ShouldBe(["In B"]);
        var left = (await CalendarMirror.Calendars(user, integration, Ct)).Single();
        (left.Name, left.IsWriteTarget).ShouldBe(("B", true));
        (await world.Scalar<long>("SELECT count(*) FROM lockstep.sync_records r JOIN lockstep.sync_scopes s USING (scope_id) WHERE s.user_id = $1 AND r.deleted", user.Caller.RequiredUser.Value)).ShouldBe(1);
    }
}
