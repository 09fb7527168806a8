using System.Buffers.Binary;
using System.Security.Cryptography;
using Lockstep.Crypto;

namespace Lockstep.Server.Vault.OAuth;

/// <summary>The secrets of a grant as the one value that is sealed.</summary>
/// <remarks>
/// <code>
/// 0x00 "lockstep/oauth/v1" 0x00 | length, access token | length, refresh token | length, client secret
/// </code>
/// Lengths are 32 bits, big endian; all ones stand for none. The column beside it says that a value is a bundle, and the beginning, which is sealed
/// with it, has to agree: a row that was tampered with never has the whole bundle released as if it were a token.
/// </remarks>
internal sealed class TokenBundle(Secret access, Secret? refresh, Secret? client) : IDisposable
{
    private const uint None = uint.MaxValue;

    private static readonly byte[] Beginning = [0, .. "lockstep/oauth/v1"u8, 0];

    public Secret Access => access;

    public Secret? Refresh => refresh;

    public Secret? Client => client;

    /// <summary>Whether a value begins as a bundle does; no value that somebody stores may.</summary>
    public static bool IsBundle(Secret value)
    {
        var bytes = value.RevealBytes();
        try
        {
            return bytes.AsSpan().StartsWith(Beginning);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
        }
    }

    /// <returns>Null when the value is no bundle.</returns>
    public static TokenBundle? Open(Secret value)
    {
        var bytes = value.RevealBytes();
        try
        {
            if (!bytes.AsSpan().StartsWith(Beginning))
                return null;
            var rest = bytes.AsSpan(Beginning.Length);
            var wellFormed = Take(ref rest, out var access) & Take(ref rest, out var refresh) & Take(ref rest, out var client);
            if (wellFormed && access is not null && rest.IsEmpty)
                return new TokenBundle(access, refresh, client);
            access?.Dispose();
            refresh?.Dispose();
            client?.Dispose();
            return null;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
        }
    }

    /// <summary>What is sealed; the caller disposes it.</summary>
    public Secret ToSecret()
    {
        var bytes = new byte[Beginning.Length + Size(access) + Size(refresh) + Size(client)];
        try
        {
            Beginning.CopyTo(bytes, 0);
            var rest = bytes.AsSpan(Beginning.Length);
            Put(ref rest, access);
            Put(ref rest, refresh);
            Put(ref rest, client);
            return Secret.FromBytes(bytes);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
        }
    }

    public void Dispose()
    {
        access.Dispose();
        refresh?.Dispose();
        client?.Dispose();
    }

    private static int Size(Secret? part) => sizeof(uint) + (part?.Length ?? 0);

    private static void Put(ref Span<byte> rest, Secret? part)
    {
        BinaryPrimitives.WriteUInt32BigEndian(rest, part is null ? None : (uint)part.Length);
        rest = rest[sizeof(uint)..];
        part?.RevealTo(rest);
        rest = rest[(part?.Length ?? 0)..];
    }

    private static bool Take(ref Span<byte> rest, out Secret? part)
    {
        part = null;
        if (!BinaryPrimitives.TryReadUInt32BigEndian(rest, out var length))
            return false;
        rest = rest[sizeof(uint)..];
        if (length == None)
            return true;
        if (length > rest.Length)
            return false;
        part = Secret.FromBytes(rest[..(int)length]);
        rest = rest[(int)length..];
        return true;
    }
}
