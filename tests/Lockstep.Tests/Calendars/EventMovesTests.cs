using Lockstep.Server.Calendars;
using Lockstep.Server.Tenancy;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;
using static Lockstep.Tests.Calendars.CalendarWorld;

namespace Lockstep.Tests.Calendars;

public sealed class EventMovesTests(CalendarWorld world) : IClassFixture<CalendarWorld>
{
    [Fact]
    public async Task A_moved_event_keeps_its_id_waits_to_be_made_there_and_to_be_deleted_where_it_was()
    {
        var (user, a, b) = await TwoCalendars();
        var row = await OnServer(user, a);

        var moved = await world.Edit(user, row.Id, new EventBody { CalendarId = b.ToString(), Summary = "Moved" });

        (moved.Id, moved.Calendar, moved.Uid, moved.Facts.Summary).ShouldBe((row.Id, b, row.Uid, "Moved"));
        var create = (await CalendarMirror.PendingWrites(user, b, 10, Ct)).Single().ShouldBeOfType<PendingWrite.Create>();
        create.Ics.ShouldContain("SUMMARY:Moved");
        await world.Mirror.WriteDone(user, create, "\"b1\"", Ct);
        var delete = (await CalendarMirror.PendingWrites(user, a, 10, Ct)).Single().ShouldBeOfType<PendingWrite.Delete>();
        delete.ETag.ShouldBe("\"a1\"");
        await world.Mirror.WriteDone(user, delete, null, Ct);

        (await CalendarMirror.Objects(user, a, Ct)).ShouldBeEmpty();
        (await CalendarMirror.Objects(user, b, Ct)).Single().ShouldSatisfyAllConditions(o => o.State.ShouldBe(ObjectState.Clean), o => o.Event.ShouldBe(row.Id));
        (await Titles(user)).ShouldBe(["Moved"]);
    }

    [Fact]
    public async Task A_page_of_the_old_calendar_that_still_has_it_makes_no_second_event()
    {
        var (user, a, b) = await TwoCalendars();
        var row = await OnServer(user, a);
        var href = (await CalendarMirror.Objects(user, a, Ct)).Single().Href;
        await world.Edit(user, row.Id, new EventBody { CalendarId = b.ToString() });

        (await world.Apply(user, a, new RemoteObject(href, "\"a1\"", row.Ics, null)))!.Pulled.ShouldBe(0);

        (await Titles(user)).ShouldBe(["Meeting"]);
        (await EventStore.Get(user, row.Id, Ct))!.Calendar.ShouldBe(b);
    }

    [Fact]
    public async Task An_edit_made_meanwhile_in_the_old_calendar_is_kept_there_and_in_the_conflicts()
    {
        var (user, a, b) = await TwoCalendars();
        var row = await OnServer(user, a);
        var href = (await CalendarMirror.Objects(user, a, Ct)).Single().Href;
        await world.Edit(user, row.Id, new EventBody { CalendarId = b.ToString() });

        await world.Apply(user, a, new RemoteObject(href, "\"a2\"", Ics(row.Uid, "Edited there", world.Clock.Now), null));

        (await Titles(user)).Order(StringComparer.Ordinal).ShouldBe(["Edited there", "Meeting"]);
        (await world.Scalar<long>("SELECT count(*) FROM lockstep.sync_conflicts WHERE calendar_id = $1", a.Value)).ShouldBe(1);
        (await EventStore.Get(user, row.Id, Ct))!.Facts.Summary.ShouldBe("Meeting");
    }

    [Fact]
    public async Task Moved_back_before_anything_was_written_it_is_where_it_was()
    {
        var (user, a, b) = await TwoCalendars();
        var row = await OnServer(user, a);
        await world.Edit(user, row.Id, new EventBody { CalendarId = b.ToString() });
        await world.Edit(user, row.Id, new EventBody { CalendarId = a.ToString() });

        (await CalendarMirror.PendingWrites(user, a, 10, Ct)).Single().ShouldBeOfType<PendingWrite.Change>().ETag.ShouldBe("\"a1\"");
        (await CalendarMirror.PendingWrites(user, b, 10, Ct)).Single().ShouldBeOfType<PendingWrite.Delete>();
        (await Titles(user)).ShouldBe(["Meeting"]);
    }

