using System.Collections.Immutable;
using System.Text.Json;
using Lockstep.Server.Calendars;
using Lockstep.Server.ChangeSync;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using NodaTime;
using Shouldly;
using Xunit;
using static Lockstep.Tests.Calendars.CalendarWorld;

namespace Lockstep.Tests.Calendars;

/// <summary>Events of an export come back as one event each, whether their account is connected before, after, or not at all.</summary>
public sealed class RestoredEventsTests(CalendarWorld world) : IClassFixture<CalendarWorld>
{
    private const string Href = "https://dav.example.com/restored/1.ics";

    [Fact]
    public async Task An_event_that_its_account_has_brought_already_is_that_event_and_the_later_text_wins()
    {
        var user = await world.NewUser();
        var calendar = await world.ConnectOne(user);
        var at = world.Clock.Now - Duration.FromHours(2);
        await world.Apply(user, calendar, new RemoteObject(Href, "\"1\"", Ics("u", "There", at), null));
        var known = (await CalendarMirror.Objects(user, calendar, Ct)).Single().Event!.Value;

        (await Restore(user, Guid.CreateVersion7(), at - Duration.FromHours(1), Ics("u", "Before"))).Status.ShouldBe(ChangeStatus.Superseded);
        (await EventStore.Get(user, known, Ct))!.Facts.Summary.ShouldBe("There");

        (await Restore(user, Guid.CreateVersion7(), at + Duration.FromHours(1), Ics("u", "After"))).ShouldBe(ChangeResult.Applied);
        (await EventStore.Get(user, known, Ct))!.Facts.Summary.ShouldBe("After");
        (await Titles(user)).ShouldBe(["After"]);
        (await CalendarMirror.PendingWrites(user, calendar, 10, Ct)).Single().ShouldBeOfType<PendingWrite.Change>().ETag.ShouldBe("\"1\"");
    }

    [Fact]
    public async Task An_event_whose_calendar_is_not_here_is_kept_here_and_the_calendar_that_brings_its_uid_takes_it()
    {
        var user = await world.NewUser();
        var (id, at) = (Guid.CreateVersion7(), world.Clock.Now - Duration.FromHours(2));
        var result = await Restore(user, id, at, Ics("u", "Dentist"), calendar: Guid.CreateVersion7());
        (result.Status, result.Code).ShouldBe((ChangeStatus.Applied, "without_calendar"));
        (await EventStore.Get(user, new EventId(id), Ct))!.Calendar.ShouldBeNull();

        var (integration, calendars) = await world.Connect(user, "https://dav.example.com/later/", "https://dav.example.com/other/");
        // As the worker is: it sees this integration's events alone.
        var worker = world.Database.For(Caller.Worker(user.Caller.RequiredUser, integration));
        await world.Apply(worker, calendars[0].Id, new RemoteObject(Href, "\"1\"", Ics("u", "Dentist"), null));
        var row = (await EventStore.Get(user, new EventId(id), Ct))!;
        (row.Calendar, row.Ics).ShouldBe((calendars[0].Id, Ics("u", "Dentist")));
        (await CalendarMirror.PendingWrites(user, calendars[0].Id, 10, Ct)).ShouldBeEmpty();
        // The same UID in another calendar is another event, as ever.
        await world.Apply(worker, calendars[1].Id, new RemoteObject("https://dav.example.com/other/1.ics", "\"1\"", Ics("u", "Dentist, shared"), null));
        (await Titles(user)).ShouldBe(["Dentist", "Dentist, shared"], ignoreOrder: true);
        // And once more from the file.
        (await Restore(user, id, at, Ics("u", "Dentist"))).Status.ShouldBe(ChangeStatus.Superseded);
        (await Log(user, id)).ShouldBe(calendars[0].Id.ToString(), "clients are told where it is now");
    }

    [Fact]
    public async Task An_event_that_was_deleted_after_the_export_stays_deleted_also_under_another_id()
    {
        var user = await world.NewUser();
        var calendar = await world.ConnectOne(user);
        var at = world.Clock.Now - Duration.FromHours(2);
        await world.Apply(user, calendar, new RemoteObject(Href, "\"1\"", Ics("u", "There", at), null));
        await world.Mirror.ApplyPage(user, calendar, new RemotePage([], [Href], null), Ct);
        (await Titles(user)).ShouldBeEmpty();

        (await Restore(user, Guid.CreateVersion7(), at, Ics("u", "There"))).Status.ShouldBe(ChangeStatus.Superseded);

        (await Titles(user)).ShouldBeEmpty();
        (await CalendarMirror.PendingWrites(user, calendar, 10, Ct)).ShouldBeEmpty();
    }

