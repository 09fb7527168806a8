using Lockstep.Server.Postgres;

namespace Lockstep.Server.ChangeSync;

/// <summary>A push on its way into a transaction that it may share.</summary>
/// <param name="ct">Of the request: whoever has gone while waiting is left out; once it is in a transaction it stays.</param>
internal sealed class WaitingPush(TenantSession session, string app, string clientId, IReadOnlyList<NumberedChange> mutations, CancellationToken ct)
{
    private readonly TaskCompletionSource<PushOutcome> completion = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public TenantSession Session => session;

    public string App => app;

    public string ClientId => clientId;

    public IReadOnlyList<NumberedChange> Mutations => mutations;

    public CancellationToken RequestEnded => ct;

    public Task<PushOutcome> Outcome => completion.Task;

    public void Complete(PushOutcome outcome) => completion.TrySetResult(outcome);

    public void Fail(Exception exception) => completion.TrySetException(exception);

    public void Cancel() => completion.TrySetCanceled(ct);
}
