using System.Buffers.Text;
using System.Security.Cryptography;
using Lockstep.Server.Tenancy;
using NodaTime;

namespace Lockstep.Server.Console.Sessions;

/// <summary>Somebody who is signed in.</summary>
/// <param name="Key">The cookie's bytes.</param>
/// <param name="User">Null for an operator.</param>
/// <param name="Who">E-mail address, else id; or the operator's subject.</param>
internal sealed record ConsoleSession(Guid Id, byte[] Key, UserId? User, string Who, Instant ExpiresAt)
{
    /// <summary>256 bits.</summary>
    public const int KeySize = 32;

    /// <summary>What each form of this session carries; nobody can make it who does not have the cookie, which no script can read.</summary>
    public string FormToken { get; } = Base64Url.EncodeToString(HMACSHA256.HashData(Key, "lockstep/console/form/v1"u8).AsSpan(0, 18));

    public bool IsOperator => User is null;

    public bool IsFormToken(string given) => CryptographicOperations.FixedTimeEquals(
        System.Text.Encoding.UTF8.GetBytes(FormToken), System.Text.Encoding.UTF8.GetBytes(given));
}
