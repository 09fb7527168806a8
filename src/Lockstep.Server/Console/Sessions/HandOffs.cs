using System.Buffers.Text;
using System.Security.Cryptography;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using NodaTime;

namespace Lockstep.Server.Console.Sessions;

/// <summary>Whom a link would sign in.</summary>
/// <param name="Who">E-mail address, else id.</param>
internal sealed record HandOff(UserId User, string Who);

/// <summary>Links by which the operator's product hands its user over to the console: 256 random bits, good once and for two minutes.</summary>
internal sealed class HandOffs(Database database, TimeProvider time)
{
    public static readonly Duration Life = Duration.FromMinutes(2);

    private static readonly int Length = Base64Url.GetEncodedLength(ConsoleSession.KeySize);

    /// <param name="by">The service, on behalf of a user; the audit names both.</param>
    /// <returns>What stands in the link; null when the user was deleted meanwhile.</returns>
    public async Task<(string Ticket, Instant ExpiresAt)?> Make(Caller by, CancellationToken ct)
    {
        var bits = RandomNumberGenerator.GetBytes(ConsoleSession.KeySize);
        var expires = Instant.FromDateTimeOffset(time.GetUtcNow()) + Life;
        var session = database.For(Caller.Service with { Actor = by.Actor, Address = by.Address, RequestId = by.RequestId });
        var made = await session.Query(
            new Statement("SELECT lockstep.make_console_handoff($1, $2, $3)", by.RequiredUser.Value, SHA256.HashData(bits), expires), row => row.GetBoolean(0), ct);
        return made is [true] ? (Base64Url.EncodeToString(bits), expires) : null;
    }

    /// <summary>Without using it up: a mail scanner or a preview that opens the link takes nothing away.</summary>
    /// <returns>Null when it was used, has expired, or never was.</returns>
    public async Task<HandOff?> Find(string ticket, CancellationToken ct) => Hash(ticket) is not { } hash ? null : await database.For(Caller.Service).First(
        new Statement("SELECT h.user_id, h.email FROM lockstep.console_handoff($1) h", hash),
        row => new HandOff(new UserId(row.GetGuid(0)), row.GetStringOrNull(1) ?? row.GetGuid(0).ToString()), ct);

    /// <returns>Null when it was used, has expired, or never was.</returns>
    public async Task<UserId?> Take(string ticket, CancellationToken ct) => Hash(ticket) is not { } hash ? null
        : (await database.For(Caller.Service).Query(new Statement("SELECT lockstep.take_console_handoff($1)", hash), row => row.GetGuidOrNull(0), ct)) is [{ } user]
            ? new UserId(user) : null;

    private static byte[]? Hash(string ticket) =>
        ticket.Length == Length && Base64Url.IsValid(ticket) ? SHA256.HashData(Base64Url.DecodeFromChars(ticket)) : null;
}
