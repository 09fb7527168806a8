using Lockstep.Server.Calendars;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using NodaTime;
using Shouldly;
using Xunit;
using static Lockstep.Tests.Calendars.CalendarWorld;

namespace Lockstep.Tests.Calendars;

public sealed class ConflictTests(CalendarWorld world) : IClassFixture<CalendarWorld>
{
    private const string Href = "https://dav.example.com/c/1.ics";

    [Fact]
    public async Task The_later_edit_wins_when_it_was_made_there()
    {
        var (user, integration, calendar, id) = await Edited();
        var later = world.Clock.Now + Duration.FromSeconds(30);

        (await world.Apply(user, calendar, new RemoteObject(Href, "\"2\"", Ics("u", "Theirs", later), null))).ShouldBe(new PageApplied(1, 1, 0));

        (await EventStore.Get(user, id, Ct))!.Facts.Summary.ShouldBe("Theirs");
        (await CalendarMirror.PendingWrites(user, calendar, 10, Ct)).ShouldBeEmpty();
        var conflict = (await ConflictStore.List(user, integration, null, 10, Ct))!.Items.Single();
        conflict.Winner.ShouldBe("remote");
        conflict.Local.Ics!.ShouldContain("SUMMARY:Ours");
        conflict.Remote.Ics!.ShouldContain("SUMMARY:Theirs");
    }

    [Fact]
    public async Task The_later_edit_wins_when_it_was_made_here_and_goes_there_on_top()
    {
        var (user, integration, calendar, id) = await Edited();
        var earlier = world.Clock.Now - Duration.FromMinutes(10);

        (await world.Apply(user, calendar, new RemoteObject(Href, "\"2\"", Ics("u", "Theirs", earlier), null))).ShouldBe(new PageApplied(0, 1, 0));

        (await EventStore.Get(user, id, Ct))!.Facts.Summary.ShouldBe("Ours");
        (await CalendarMirror.PendingWrites(user, calendar, 10, Ct)).Single().ShouldBeOfType<PendingWrite.Change>().ETag.ShouldBe("\"2\"");
        (await ConflictStore.List(user, integration, null, 10, Ct))!.Items.Single().Winner.ShouldBe("local");
        // The next read of the same text finds nothing to do.
        (await world.Apply(user, calendar, new RemoteObject(Href, "\"2\"", Ics("u", "Theirs", earlier), null))).ShouldBe(new PageApplied(0, 0, 0));
    }

    [Fact]
    public async Task A_stamp_ten_years_ahead_does_not_win_for_ever()
    {
        var (user, _, calendar, id) = await Edited();
        var ahead = world.Clock.Now + Duration.FromDays(3650);
        await world.Apply(user, calendar, new RemoteObject(Href, "\"2\"", Ics("u", "From the future", ahead), null));

        await world.Edit(user, id, new EventBody { Summary = "Ours again" });
        var later = ahead + Duration.FromDays(1);
        await world.Apply(user, calendar, new RemoteObject(Href, "\"3\"", Ics("u", "Future again", later), null));

        // Both are now at most "now": a later edit here is later than both.
        await world.Edit(user, id, new EventBody { Summary = "Last word" });
        (await EventStore.Get(user, id, Ct))!.Facts.Summary.ShouldBe("Last word");
        (await EventStore.Get(user, id, Ct))!.ChangedAt.ShouldBeLessThan(world.Clock.Now + Duration.FromMinutes(3));
    }

    [Fact]
    public async Task A_deletion_here_against_an_edit_there_leaves_the_edit()
    {
        var (user, integration, calendar, id) = await Edited();
        await world.Events.Delete(user, id, null, Ct);

        await world.Apply(user, calendar, new RemoteObject(Href, "\"2\"", Ics("u", "Theirs", world.Clock.Now - Duration.FromHours(1)), null));

        (await EventStore.Get(user, id, Ct))!.Facts.Summary.ShouldBe("Theirs");
        var conflict = (await ConflictStore.List(user, integration, null, 10, Ct))!.Items.Single();
        (conflict.Winner, conflict.Local.Ics).ShouldBe(("remote", null));
    }