    [Theory]
    [InlineData(1, false, "Ours", "local")]
    [InlineData(-1, false, "Theirs", "remote")]
    [InlineData(1, true, "Theirs", "remote")]
    public async Task What_differs_from_its_calendar_meets_it_like_an_edit_and_the_loser_is_kept(int hours, bool readOnly, string wins, string winner)
    {
        var user = await world.NewUser();
        var (id, at) = (Guid.CreateVersion7(), world.Clock.Now - Duration.FromHours(5));
        await Restore(user, id, at + Duration.FromHours(hours), Ics("u", "Ours"));
        var (integration, calendars) = await world.Connect(user, $"https://dav.example.com/{id:N}/");
        if (readOnly)
            await world.Administer("UPDATE lockstep.calendars SET read_only = true, is_write_target = false WHERE id = $1", calendars[0].Id.Value);

        (await world.Apply(user, calendars[0].Id, new RemoteObject(Href, "\"1\"", Ics("u", "Theirs", at), null)))!.Conflicts.ShouldBe(1);

        (await Titles(user)).ShouldBe([wins]);
        (await EventStore.Get(user, new EventId(id), Ct))!.Calendar.ShouldBe(calendars[0].Id);
        (await ConflictStore.List(user, integration, null, 10, Ct))!.Items.Single().Winner.ShouldBe(winner);
        (await CalendarMirror.PendingWrites(user, calendars[0].Id, 10, Ct)).Count.ShouldBe(winner == "local" ? 1 : 0);
    }

    [Fact]
    public async Task A_stranger_with_the_same_uid_keeps_his_event_and_an_id_that_is_his_is_passed_over()
    {
        var (user, stranger) = (await world.NewUser(), await world.NewUser());
        var theirs = Guid.CreateVersion7();
        await Restore(stranger, theirs, world.Clock.Now - Duration.FromHours(1), Ics("u", "Theirs"));
        var calendar = await world.ConnectOne(user);
        await world.Apply(user, calendar, new RemoteObject(Href, "\"1\"", Ics("u", "Mine"), null));

        (await Restore(user, theirs, world.Clock.Now - Duration.FromHours(1), Ics("v", "Another"))).ShouldBe(ChangeResult.Applied);

        (await Titles(user)).ShouldBe(["Mine", "Another"], ignoreOrder: true);
        (await Titles(stranger)).ShouldBe(["Theirs"]);
        (await EventStore.Get(stranger, new EventId(theirs), Ct))!.Calendar.ShouldBeNull();
    }

    [Fact]
    public async Task A_matter_that_is_not_here_is_told_and_what_is_no_event_is_refused()
    {
        var user = await world.NewUser();
        var at = world.Clock.Now - Duration.FromHours(1);
        var result = await Restore(user, Guid.CreateVersion7(), at, Ics("u", "Hearing"), matter: Guid.CreateVersion7());
        (result.Status, result.Code).ShouldBe((ChangeStatus.Applied, "without_matter"));
        (await Restore(user, Guid.CreateVersion7(), at, "BEGIN:VCALENDAR")).Code.ShouldBe("invalid_event");
        (await Titles(user)).ShouldBe(["Hearing"]);
    }

    private async Task<ChangeResult> Restore(TenantSession user, Guid id, Instant at, string ics, Guid? calendar = null, Guid? matter = null)
    {
        var time = FieldTime.Of(at, "phone");
        var change = new Change("calendar", "events", id.ToString(), ChangeOp.Insert, "import")
        {
            IsRestored = true,
            At = time,
            Fields = ImmutableSortedDictionary.Create<string, FieldWrite>(StringComparer.Ordinal)
                .Add("ics", new FieldWrite(JsonSerializer.Serialize(ics), time))
                .Add("calendarId", new FieldWrite(JsonSerializer.Serialize(calendar), time))
                .Add("matterId", new FieldWrite(JsonSerializer.Serialize(matter), time)),
        };
        return (await world.Log.Merge(user, [change], Ct)).Single();
    }

    private Task<string> Log(TenantSession user, Guid id) => world.Scalar<string>(
        "SELECT r.data->>'calendarId' FROM lockstep.sync_records r JOIN lockstep.sync_scopes s ON s.scope_id = r.scope_id WHERE s.user_id = $1 AND r.record_id = $2",
        user.Caller.RequiredUser.Value, id.ToString());
}
