using Lockstep.Server.Integrations;
using Lockstep.Server.Integrations.Caldav;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Integrations;

public sealed class NextRunTests
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    [Theory]
    [InlineData(0.0, 60)]
    [InlineData(0.5, 57)]
    [InlineData(1.0, 54)]
    public void A_good_run_is_followed_after_the_interval_or_a_little_earlier(double chance, int seconds) =>
        NextRun.After(new SyncReport(1, 0, null, TimeSpan.Zero, 1), Minute, 0, chance).In.ShouldBe(TimeSpan.FromSeconds(seconds));

    [Fact]
    public void The_interval_counts_from_begin_to_begin()
    {
        NextRun.After(new SyncReport(1, 0, null, TimeSpan.FromSeconds(20), 1), Minute, 0, 0).In.ShouldBe(TimeSpan.FromSeconds(40));
        NextRun.After(new SyncReport(1, 0, null, TimeSpan.FromMinutes(5), 1), Minute, 0, 0).In.ShouldBe(TimeSpan.FromSeconds(1));
    }

    [Theory]
    [InlineData(0, 60)]
    [InlineData(1, 120)]
    [InlineData(3, 480)]
    [InlineData(4, 900)]
    [InlineData(1_000_000, 900)]
    public void Failures_in_a_row_are_retried_ever_later_and_at_least_every_quarter_of_an_hour(int failures, int seconds) =>
        NextRun.After(Failed(FailureKind.Transient), Minute, failures, 0).ShouldBe(new NextRun(TimeSpan.FromSeconds(seconds), null, null));

    [Theory]
    [InlineData(0, 1)]
    [InlineData(3, 8)]
    [InlineData(9, 120)]
    public void A_long_interval_is_not_waited_for_until_failures_have_come_to_its_length(int failures, int minutes) =>
        NextRun.After(Failed(FailureKind.Transient), TimeSpan.FromHours(2), failures, 0).In.ShouldBe(TimeSpan.FromMinutes(minutes));

    [Theory]
    [InlineData(0, 60)]
    [InlineData(1, 120)]
    [InlineData(2, 240)]
    [InlineData(1_000_000, 240)]
    public void A_run_after_failed_ones_waits_longer_for_the_first_byte(int failures, int seconds) =>
        CaldavClients.OfRun(failures).ResponseTimeout.ShouldBe(TimeSpan.FromSeconds(seconds));

    [Theory]
    [InlineData(FailureKind.Unauthorized, PauseReasons.Unauthorized)]
    [InlineData(FailureKind.CredentialRevoked, PauseReasons.CredentialRevoked)]
    [InlineData(FailureKind.MassDelete, PauseReasons.MassDelete)]
    public void What_only_its_owner_can_mend_pauses_until_he_does(object kind, string reason)
    {
        var next = NextRun.After(Failed((FailureKind)kind), Minute, 0, 0);
        next.PauseReason.ShouldBe(reason);
        next.PauseFor.ShouldBeNull();
    }

    [Theory]
    [InlineData(null, 0, 60)]
    [InlineData(300, 0, 300)]
    [InlineData(0, 0, 60)]
    [InlineData(0, 4, 960)]
    [InlineData(10_000_000, 0, 86_400)]
    public void A_throttling_server_gets_what_it_asks_for_with_a_growing_floor_and_an_end(int? asked, int failures, int seconds)
    {
        var failure = new SyncFailure(FailureKind.Throttled, "caldav_throttled", "", asked is { } s ? TimeSpan.FromSeconds(s) : null);
        var next = NextRun.After(SyncReport.Failed(failure), Minute, failures, 0);
        next.PauseFor.ShouldBe(TimeSpan.FromSeconds(seconds));
        next.PauseReason.ShouldBe(PauseReasons.Throttled);
    }

    [Fact]
    public void A_run_that_failed_for_some_events_only_keeps_the_schedule() =>
        NextRun.After(Failed(FailureKind.Partial), Minute, 5, 0).ShouldBe(new NextRun(Minute, null, null));

    private static SyncReport Failed(FailureKind kind) => SyncReport.Failed(new SyncFailure(kind, "x", "X."));
}
