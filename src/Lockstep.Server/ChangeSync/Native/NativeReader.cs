using System.Runtime.CompilerServices;
using Lockstep.Server.ChangeSync.Schemas;
using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy.Memberships;
using Microsoft.AspNetCore.Http.HttpResults;
using NodaTime;

namespace Lockstep.Server.ChangeSync.Native;

/// <summary>Pulls and streams of the native protocol.</summary>
internal sealed class NativeReader(CursorCodec cursors, TableSchemas schemas, ScopeSignals signals, MembershipMirror memberships, TimeProvider time)
{

    private static readonly Duration Heartbeat = Duration.FromSeconds(25);

    /// <returns>An answer and what it covers, or a problem.</returns>
    public Task<(NativePullAnswer? Answer, Covered Covered, ProblemHttpResult? Problem)> Read(
        TenantSession session, string app, string? cursor, string[]? collections, int limit, CancellationToken ct) =>
        Read(session, app, cursor, collections, limit, PullRequest.UsualBytes, ct);

    private async Task<(NativePullAnswer? Answer, Covered Covered, ProblemHttpResult? Problem)> Read(
        TenantSession session, string app, string? cursor, string[]? collections, int limit, int bytes, CancellationToken ct)
    {
        var binding = Binding(app, collections);
        SyncCursor? position = null;
        if (!string.IsNullOrEmpty(cursor))
        {
            (position, var fault) = cursors.Read(cursor, session.Caller.RequiredUser, binding);
            if (fault == CursorFault.Malformed)
                return (null, default, Problems.Of(400, "invalid_cursor", "The cursor is not one of ours. Pass back the last one you got, whole, or none to start from the beginning."));
            if (fault == CursorFault.Foreign)
                return (null, default, Reset());
        }
        return await ChangeLog.Pull(session, new PullRequest(app, position, collections, limit, Bytes: bytes), ct) switch
        {
            PullOutcome.Page page => (NativePullAnswer.Of(page with { Changes = [.. page.Changes.Select(change => schemas.Upgrade(app, change))] }, cursors.Write(page.Cursor, session.Caller.RequiredUser, binding)), page.Covered, null),
            PullOutcome.TooOld => (null, default, Problems.Of(410, "resync_required",
                "What this cursor has not seen is no longer kept change by change. Pull without a cursor, then send what is unsent.")),
            _ => (null, default, Reset()),
        };
    }

    /// <summary>Catches up, then waits: for a commit on this node, or for the next look.</summary>
    public async IAsyncEnumerable<StreamEvent> Follow(
        TenantSession session, string app, string? cursor, string[]? collections, int limit, Instant end, [EnumeratorCancellation] CancellationToken ct)
    {
        using var subscription = signals.Subscribe(session.Caller.RequiredUser);
        var spoken = Instant.FromUnixTimeTicks(0); // The first word goes out at once: until then the client has no answer, not even its status.
        var look = true;
        while (Now() < end && !signals.Closed)
        {
            await memberships.Refresh(session.Caller.RequiredUser, ct);
            if (!look)
            {
                if (Now() >= spoken + Heartbeat)
                {
                    spoken = Now();
                    yield return StreamEvent.Heartbeat(cursor);
                }
                look = await StreamWait.For(subscription, session.Caller, ct);
                continue;
            }
            var (found, next, more) = await Next(session, app, cursor, collections, limit, subscription, ct);
            if (next is null)
            {
                yield return found!;
                yield break;
            }
            cursor = next;
            if (found is not null)
            {
                spoken = Now();
                yield return found;
                if (Now() > spoken + StreamWait.Lagging)
                {
                    yield return StreamEvent.Lagging;
                    yield break;
                }
            }
            else if (Now() >= spoken + Heartbeat)
            {
                spoken = Now();
                yield return StreamEvent.Heartbeat(cursor);
            }
            look = more || await StreamWait.For(subscription, session.Caller, ct);
        }
    }

    /// <returns>What there is to say, if anything; the cursor after it, null when that was the last word; whether there is more.</returns>
    private async Task<(StreamEvent? Event, string? Cursor, bool More)> Next(
        TenantSession session, string app, string? cursor, string[]? collections, int limit, ScopeSignalSubscription subscription, CancellationToken ct)
    {
        var (answer, covered, problem) = await Read(session, app, cursor, collections, limit, StreamWait.LargestEvent, ct);
        if (answer is null)
            return (StreamEvent.Of("error", problem!.ProblemDetails), null, false);
        subscription.Follow(covered);
        var silent = answer.Changes.Count == 0 && answer.RemovedScopes.Count == 0;
        return (silent ? null : StreamEvent.Of("changes", answer, answer.Cursor), answer.Cursor, answer.HasMore);
    }

    private Instant Now() => Instant.FromDateTimeOffset(time.GetUtcNow());

    // A cursor that has counted through some collections knows nothing of the others.
    internal static string Binding(string app, string[]? collections) =>
        "native\n" + app + "\n" + (collections is null ? "*" : string.Join('\n', collections.Order(StringComparer.Ordinal)));

    private static ProblemHttpResult Reset() => Problems.Of(409, "cursor_reset",
        "This cursor is of another history, user, app or set of collections. Pull without a cursor, then send what is unsent.");
}
