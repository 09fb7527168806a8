using Lockstep.Crypto;
using Lockstep.Crypto.Transit;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Crypto.Transit;

public sealed class CircuitBreakerTests
{
    private static readonly KeyTrouble Away = new(KeyTroubleKind.Away, "away");

    private readonly FakeTime time = new();

    [Fact]
    public void It_opens_after_some_failures_in_a_row_and_a_success_between_starts_anew()
    {
        var breaker = new CircuitBreaker(time);
        breaker.Failed(Away).ShouldBeFalse();
        breaker.Failed(Away).ShouldBeFalse();
        breaker.Succeeded();
        breaker.Failed(Away).ShouldBeFalse();
        breaker.Failed(Away).ShouldBeFalse();
        breaker.Enter().ShouldBeNull();
        breaker.Failed(Away).ShouldBeTrue();
        breaker.Enter().ShouldNotBeNull().RetryAfter!.Value.ShouldBeInRange(TimeSpan.FromSeconds(0.8), TimeSpan.FromSeconds(1.2));
    }

    [Fact]
    public void Half_open_lets_one_caller_through()
    {
        var breaker = Open();
        time.Advance(TimeSpan.FromSeconds(1.2));
        breaker.Enter().ShouldBeNull();
        breaker.Enter().ShouldNotBeNull();
        breaker.Succeeded();
        breaker.Enter().ShouldBeNull();
        breaker.Trouble.ShouldBeNull();
    }

    [Fact]
    public void Each_failed_probe_waits_twice_as_long_up_to_the_longest_wait()
    {
        var breaker = Open();
        foreach (var wait in new[] { 2, 4, 8, 8, 8 })
        {
            time.Advance(TimeSpan.FromSeconds(10));
            breaker.Enter().ShouldBeNull();
            breaker.Failed(Away);
            breaker.Enter()!.RetryAfter!.Value.ShouldBeInRange(TimeSpan.FromSeconds(wait * 0.8), TimeSpan.FromSeconds(wait * 1.2));
        }
    }

    [Fact]
    public void A_probe_whose_caller_left_makes_room_for_the_next()
    {
        var breaker = Open();
        time.Advance(TimeSpan.FromSeconds(2));
        breaker.Enter().ShouldBeNull();
        breaker.Abandoned();
        breaker.Enter().ShouldBeNull();
    }

    [Fact]
    public void Failures_of_requests_from_before_do_not_prolong_the_wait()
    {
        var breaker = Open();
        for (var i = 0; i < 20; i++)
            breaker.Failed(Away);
        time.Advance(TimeSpan.FromSeconds(1.2));
        breaker.Enter().ShouldBeNull();
    }

    private CircuitBreaker Open()
    {
        var breaker = new CircuitBreaker(time);
        breaker.Failed(Away, atOnce: true).ShouldBeTrue();
        return breaker;
    }
}
