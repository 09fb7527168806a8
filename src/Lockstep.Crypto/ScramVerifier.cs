using System.Text;

namespace Lockstep.Crypto;

/// <summary>
/// What PostgreSQL stores instead of a password (RFC 5802 section 3, RFC 7677; PostgreSQL manual, pg_authid). Given as the password in
/// CREATE or ALTER ROLE, it keeps the password itself out of the server, its log and its statistics.
/// </summary>
public static class ScramVerifier
{
    private const int Iterations = 4096;
    private const int SaltBytes = 16;

    /// <summary>Salted anew at each call; every result fits the password.</summary>
    /// <param name="password">Printable ASCII, not empty: other text would need SASLprep (RFC 4013), which is not here.</param>
    /// <returns><c>SCRAM-SHA-256$4096:salt$StoredKey:ServerKey</c>, free of quotes and backslashes.</returns>
    /// <exception cref="ArgumentException">The password is empty or not printable ASCII.</exception>
    public static string Create(Secret password)
    {
        Span<byte> salt = stackalloc byte[SaltBytes];
        Primitives.Random(salt);
        return Create(password, salt);
    }

    internal static string Create(Secret password, ReadOnlySpan<byte> salt)
    {
        ArgumentNullException.ThrowIfNull(password);
        var bytes = password.RevealBytes();
        Span<byte> saltedPassword = stackalloc byte[Primitives.HashBytes];
        Span<byte> clientKey = stackalloc byte[Primitives.HashBytes];
        Span<byte> storedKey = stackalloc byte[Primitives.HashBytes];
        Span<byte> serverKey = stackalloc byte[Primitives.HashBytes];
        try
        {
            if (bytes.Length == 0 || bytes.AsSpan().ContainsAnyExceptInRange((byte)0x20, (byte)0x7e))
                throw new ArgumentException("The password of a database role must be printable ASCII and not empty.", nameof(password));

            Primitives.Pbkdf2Sha256(bytes, salt, Iterations, saltedPassword);
            Primitives.HmacSha256(saltedPassword, Encoding.ASCII.GetBytes("Client Key"), clientKey);
            Primitives.Sha256(clientKey, storedKey);
            Primitives.HmacSha256(saltedPassword, Encoding.ASCII.GetBytes("Server Key"), serverKey);
            return $"SCRAM-SHA-256${Iterations}:{Convert.ToBase64String(salt)}"
                + $"${Convert.ToBase64String(storedKey)}:{Convert.ToBase64String(serverKey)}";
        }
        finally
        {
            Primitives.Clear(bytes);
            Primitives.Clear(saltedPassword);
            Primitives.Clear(clientKey);
        }
    }
}
