using System.Threading.Channels;

namespace Lockstep.Server.Integrations;

/// <summary>Tells the worker of this node that something became due, and whoever waits that a run ended. Other nodes see both by looking.</summary>
internal sealed class SyncSignal
{
    /// <summary>How often is looked where no signal comes, such as for what another node did.</summary>
    public static readonly TimeSpan Look = TimeSpan.FromSeconds(1);

    private readonly Channel<bool> due = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private TaskCompletionSource finished = New();

    public void Wake() => due.Writer.TryWrite(true);

    /// <summary>Waits for <see cref="Wake"/>, at most <see cref="Look"/>.</summary>
    public async Task WaitForWork(TimeProvider time, CancellationToken ct)
    {
        using var look = new CancellationTokenSource(Look, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(look.Token, ct);
        try
        {
            await due.Reader.ReadAsync(either.Token);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            // Nothing said; time to look.
        }
    }

    public void Finished() => Interlocked.Exchange(ref finished, New()).SetResult();

    /// <summary>Ask before looking for the result, so that none is missed.</summary>
    public Task NextFinished() => Volatile.Read(ref finished).Task;

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