    [Fact]
    public async Task Moved_back_it_is_tried_at_once_whatever_was_refused_before()
    {
        var (user, a, _) = await TwoCalendars();
        var row = await OnServer(user, a);
        await world.Edit(user, row.Id, new EventBody { CalendarId = null });
        var deletion = (await CalendarMirror.PendingWrites(user, a, 10, Ct)).Single();
        for (var time = 0; time < 4; time++)
            await CalendarMirror.WriteRefused(user, deletion, "caldav_forbidden", "No.", Ct);
        (await CalendarMirror.PendingWrites(user, a, 10, Ct)).Single().Rests.ShouldBeTrue();

        await world.Edit(user, row.Id, new EventBody { CalendarId = a.ToString() });

        (await CalendarMirror.PendingWrites(user, a, 10, Ct)).Single().ShouldBeOfType<PendingWrite.Change>()
            .ShouldSatisfyAllConditions(write => write.Rests.ShouldBeFalse(), write => write.LastRefusal.ShouldBeNull(), write => write.Attempts.ShouldBe(0));
    }

    [Fact]
    public async Task An_event_leaves_its_server_and_one_that_was_only_here_goes_to_one()
    {
        var (user, a, b) = await TwoCalendars();
        var row = await OnServer(user, a);
        (await world.Edit(user, row.Id, new EventBody { CalendarId = null })).Calendar.ShouldBeNull();
        (await CalendarMirror.PendingWrites(user, a, 10, Ct)).Single().ShouldBeOfType<PendingWrite.Delete>();
        (await EventStore.Get(user, row.Id, Ct))!.Facts.Summary.ShouldBe("Meeting");

        (await world.Edit(user, row.Id, new EventBody { CalendarId = b.ToString() })).Calendar.ShouldBe(b);
        (await CalendarMirror.PendingWrites(user, b, 10, Ct)).Single().ShouldBeOfType<PendingWrite.Create>();
    }

    [Fact]
    public async Task Clients_of_change_sync_see_one_event_in_its_new_calendar()
    {
        var (user, a, b) = await TwoCalendars();
        var row = await OnServer(user, a);
        await world.Edit(user, row.Id, new EventBody { CalendarId = b.ToString() });

        (await world.Scalar<string>("SELECT data ->> 'calendarId' FROM lockstep.sync_records WHERE record_id = $1", row.Id.ToString())).ShouldBe(b.ToString());
        (await world.Scalar<long>("SELECT count(*) FROM lockstep.sync_records r JOIN lockstep.events e ON e.id::text = r.record_id WHERE e.uid = $1 AND NOT r.deleted", row.Uid)).ShouldBe(1);
    }

    [Fact]
    public async Task Calendars_of_others_read_only_ones_and_ones_that_have_the_uid_are_refused()
    {
        var (user, a, b) = await TwoCalendars();
        var row = await OnServer(user, a);
        var foreign = await world.ConnectOne(await world.NewUser());
        (await Move(foreign.ToString())).ShouldBeOfType<EventOutcome.Invalid>().Field.ShouldBe("calendarId");
        (await Move("https://dav.example.com/unknown/")).ShouldBeOfType<EventOutcome.Invalid>().Field.ShouldBe("calendarId");
        await world.Apply(user, b, new RemoteObject("https://dav.example.com/b/copy.ics", "\"1\"", Ics(row.Uid, "Copy"), null));
        (await Move(b.ToString())).ShouldBeOfType<EventOutcome.Exists>();
        await world.Administer("UPDATE lockstep.calendars SET read_only = true, is_write_target = false WHERE id = $1", b.Value);
        (await Move(b.ToString())).ShouldBeOfType<EventOutcome.ReadOnly>();
        (await EventStore.Get(user, row.Id, Ct))!.Calendar.ShouldBe(a);

        Task<EventOutcome> Move(string calendar) => world.Events.Patch(user, row.Id, new EventBody { CalendarId = calendar }.Check(making: false, new())!, null, Ct);
    }

    private async Task<(Lockstep.Server.Postgres.TenantSession User, CalendarId A, CalendarId B)> TwoCalendars()
    {
        var user = await world.NewUser();
        var (_, calendars) = await world.Connect(user, $"https://dav.example.com/{Guid.CreateVersion7():N}/a/", $"https://dav.example.com/{Guid.CreateVersion7():N}/b/");
        return (user, calendars[0].Id, calendars[1].Id);
    }

    private async Task<EventRow> OnServer(Lockstep.Server.Postgres.TenantSession user, CalendarId calendar)
    {
        var row = await world.Make(user, Meeting(), calendar.ToString());
        await world.Mirror.WriteDone(user, (await CalendarMirror.PendingWrites(user, calendar, 10, Ct)).Single(), "\"a1\"", Ct);
        return row;
    }
}
