using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using Lockstep.Server.Postgres;
using NodaTime;

namespace Lockstep.Server.Tenancy.ApiTokens;

/// <summary>From the text of a token to what it may do: at most one round trip, and none for <see cref="Fresh"/> after one.</summary>
/// <remarks>A revocation counts at once on the node that made it, on the others after <see cref="Fresh"/>.</remarks>
internal sealed class ApiTokenLookup(Database database, TimeProvider time)
{
    public static readonly TimeSpan Fresh = TimeSpan.FromSeconds(30);

    /// <summary>Tokens that nobody knows, a minute and address. Guessing 256 bits is hopeless; the brake spares the database.</summary>
    public const int UnknownAMinute = 60;

    private const int MaximumRemembered = 10_000;

    private static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    // By the hash in hex: the text of a token is not kept.
    private readonly ConcurrentDictionary<string, (ApiToken Token, long ReadAt)> seen = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, (long Since, int Count)> unknown = new(StringComparer.Ordinal);

    public async ValueTask<ApiTokenOutcome> Find(string text, IPAddress? address, CancellationToken ct)
    {
        if (!ApiTokenText.IsWellFormed(text))
            return new ApiTokenOutcome.Unknown();
        var hash = ApiTokenText.Hash(text);
        var key = Convert.ToHexString(hash);
        var known = seen.TryGetValue(key, out var last);
        if (known && time.GetElapsedTime(last.ReadAt) < Fresh)
            return Judge(last.Token, hash);
        // One that was good before gets past the brake: behind a proxy everybody has one address.
        if (!known && Waits(address) is { } wait)
            return new ApiTokenOutcome.Braked(wait);
        var readAt = time.GetTimestamp();
        var found = await database.For(Caller.Service).First(
            new Statement(
                """
                SELECT t.id, t.user_id, t.workspace_id, t.hash, t.scopes, t.credential_ids, t.providers, t.expires_at, t.revoked
                FROM   lockstep.use_api_token($1) t
                """, hash),
            ApiToken.Read,
            ct);
        if (found is null)
        {
            seen.TryRemove(key, out _);
            Count(address);
            return new ApiTokenOutcome.Unknown();
        }
        if (seen.Count >= MaximumRemembered)
            seen.Clear();
        seen[key] = (found, readAt);
        return Judge(found, hash);
    }

    /// <summary>After a revocation.</summary>
    public void Forget(Guid token)
    {
        foreach (var (key, _) in seen.Where(entry => entry.Value.Token.Id == token))
            seen.TryRemove(key, out _);
    }

    private ApiTokenOutcome Judge(ApiToken token, byte[] hash) =>
        !CryptographicOperations.FixedTimeEquals(token.Hash, hash) ? new ApiTokenOutcome.Unknown()
        : token.Revoked ? new ApiTokenOutcome.Revoked()
        : token.ExpiresAt <= Instant.FromDateTimeOffset(time.GetUtcNow()) ? new ApiTokenOutcome.Expired()
        : new ApiTokenOutcome.Valid(token);

    private TimeSpan? Waits(IPAddress? address) =>
        unknown.TryGetValue(address?.ToString() ?? "", out var count) && count.Count >= UnknownAMinute && time.GetElapsedTime(count.Since) is var passed && passed < Window
            ? Window - passed
            : null;

    private void Count(IPAddress? address)
    {
        if (unknown.Count >= MaximumRemembered)
            unknown.Clear();
        var now = time.GetTimestamp();
        unknown.AddOrUpdate(
            address?.ToString() ?? "",
            _ => (now, 1),
            (_, count) => time.GetElapsedTime(count.Since, now) >= Window ? (now, 1) : (count.Since, count.Count + 1));
    }
}
