using System.Collections.Concurrent;
using Lockstep.Server.Postgres;
using Microsoft.Extensions.Logging;

namespace Lockstep.Server.Tenancy.Memberships;

/// <summary>Keeps <c>workspace_members</c> as the operator's service says, user by user, at most five minutes old.</summary>
/// <remarks>
/// <code>
/// (1) claim    whoever finds the user's rows old takes a lease, so that one request of all nodes asks
/// (2) ask      no transaction open
/// (3) mirror   rows, and the time of asking, in one transaction
/// </code>
/// When the source does not answer the rows stay as they are: a cursor counts through what was visible, so nothing is passed unseen; a scope that
/// turns up later is read from its beginning.
/// </remarks>
internal sealed partial class MembershipMirror(Database database, MembershipSource source, TimeProvider time, ILogger<MembershipMirror> log)
{
    /// <summary>How long an answer holds.</summary>
    public static readonly TimeSpan Holds = TimeSpan.FromMinutes(5);

    /// <summary>How soon a source that did not answer is asked again.</summary>
    private static readonly TimeSpan AfterFailure = TimeSpan.FromSeconds(10);

    private const int MostRemembered = 100_000;

    private readonly ConcurrentDictionary<UserId, DateTimeOffset> fresh = new();

    public bool IsSource => source.IsElsewhere;

    /// <summary>Nothing but a look into memory while what is known holds.</summary>
    public async ValueTask Refresh(UserId user, CancellationToken ct)
    {
        if (!source.IsElsewhere || fresh.TryGetValue(user, out var until) && until > time.GetUtcNow())
            return;
        var service = database.For(Caller.Service);
        var claim = (await service.Query(
            new Statement("SELECT c.subject, c.fresh_for FROM lockstep.claim_memberships($1, $2, $3) c", user.Value, Holds, AfterFailure),
            row => (Subject: row.GetStringOrNull(0), For: row.GetFieldValue<TimeSpan>(1)), ct)).FirstOrDefault((null, AfterFailure));
        var holds = claim.For;
        if (claim.Subject is { } subject)
        {
            var (memberships, problem) = await source.Ask(subject, ct);
            if (memberships is null)
            {
                NotAnswered(log, user.Value, problem!);
                holds = AfterFailure;
            }
            else
            {
                await service.Execute(new Statement(
                    "SELECT lockstep.mirror_memberships($1, $2, $3)",
                    user.Value, memberships.Select(membership => membership.Space).ToArray(), memberships.Select(membership => membership.Role).ToArray()), ct);
                holds = Holds;
            }
        }
        if (fresh.Count >= MostRemembered)
            fresh.Clear();
        fresh[user] = time.GetUtcNow() + holds;
    }

    /// <summary>Asks anew for everybody who is called so, now: what was learnt before does not hold any more.</summary>
    /// <param name="user">An id or a subject; unknown ones are nobody's.</param>
    public async Task Invalidate(string user, CancellationToken ct)
    {
        var known = await database.For(Caller.Service).Query(
            new Statement("SELECT e FROM lockstep.expire_memberships($1) e", user), row => new UserId(row.GetGuid(0)), ct);
        foreach (var id in known)
        {
            fresh.TryRemove(id, out _);
            await Refresh(id, ct);
        }
    }

    [LoggerMessage(1201, LogLevel.Warning, "The memberships of {User} stay as they were, because LOCKSTEP_MEMBERSHIPS_URL did not tell: {Problem}")]
    private static partial void NotAnswered(ILogger logger, Guid user, string problem);
}
