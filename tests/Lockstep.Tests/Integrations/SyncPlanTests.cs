using Lockstep.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using Lockstep.Calendaring.Caldav;
using Lockstep.Server.Calendars;
using Lockstep.Server.Integrations.Caldav;
using Shouldly;
using Xunit;
using CalendarState = Lockstep.Calendaring.Caldav.CalendarState;

namespace Lockstep.Tests.Integrations;

public sealed class SyncPlanTests
{
    private const int Names = 12;

    private static readonly Gen<(int Name, int Tag)[]> Server =
        from names in Gen.SubListOf(Enumerable.Range(0, Names))
        from tags in Gen.ArrayOf(Gen.Choose(1, 3), Names)
        select names.Select(name => (name, tags[name])).ToArray();

    private static readonly Gen<(int Name, int? Tag, ObjectState State)[]> Mirror =
        from names in Gen.SubListOf(Enumerable.Range(0, Names))
        from tags in Gen.ArrayOf(Gen.Choose(0, 3), Names)
        from states in Gen.ArrayOf(Gen.Elements(Enum.GetValues<ObjectState>()), Names)
        select names.Select(name => (name, states[name] == ObjectState.New || tags[name] == 0 ? (int?)null : tags[name], states[name])).ToArray();

    [Fact]
    public void Carried_out_a_plan_leaves_nothing_to_read() => ForAll((server, mirror) =>
        SyncPlan.Compare(Listed(server), CarryOut(server, mirror, SyncPlan.Compare(Listed(server), Kept(mirror)))).ShouldBeEmpty());

    [Fact]
    public void Every_resource_of_the_server_is_in_the_mirror_afterwards_and_nothing_else_but_what_waits_to_be_written() => ForAll((server, mirror) =>
    {
        var after = CarryOut(server, mirror, SyncPlan.Compare(Listed(server), Kept(mirror)));
        var there = server.Select(member => Address(member.Name)).ToHashSet();
        after.Where(known => known.State is ObjectState.Clean or ObjectState.Quarantined).ShouldAllBe(known => there.Contains(known.Href));
        there.ShouldBeSubsetOf(after.Select(known => known.Href));
    });

    [Fact]
    public void No_plan_forgets_what_was_edited_here() => ForAll((server, mirror) =>
    {
        var edited = mirror.Where(known => known.State is ObjectState.New or ObjectState.Changed).Select(known => Href.Parse(Address(known.Name))).ToHashSet();
        SyncPlan.Compare(Listed(server), Kept(mirror)).ShouldNotContain(action =>
            (action is SyncAction.Forget || action is SyncAction.Settle) && edited.Contains(action.Href));
    });

    [Fact]
    public void What_is_as_it_was_is_not_fetched() => ForAll((server, mirror) =>
    {
        var same = mirror.Where(known => server.Contains((known.Name, known.Tag ?? 0))).Select(known => Href.Parse(Address(known.Name))).ToHashSet();
        SyncPlan.Compare(Listed(server), Kept(mirror)).ShouldNotContain(action => same.Contains(action.Href));
    });

    [Fact]
    public void The_changes_since_a_token_lead_to_the_same_actions_as_the_full_listing() => ForAll((server, mirror) =>
    {
        // Everything that differs is reported, as a server that works does.
        var changed = server.Where(member => !mirror.Any(known => known.Name == member.Name && known.Tag == member.Tag))
            .Select(member => new MemberChange(Href.Parse(Address(member.Name)), MemberState.Changed, ETag.Parse(Tag(member.Tag)), null, null));
        var removed = mirror.Where(known => server.All(member => member.Name != known.Name)).Select(known => Href.Parse(Address(known.Name)));
        SyncPlan.Follow(changed, removed, Kept(mirror)).ShouldBe(SyncPlan.Compare(Listed(server), Kept(mirror)), ignoreOrder: true);
    });

    [Theory]
    [InlineData(9, 9, 0, false)]
    [InlineData(10, 19, 0, true)]
    [InlineData(10, 20, 0, false)]
    [InlineData(10, 10, 9, true)]
    [InlineData(10, 10, 10, false)]
    public void Ten_deletions_and_over_half_of_what_is_known_need_a_confirmation(int deletions, int known, int confirmed, bool suspicious) =>
        SyncPlan.IsSuspicious(deletions, known, confirmed).ShouldBe(suspicious);

