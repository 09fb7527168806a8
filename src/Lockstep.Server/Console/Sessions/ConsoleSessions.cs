using System.Security.Cryptography;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Tenancy.Jwt;
using NodaTime;

namespace Lockstep.Server.Console.Sessions;

/// <summary>The door to sessions. A session is made by signing in and by nothing else, with a new key each time, so that nobody can fix another's.</summary>
internal sealed class ConsoleSessions(Database database, TimeProvider time)
{
    /// <summary>From signing in to the end, whatever one does.</summary>
    public static readonly Duration Life = Duration.FromHours(12);

    /// <summary>Without a page for so long, one signs in again.</summary>
    public static readonly Duration Rest = Duration.FromHours(2);

    /// <returns>The cookie's bytes; null when the user was deleted meanwhile.</returns>
    public Task<byte[]?> Open(UserId user, RequestFrom from, CancellationToken ct) =>
        Open(user, null, $"user:{user}", Now + Life, from, ct);

    /// <summary>For who comes with a token: the session ends with it, or before.</summary>
    /// <param name="user">Of the token; null for the service role.</param>
    public Task<byte[]?> Open(JwtClaims claims, UserId? user, RequestFrom from, CancellationToken ct) =>
        Open(user, user is null ? claims.Subject : null, user is null ? $"service:{claims.Subject}" : $"user:{user}", Instant.Min(Now + Life, claims.ExpiresAt), from, ct);

    /// <returns>Null for a session that has ended, or never was.</returns>
    public async Task<ConsoleSession?> Find(byte[] key, CancellationToken ct) => await database.For(Caller.Service).First(
        new Statement("SELECT id, user_id, service_subject, email, expires_at FROM lockstep.use_console_session($1, $2)", SHA256.HashData(key), Rest.ToTimeSpan()),
        row => new ConsoleSession(
            row.GetGuid(0),
            key,
            row.GetGuidOrNull(1) is { } user ? new UserId(user) : null,
            row.GetStringOrNull(3) ?? row.GetStringOrNull(2) ?? row.GetGuid(1).ToString(),
            row.GetInstant(4)),
        ct);

    public Task End(byte[] key, RequestFrom from, CancellationToken ct) =>
        As("console", from).Query(new Statement("SELECT lockstep.end_console_session($1)", SHA256.HashData(key)), row => row.GetBoolean(0), ct);

    private Instant Now => Instant.FromDateTimeOffset(time.GetUtcNow());

    private async Task<byte[]?> Open(UserId? user, string? subject, string actor, Instant expires, RequestFrom from, CancellationToken ct)
    {
        var key = RandomNumberGenerator.GetBytes(ConsoleSession.KeySize);
        var opened = await As(actor, from).Query(
            new Statement("SELECT lockstep.open_console_session($1, $2, $3, $4, $5)", Guid.CreateVersion7(), user?.Value, subject, SHA256.HashData(key), expires),
            row => row.GetBoolean(0), ct);
        return opened is [true] ? key : null;
    }

    private TenantSession As(string actor, RequestFrom from) =>
        database.For(Caller.Service with { Actor = actor, Address = from.Address, RequestId = from.RequestId });
}

/// <summary>Where a request comes from, for the audit.</summary>
internal sealed record RequestFrom(System.Net.IPAddress? Address, string RequestId);
