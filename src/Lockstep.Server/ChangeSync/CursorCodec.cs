using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Lockstep.Server.Tenancy;

namespace Lockstep.Server.ChangeSync;

/// <summary>The key that signs cursors: 32 bytes, the same on every node.</summary>
internal sealed record CursorKey(byte[] Value)
{
    /// <summary>By HKDF (RFC 5869) from a secret that the nodes share.</summary>
    public static CursorKey Derive(byte[] secret) =>
        new(HKDF.DeriveKey(HashAlgorithmName.SHA256, secret, 32, info: "lockstep/cursor/v1"u8.ToArray()));

    public override string ToString() => "***";
}

internal enum CursorFault
{
    None,

    /// <summary>Not a cursor of ours at all.</summary>
    Malformed,

    /// <summary>Of another user, app or set of collections, of a former form, or signed by a key that is gone.</summary>
    Foreign,
}

/// <summary>Cursors as text: base64url of version, HMAC-SHA256 cut to 16 bytes, and the positions. 48 characters a space, where it is
/// named by its id.</summary>
internal sealed class CursorCodec(CursorKey key)
{
    /// <summary>1 wrote the positions as JSON, 140 characters a space: too long for a request line from 57 spaces on.</summary>
    private const byte Former = 1;

    private const byte Version = 2;
    private const int TagSize = 16;

    /// <param name="binding">What the cursor counts through; part of the signature, not of the text.</param>
    public string Write(SyncCursor cursor, UserId user, string binding)
    {
        var body = CursorBytes.Write(cursor);
        return Base64Url.EncodeToString([Version, .. Tag(body, user, binding), .. body]);
    }

    public (SyncCursor? Cursor, CursorFault Fault) Read(string text, UserId user, string binding)
    {
        if (!Base64Url.IsValid(text) || Base64Url.DecodeFromChars(text) is not { Length: > TagSize } bytes || bytes[0] is not (Version or Former))
            return (null, CursorFault.Malformed);
        var body = bytes[(1 + TagSize)..];
        if (bytes[0] == Former || !CryptographicOperations.FixedTimeEquals(Tag(body, user, binding), bytes.AsSpan(1, TagSize)))
            return (null, CursorFault.Foreign);
        return CursorBytes.Read(body) is { } cursor ? (cursor, CursorFault.None) : (null, CursorFault.Foreign);
    }

    private byte[] Tag(byte[] body, UserId user, string binding)
    {
        var bound = Encoding.UTF8.GetBytes(binding);
        var length = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(length, bound.Length);
        byte[] signed = [Version, .. user.Value.ToByteArray(), .. length, .. bound, .. body];
        return HMACSHA256.HashData(key.Value, signed)[..TagSize];
    }
}