    [Fact]
    public async Task A_deletion_there_against_an_edit_here_leaves_the_edit()
    {
        var (user, integration, calendar, id) = await Edited();

        (await world.Mirror.ApplyPage(user, calendar, new RemotePage([], [Href], null), Ct)).ShouldBe(new PageApplied(0, 1, 0));

        (await EventStore.Get(user, id, Ct))!.Facts.Summary.ShouldBe("Ours");
        (await CalendarMirror.PendingWrites(user, calendar, 10, Ct)).Single().ShouldBeOfType<PendingWrite.Create>().Href.ShouldBe(Href);
        (await ConflictStore.List(user, integration, null, 10, Ct))!.Items.Single().Remote.Ics.ShouldBeNull();
    }

    [Fact]
    public async Task The_same_edit_on_both_sides_is_no_conflict()
    {
        var (user, integration, calendar, id) = await Edited();
        var ours = (await EventStore.Get(user, id, Ct))!.Ics;

        (await world.Apply(user, calendar, new RemoteObject(Href, "\"2\"", ours.Replace("\r\n", "\n"), null))).ShouldBe(new PageApplied(0, 0, 0));

        (await CalendarMirror.PendingWrites(user, calendar, 10, Ct)).ShouldBeEmpty();
        (await ConflictStore.List(user, integration, null, 10, Ct))!.Items.ShouldBeEmpty();
    }

    [Fact]
    public async Task The_loser_can_be_brought_back_and_is_written_to_the_server()
    {
        var (user, integration, calendar, id) = await Edited();
        await world.Apply(user, calendar, new RemoteObject(Href, "\"2\"", Ics("u", "Theirs", world.Clock.Now + Duration.FromSeconds(30)), null));
        var conflict = (await ConflictStore.List(user, integration, null, 10, Ct))!.Items.Single();
        (await world.Events.Restore(world.Bob, conflict.Id, Ct)).ShouldBeOfType<EventOutcome.NotFound>();

        await world.Events.Restore(user, conflict.Id, Ct);

        (await EventStore.Get(user, id, Ct))!.Facts.Summary.ShouldBe("Ours");
        (await CalendarMirror.PendingWrites(user, calendar, 10, Ct)).Single().ShouldBeOfType<PendingWrite.Change>().ETag.ShouldBe("\"2\"");
        (await ConflictStore.List(user, integration, null, 10, Ct))!.Items.Single().RestoredAt.ShouldNotBeNull();
    }

    [Fact]
    public async Task A_conflict_on_an_event_of_a_matter_stands_in_its_timeline()
    {
        var (user, _, calendar, id) = await Edited();
        var matter = (await MatterStore.Create(user, "Smith v. Jones", "2026/17", null, Ct))!;
        await world.Edit(user, id, new EventBody { MatterId = matter.Id });

        await world.Apply(user, calendar, new RemoteObject(Href, "\"2\"", Ics("u", "Theirs", world.Clock.Now - Duration.FromHours(1)), null));

        var timeline = (await MatterStore.Timeline(user, new MatterId(matter.Id), 0, 10, Ct))!.Items;
        timeline.Select(line => line.Kind).ShouldBe(["added", "conflict"]);
        timeline[1].ConflictId.ShouldNotBeNull();
        (await MatterStore.Timeline(world.Bob, new MatterId(matter.Id), 0, 10, Ct)).ShouldBeNull();
    }

    [Fact]
    public async Task Conflicts_of_another_user_are_not_there()
    {
        var (user, integration, calendar, _) = await Edited();
        await world.Apply(user, calendar, new RemoteObject(Href, "\"2\"", Ics("u", "Theirs", world.Clock.Now + Duration.FromSeconds(30)), null));

        (await ConflictStore.List(world.Bob, integration, null, 10, Ct)).ShouldBeNull();
    }

    private async Task<(TenantSession User, IntegrationId Integration, CalendarId Calendar, EventId Event)> Edited()
    {
        var user = await world.NewUser();
        var (integration, calendars) = await world.Connect(user, "https://dav.example.com/c/");
        await world.Apply(user, calendars[0].Id, new RemoteObject(Href, "\"1\"", Ics("u", "As it was", world.Clock.Now - Duration.FromHours(2)), null));
        var id = (await CalendarMirror.Objects(user, calendars[0].Id, Ct)).Single().Event!.Value;
        await world.Edit(user, id, new EventBody { Summary = "Ours" });
        return (user, integration, calendars[0].Id, id);
    }
}
