using System.Security.Cryptography;
using System.Text;

namespace Lockstep.Server.Tenancy.Jwt;

/// <summary>Makes the user id out of who issued a token and for whom.</summary>
internal static class SubjectId
{
    /// <summary>Namespace of derived user ids. It must never change: every derived id would become another user.</summary>
    public static readonly Guid Namespace = new("3e416188-d5ac-4a4c-9c01-50237c8232d0");

    /// <summary>The id of the token's subject; the same for ever for the same issuer and subject.</summary>
    /// <returns>The subject itself when it is a UUID from the one issuer whose UUIDs are ids here, else <see cref="Derive"/>: another issuer
    /// could put anybody's id into its tokens.</returns>
    public static Guid Of(JwtClaims claims, JwtOptions options)
    {
        var trusted = options.Issuer is null ? claims.SignedByOwnSecret : claims.Issuer == options.Issuer;
        return trusted && Uuid(claims.Subject) is { } id ? id : Derive(claims.Issuer, claims.Subject);
    }

    /// <summary>UUIDv5 (RFC 9562 section 5.5) of <c>issuer NUL subject</c> in UTF-8; neither holds a NUL, so no two pairs share a name.</summary>
    public static Guid Derive(string issuer, string subject)
    {
        Span<byte> hash = stackalloc byte[SHA1.HashSizeInBytes];
#pragma warning disable CA5350 // RFC 9562 says SHA-1. Who finds a collision has made two subjects of an issuer that he controls.
        SHA1.HashData([.. Namespace.ToByteArray(bigEndian: true), .. Encoding.UTF8.GetBytes($"{issuer}\0{subject}")], hash);
#pragma warning restore CA5350
        hash[6] = (byte)((hash[6] & 0x0F) | 0x50);
        hash[8] = (byte)((hash[8] & 0x3F) | 0x80);
        return new Guid(hash[..16], bigEndian: true);
    }

    /// <summary>The hyphenated form alone, either case (RFC 9562 section 4); the nil and max UUIDs name nobody.</summary>
    private static Guid? Uuid(string subject) =>
        // TryParseExact would trim white space.
        subject.Length == 36 && Guid.TryParseExact(subject, "D", out var id) && id != Guid.Empty && id != Guid.AllBitsSet ? id : null;
}
