namespace Lockstep.Server.Integrations;

/// <summary>The lease of a run, renewed in the background. Whoever writes asks it first.</summary>
internal sealed class HeldLease : IAsyncDisposable
{
    private readonly DueWork due;
    private readonly Work work;
    private readonly TimeProvider time;
    private readonly CancellationTokenSource lost;
    private readonly CancellationTokenSource stopRenewing = new();
    private readonly Task renewing;
    private long renewedAt;

    /// <param name="stop">Ends the run as if the lease were lost.</param>
    public HeldLease(DueWork due, Work work, TimeProvider time, CancellationToken stop)
    {
        (this.due, this.work, this.time) = (due, work, time);
        renewedAt = time.GetTimestamp();
        lost = CancellationTokenSource.CreateLinkedTokenSource(stop);
        renewing = Renew();
    }

    /// <summary>Cancelled when the run must stop.</summary>
    public CancellationToken Held => lost.Token;

    /// <summary>For the moment before a write: a process that was suspended finds out here that its time is over.</summary>
    /// <exception cref="OperationCanceledException">The lease is lost.</exception>
    public void Require()
    {
        if (time.GetElapsedTime(Interlocked.Read(ref renewedAt)) >= DueWork.Lease)
            lost.Cancel();
        lost.Token.ThrowIfCancellationRequested();
    }

    public async ValueTask DisposeAsync()
    {
        await stopRenewing.CancelAsync();
        await renewing;
        stopRenewing.Dispose();
        lost.Dispose();
    }

    private async Task Renew()
    {
        using var tick = new PeriodicTimer(DueWork.Lease / 3, time);
        try
        {
            while (await tick.WaitForNextTickAsync(stopRenewing.Token))
            {
                // Counted from before the request: the database's clock starts no later.
                var asked = time.GetTimestamp();
                if (!await due.Renew(work, stopRenewing.Token))
                {
                    await lost.CancelAsync();
                    return;
                }
                Interlocked.Exchange(ref renewedAt, asked);
            }
        }
        catch (OperationCanceledException)
        {
            // The run has ended.
        }
        catch (Npgsql.NpgsqlException)
        {
            // Not renewed: no write may follow, and another node takes over.
            await lost.CancelAsync();
        }
    }
}
