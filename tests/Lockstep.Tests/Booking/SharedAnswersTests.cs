using Lockstep.Server.Booking;
using Lockstep.Tests.Support;
using NodaTime;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Booking;

public sealed class SharedAnswersTests : IDisposable
{
    private readonly FakeTime time = new();
    private readonly SharedAnswers<string, int> answers;
    private int asked;

    public SharedAnswersTests() => answers = new(time, Duration.FromSeconds(15), most: 2, atOnce: 2);

    public void Dispose() => answers.Dispose();

    [Fact]
    public async Task All_who_ask_the_same_at_once_get_one_answer()
    {
        var open = new TaskCompletionSource();
        var all = Enumerable.Range(0, 10).Select(_ => Ask("same", open.Task)).ToList();
        open.SetResult();
        (await Task.WhenAll(all)).ShouldAllBe(answer => answer == 1);
    }

    [Fact]
    public async Task An_answer_is_kept_for_its_time_and_no_longer()
    {
        (await Ask("kept")).ShouldBe(1);
        time.Advance(TimeSpan.FromSeconds(14));
        (await Ask("kept")).ShouldBe(1);
        time.Advance(TimeSpan.FromSeconds(1));
        (await Ask("kept")).ShouldBe(2);
    }

    [Fact]
    public async Task Of_many_answers_the_oldest_make_room()
    {
        foreach (var question in new[] { "a", "b", "c" })
        {
            await Ask(question);
            time.Advance(TimeSpan.FromSeconds(1));
        }
        (await Ask("c")).ShouldBe(3);
        (await Ask("a")).ShouldBe(4);
    }

    [Fact]
    public async Task A_failure_is_not_kept()
    {
        await Should.ThrowAsync<InvalidOperationException>(() => Ask("failing", Task.FromException(new InvalidOperationException())));
        (await Ask("failing")).ShouldBe(2);
    }

    [Fact]
    public async Task No_more_than_two_are_worked_on_at_once_and_who_waits_may_leave()
    {
        var open = new TaskCompletionSource();
        var working = new[] { Ask("a", open.Task), Ask("b", open.Task) };
        while (Volatile.Read(ref asked) < 2)
            await Task.Yield();
        using var patience = new CancellationTokenSource();
        var third = answers.Get("c", _ => Task.FromResult(Interlocked.Increment(ref asked)), patience.Token);
        third.IsCompleted.ShouldBeFalse();
        await patience.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(() => third);
        open.SetResult();
        await Task.WhenAll(working);
        asked.ShouldBe(2);
        (await Ask("c")).ShouldBe(3);
    }

    [Fact]
    public async Task Work_that_nobody_waits_for_is_stopped_and_what_somebody_waits_for_goes_on()
    {
        var stopped = new TaskCompletionSource();
        using var first = new CancellationTokenSource();
        using var second = new CancellationTokenSource();
        async Task<int> Forever(CancellationToken stop)
        {
            await using var registration = stop.Register(stopped.SetResult);
            await Task.Delay(Timeout.InfiniteTimeSpan, stop);
            return 0;
        }
        var (one, two) = (answers.Get("long", Forever, first.Token), answers.Get("long", Forever, second.Token));
        await first.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(() => one);
        stopped.Task.IsCompleted.ShouldBeFalse();
        await second.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(() => two);
        (await Ask("long")).ShouldBe(1);
    }

    private Task<int> Ask(string question, Task? until = null) => answers.Get(question, async _ =>
    {
        var number = Interlocked.Increment(ref asked);
        await (until ?? Task.CompletedTask);
        return number;
    }, TestContext.Current.CancellationToken);
}
