using Lockstep.Server.Integrations;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Integrations;

/// <summary>Who may run now. Nothing here asks the clock how long something took: runs end when the test says so.</summary>
public sealed class RunPlacesTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly RunPlaces places = new(
        new IntegrationOptions
        {
            Parallel = 2,
            ParallelPerHost = 2,
            ParallelPerOwner = 2,
            SlowAfter = TimeSpan.FromMilliseconds(50),
            MostSlow = 3,
            HostPatience = TimeSpan.FromMilliseconds(100),
        },
        TimeProvider.System);

    private readonly List<FakeRun> runs = [];

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => places.Dispose();

    [Fact]
    public async Task A_server_runs_no_more_than_its_share_and_the_rest_is_sent_away_for_a_while()
    {
        var (one, two) = (Start("slow", Guid.CreateVersion7()), Start("slow", Guid.CreateVersion7()));
        await one.Begun.WaitAsync(Patience, Ct);
        await two.Begun.WaitAsync(Patience, Ct);

        var third = Start("slow", Guid.CreateVersion7());

        (await third.Carried.WaitAsync(Patience, Ct)).ShouldNotBeNull().ShouldBeInRange(TimeSpan.FromMilliseconds(50), TimeSpan.FromSeconds(45));
        third.Begun.IsCompleted.ShouldBeFalse();
        await End(one, two);
    }

    [Fact]
    public async Task An_owner_with_many_servers_runs_no_more_than_his_share()
    {
        var owner = Guid.CreateVersion7();
        var (one, two) = (Start("a", owner), Start("b", owner));
        await one.Begun.WaitAsync(Patience, Ct);
        await two.Begun.WaitAsync(Patience, Ct);

        (await Start("c", owner).Carried.WaitAsync(Patience, Ct)).ShouldNotBeNull();
        await End(one, two);
    }

    [Fact]
    public async Task Runs_that_have_become_slow_give_their_place_to_others()
    {
        var (one, two) = (Start("a", Guid.CreateVersion7()), Start("b", Guid.CreateVersion7()));
        await one.Begun.WaitAsync(Patience, Ct);
        await two.Begun.WaitAsync(Patience, Ct);

        var third = Start("c", Guid.CreateVersion7());

        await third.Begun.WaitAsync(Patience, Ct);
        one.Carried.IsCompleted.ShouldBeFalse();
        await End(one, two, third);
    }

    [Fact]
    public async Task What_waits_for_a_busy_server_holds_up_nobody_else()
    {
        var (one, two) = (Start("slow", Guid.CreateVersion7()), Start("slow", Guid.CreateVersion7()));
        await one.Begun.WaitAsync(Patience, Ct);
        await two.Begun.WaitAsync(Patience, Ct);
        var crowd = Enumerable.Range(0, 200).Select(_ => Start("slow", Guid.CreateVersion7())).ToList();

        var other = Start("good", Guid.CreateVersion7());

        await other.Begun.WaitAsync(Patience, Ct);
        await End(other);
        foreach (var run in crowd)
            (await run.Carried.WaitAsync(Patience, Ct)).ShouldNotBeNull();
        await End(one, two);
        places.Free(0).ShouldBe(8);
    }

    [Fact]
    public async Task A_run_that_fails_frees_its_places()
    {
        for (var i = 0; i < 5; i++)
            await Should.ThrowAsync<IOException>(() => places.Carry("a", Guid.Empty, () => throw new IOException(), Ct));

        var after = Start("a", Guid.Empty);
        await after.Begun.WaitAsync(Patience, Ct);
        await End(after);
    }

    private FakeRun Start(string server, Guid owner)
    {
        var run = new FakeRun();
        run.Carried = places.Carry(server, owner, run.Run, Ct);
        runs.Add(run);
        return run;
    }

    private static async Task End(params FakeRun[] ended)
    {
        foreach (var run in ended)
        {
            run.End();
            (await run.Carried.WaitAsync(Patience, Ct)).ShouldBeNull();
        }
    }

    private sealed class FakeRun
    {
        private readonly TaskCompletionSource begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource end = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Begun => begun.Task;

        public Task<TimeSpan?> Carried { get; set; } = Task.FromResult<TimeSpan?>(null);

        public Task Run()
        {
            begun.TrySetResult();
            return end.Task;
        }

        public void End() => end.TrySetResult();
    }
}