    [Theory]
    [InlineData("c", "t", "c", "t", true)]
    [InlineData("c", "t", "d", "t", false)]
    [InlineData("c", "t", "c", "u", false)]
    [InlineData("c", null, "c", "t", true)]
    [InlineData(null, "t", null, "t", true)]
    [InlineData(null, "t", null, null, false)]
    [InlineData(null, null, null, null, false)]
    [InlineData(null, null, "c", "t", false)]
    public void A_calendar_is_unchanged_when_all_that_the_server_tells_is_as_kept(string? ctag, string? token, string? saysCtag, string? saysToken, bool unchanged) =>
        SyncPlan.IsUnchanged(
            new MirroredCalendar(default, Address(0), "", null, ctag, token, true, false, null, null),
            new CalendarState(Href.Parse(Address(0)), saysCtag, saysToken)).ShouldBe(unchanged);

    [Fact]
    public void An_answer_to_a_write_is_judged_by_what_it_says_of_this_write()
    {
        var create = new PendingWrite.Create(default, Address(1), 1, 0, "");
        var change = new PendingWrite.Change(default, Address(1), 1, 0, "\"1\"", "");
        var delete = new PendingWrite.Delete(default, Address(1), 1, 0, "\"1\"");
        var missing = new CaldavFailure.NotFound("h", "/");
        var refused = new CaldavFailure.Forbidden("h", null);
        SyncPlan.Judge(create, null).ShouldBe(WriteVerdict.Done);
        SyncPlan.Judge(create, new CaldavFailure.PreconditionFailed()).ShouldBe(WriteVerdict.ReadAgain);
        SyncPlan.Judge(create, missing).ShouldBe(WriteVerdict.Refused);
        SyncPlan.Judge(change, missing).ShouldBe(WriteVerdict.ReadAgain);
        SyncPlan.Judge(delete, missing).ShouldBe(WriteVerdict.Done);
        SyncPlan.Judge(change, refused).ShouldBe(WriteVerdict.Refused);
        SyncPlan.Judge(change, new CaldavFailure.Unauthorized("h")).ShouldBe(WriteVerdict.GiveUp);
        SyncPlan.Judge(change, new CaldavFailure.Throttled("h", null)).ShouldBe(WriteVerdict.GiveUp);
        SyncPlan.Judge(change, new CaldavFailure.Unreachable("h", UnreachableReason.BrokenOff)).ShouldBe(WriteVerdict.GiveUp);
    }

    private static void ForAll(Action<(int Name, int Tag)[], (int Name, int? Tag, ObjectState State)[]> holds) =>
        Check.One(Properties.Config, Prop.ForAll(Arb.From(Server), Arb.From(Mirror), holds));

    private static IEnumerable<CalendarMember> Listed(IEnumerable<(int Name, int Tag)> server) =>
        server.Select(member => new CalendarMember(Href.Parse(Address(member.Name)), ETag.Parse(Tag(member.Tag)), null));

    private static List<MirroredObject> Kept(IEnumerable<(int Name, int? Tag, ObjectState State)> mirror) =>
        [.. mirror.Select(known => new MirroredObject(default, Address(known.Name), known.Tag is { } tag ? Tag(tag) : null, known.State, null, null, null))];

    /// <summary>What the mirror is after its actions: the simplest thing that keeps the promises of <see cref="CalendarMirror.ApplyPage"/>.</summary>
    private static List<MirroredObject> CarryOut(
        (int Name, int Tag)[] server, (int Name, int? Tag, ObjectState State)[] mirror, IReadOnlyList<SyncAction> actions)
    {
        var after = Kept(mirror).ToDictionary(known => known.Href);
        foreach (var action in actions)
        {
            var href = action.Href.ToString();
            switch (action)
            {
                case SyncAction.Fetch:
                    var tag = Tag(server.Single(member => Address(member.Name) == href).Tag);
                    var state = after.TryGetValue(href, out var known) && known.State is ObjectState.Changed or ObjectState.Deleted ? known.State : ObjectState.Clean;
                    after[href] = new MirroredObject(default, href, tag, state, null, null, null);
                    break;
                case SyncAction.Revive:
                    after[href] = after[href] with { ETag = null, State = ObjectState.New };
                    break;
                default:
                    after.Remove(href);
                    break;
            }
        }
        return [.. after.Values];
    }

    private static string Address(int name) => $"https://cal.example.com/home/work/{name}.ics";

    private static string Tag(int tag) => $"\"{tag}\"";
}
