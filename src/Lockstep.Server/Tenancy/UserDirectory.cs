using System.Collections.Concurrent;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy.Jwt;
using Lockstep.Server.Tenancy.Memberships;

namespace Lockstep.Server.Tenancy;

/// <summary>Makes the user of a verified token on first sight, and remembers for a while whom it has seen.</summary>
internal sealed class UserDirectory(Database database, JwtOptions options, MembershipMirror memberships, TimeProvider time)
{
    /// <summary>How long a known user costs no round trip. A user deleted meanwhile by somebody else is made again after it, or when a write
    /// has found out.</summary>
    private static readonly TimeSpan Remembered = TimeSpan.FromMinutes(5);

    private const int MaximumRemembered = 100_000;

    private readonly ConcurrentDictionary<(UserId Id, string? VerifiedEmail), DateTimeOffset> seen = new();

    public async ValueTask<UserId> Ensure(JwtClaims claims, CancellationToken ct)
    {
        var user = await Meet(claims, ct);
        await memberships.Refresh(user, ct);
        return user;
    }

    /// <summary>For who stays connected: memberships as they are elsewhere, where they come from there.</summary>
    public ValueTask Refresh(UserId user, CancellationToken ct) => memberships.Refresh(user, ct);

    private async ValueTask<UserId> Meet(JwtClaims claims, CancellationToken ct)
    {
        var user = new UserId(SubjectId.Of(claims, options));
        var key = (user, claims.EmailVerified ? claims.Email : null);
        if (seen.TryGetValue(key, out var until) && until > time.GetUtcNow())
            return user;
        await database.For(Caller.Service).Query(
            new Statement(
                "SELECT lockstep.ensure_user($1, $2, $3, $4, $5)",
                user.Value, claims.Issuer, claims.Subject, claims.Email, claims.EmailVerified),
            row => row.GetBoolean(0),
            ct);
        if (seen.Count >= MaximumRemembered)
            seen.Clear();
        seen[key] = time.GetUtcNow() + Remembered;
        return user;
    }

    /// <summary>Whether there is such a user, for work on somebody's behalf. Their memberships are those of elsewhere afterwards.</summary>
    public async ValueTask<bool> Knows(UserId user, CancellationToken ct)
    {
        if (!await IsKnown(user, ct))
            return false;
        await memberships.Refresh(user, ct);
        return true;
    }

    private async ValueTask<bool> IsKnown(UserId user, CancellationToken ct)
    {
        if (seen.TryGetValue((user, null), out var until) && until > time.GetUtcNow())
            return true;
        var found = await database.For(Caller.Worker(user)).Query(
            new Statement("SELECT 1 FROM auth.users WHERE id = $1", user.Value), row => row.GetInt32(0), ct);
        if (found.Count > 0)
            seen[(user, null)] = time.GetUtcNow() + Remembered;
        return found.Count > 0;
    }

    /// <summary>After a deletion: the next token of this user makes it anew.</summary>
    public void Forget(UserId user)
    {
        foreach (var key in seen.Keys.Where(key => key.Id == user))
            seen.TryRemove(key, out _);
    }
}
