using System.Buffers.Text;

namespace Lockstep.Crypto;

/// <summary>Secrets that every node computes from the JWT secret, so that nodes agree without talking.</summary>
public static class DerivedSecrets
{
    /// <summary>32 bytes, the least that HS256 takes (RFC 7518 section 3.2).</summary>
    public const int MinJwtSecretBytes = 32;

    private const string RolePasswordLabel = "lockstep/role-password/v1";

    /// <summary>The password of a database role: 43 characters of base64url, always the same for the same secret and role.</summary>
    /// <exception cref="ArgumentException">The JWT secret is shorter than <see cref="MinJwtSecretBytes"/>.</exception>
    public static Secret RolePassword(Secret jwtSecret, string role)
    {
        ArgumentNullException.ThrowIfNull(jwtSecret);
        ArgumentException.ThrowIfNullOrEmpty(role);
        if (jwtSecret.Length < MinJwtSecretBytes)
            throw new ArgumentException($"The JWT secret has {jwtSecret.Length} bytes; at least {MinJwtSecretBytes} are needed.", nameof(jwtSecret));

        var input = jwtSecret.RevealBytes();
        Span<byte> output = stackalloc byte[Primitives.KeyBytes];
        try
        {
            Primitives.HkdfSha256(input, new Binding(RolePasswordLabel).Add(role).Bytes, output);
            var password = Secret.NewBuffer(Base64Url.GetEncodedLength(output.Length));
            Base64Url.EncodeToUtf8(output, password);
            return new Secret(password);
        }
        finally
        {
            Primitives.Clear(input);
            Primitives.Clear(output);
        }
    }
}
