using System.Runtime.CompilerServices;
using Lockstep.Server.ChangeSync.Schemas;
using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy.Memberships;
using NodaTime;
using NodaTime.Text;

namespace Lockstep.Server.ChangeSync.Mana;

/// <summary>Reads for mana clients, whose cursor begins with a time of fixed width.</summary>
/// <remarks>
/// <code>
/// 2026-03-01T09:00:00.123456Z~AbC...      the time: what clients compare, rises with every page, always 27 characters
/// `------------ 27 ---------´ `- signed: the position in each scope, which decides; it never passes a change in flight
/// </code>
/// A bare time, or a cursor signed by a key that is gone, stands for five minutes before it: no transaction of ours lasts that long,
/// and whoever joined a workspace since gets its history from the beginning.
/// </remarks>
internal sealed class ManaReader(CursorCodec cursors, TableSchemas schemas, ScopeSignals signals, MembershipMirror memberships, TimeProvider time)
{
    private const int PageSize = 1000;
    private const int TimeWidth = 27;

    private static readonly InstantPattern FixedWidth = InstantPattern.CreateWithInvariantCulture("uuuu-MM-ddTHH:mm:ss.ffffff'Z'");
    private static readonly Duration Margin = Duration.FromMinutes(5);
    private static readonly Duration Heartbeat = Duration.FromSeconds(30);
    private static readonly Instant Earliest = Instant.FromUtc(1971, 1, 1, 0, 0);
    private static readonly Instant Latest = Instant.FromUtc(9999, 1, 1, 0, 0);

    private static readonly Duration Microsecond = Duration.FromTicks(10);

    /// <param name="since">A cursor or RFC 3339; anything else is the beginning.</param>
    /// <param name="notBy">The client that asks; its own changes come only from the beginning. Empty: nobody.</param>
    public Task<ManaPage> Read(
        TenantSession session, string app, string? since, string[]? collections, string? notBy, CancellationToken ct) =>
        Read(session, app, since, collections, notBy, PullRequest.UsualBytes, ct);

    private async Task<ManaPage> Read(
        TenantSession session, string app, string? since, string[]? collections, string? notBy, int bytes, CancellationToken ct)
    {
        var (position, after) = Parse(session, app, since);
        var known = position is not null || after is not null;
        var request = new PullRequest(app, position, collections, PageSize, after - Margin, known && !string.IsNullOrEmpty(notBy) ? notBy : null, bytes, ById: true);
        if (await ChangeLog.Pull(session, request, ct) is not PullOutcome.Page page)
        {
            // The protocol has no word for a cursor of another history: everything once more is what a client merges without harm.
            (position, after) = (null, null);
            page = (PullOutcome.Page)await ChangeLog.Pull(session, new PullRequest(app, null, collections, PageSize, Bytes: bytes, ById: true), ct);
        }
        return new ManaPage([.. page.Changes.Select(change => ManaChangeView.Of(schemas.Upgrade(app, change)))], Cursor(session, app, since, position, after, page), page.HasMore, page.Covered);
    }

    /// <summary>Events table by table. All but the last of a page carry the cursor from before it, so that a break loses nothing.</summary>
    public async IAsyncEnumerable<StreamEvent> Follow(
        TenantSession session, string app, string? since, string[] collections, string? notBy, Instant end, [EnumeratorCancellation] CancellationToken ct)
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
                    yield return StreamEvent.Heartbeat();
                }
                look = await StreamWait.For(subscription, session.Caller, ct);
                continue;
            }
            var (found, next, more) = await Next(session, app, since, collections, notBy, subscription, ct);
            foreach (var item in found)
            {
                spoken = Now();
                yield return item;
                if (Now() > spoken + StreamWait.Lagging)
                {
                    yield return StreamEvent.Lagging;
                    yield break;
                }
            }
            since = next;
            if (found.Count == 0 && Now() >= spoken + Heartbeat)
            {
                spoken = Now();
                yield return StreamEvent.Heartbeat();
            }
            look = more || await StreamWait.For(subscription, session.Caller, ct);
        }
    }

    private async Task<(IReadOnlyList<StreamEvent> Events, string Cursor, bool More)> Next(
        TenantSession session, string app, string? since, string[] collections, string? notBy, ScopeSignalSubscription subscription, CancellationToken ct)
    {
        var page = await Read(session, app, since, collections, notBy, StreamWait.LargestEvent, ct);
        subscription.Follow(page.Covered);
        var tables = page.Changes.GroupBy(change => change.Table).ToList();
        return ([.. tables.Select((table, i) => i == tables.Count - 1
            ? StreamEvent.Of("changes", new ManaStreamPage(table.Key, [.. table], page.SyncedUntil, page.HasMore), page.SyncedUntil)
            : StreamEvent.Of("changes", new ManaStreamPage(table.Key, [.. table], since ?? "", true)))], page.SyncedUntil, page.HasMore);
    }

    private (SyncCursor? Position, Instant? After) Parse(TenantSession session, string app, string? since)
    {
        if (string.IsNullOrEmpty(since))
            return (null, null);
        // Everything of a cursor is the client's to change, its time too.
        if (since.Length > TimeWidth && since[TimeWidth] == '~' && FixedWidth.Parse(since[..TimeWidth]) is { Success: true, Value: var time } && time < Latest &&
            cursors.Read(since[(TimeWidth + 1)..], session.Caller.RequiredUser, Binding(app)).Cursor is { } cursor)
            return (cursor, null);
        var text = since.Length > TimeWidth && since[TimeWidth] == '~' ? since[..TimeWidth] : since;
        return Rfc3339.Read(text) is { } at && at >= Earliest ? (null, at) : (null, null);
    }

    private string Cursor(TenantSession session, string app, string? since, SyncCursor? position, Instant? after, PullOutcome.Page page)
    {
        if (position is not null && Same(position, page.Cursor))
            return since!;
        // Who comes with a time of another server compares with that text, whose last zeros may be missing: what is sure to be later is the next second.
        // A time that nobody can have been given yet is not kept.
        Instant? least = position is not null ? FixedWidth.Parse(since![..TimeWidth]).GetValueOrThrow() + Microsecond
            : after is { } bare && bare <= Now() + Margin ? Instant.FromUnixTimeSeconds(bare.ToUnixTimeSeconds() + 1) : null;
        var covered = page.Position < least ? least.Value : page.Position;
        return FixedWidth.Format(covered) + "~" + cursors.Write(page.Cursor, session.Caller.RequiredUser, Binding(app));
    }

    private static bool Same(SyncCursor left, SyncCursor right) =>
        left.Scopes.Count == right.Scopes.Count &&
        left.Scopes.All(scope => right.Scopes.TryGetValue(scope.Key, out var other) && other == scope.Value);

    private static string Binding(string app) => "mana\n" + app;

    private Instant Now() => Instant.FromDateTimeOffset(time.GetUtcNow());
}

internal sealed record ManaPage(IReadOnlyList<ManaChangeView> Changes, string SyncedUntil, bool HasMore, Covered Covered);
