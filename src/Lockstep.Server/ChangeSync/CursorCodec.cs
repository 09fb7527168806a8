using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
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

    /// <summary>Of another user, app or set of collections, or signed by a key that is gone.</summary>
    Foreign,
}

/// <summary>Cursors as text: base64url of version, HMAC-SHA256 cut to 16 bytes, and the positions.</summary>
internal sealed class CursorCodec(CursorKey key)
{
    private const byte Version = 1;
    private const int TagSize = 16;

    /// <param name="binding">What the cursor counts through; part of the signature, not of the text.</param>
    public string Write(SyncCursor cursor, UserId user, string binding)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(cursor.Scopes.Select(scope =>
            new Entry(scope.Key, scope.Value.Seq, scope.Value.Epoch, scope.Value.Space)));
        return Base64Url.EncodeToString([Version, .. Tag(body, user, binding), .. body]);
    }

    public (SyncCursor? Cursor, CursorFault Fault) Read(string text, UserId user, string binding)
    {
        if (!Base64Url.IsValid(text) || Base64Url.DecodeFromChars(text) is not [Version, ..] bytes || bytes.Length <= TagSize)
            return (null, CursorFault.Malformed);
        var body = bytes[(1 + TagSize)..];
        if (!CryptographicOperations.FixedTimeEquals(Tag(body, user, binding), bytes.AsSpan(1, TagSize)))
            return (null, CursorFault.Foreign);
        var entries = JsonSerializer.Deserialize<List<Entry>>(body)!;
        return (new SyncCursor(entries.ToDictionary(entry => entry.S, entry => new ScopePosition(entry.N, entry.E, entry.L))), CursorFault.None);
    }

    private byte[] Tag(byte[] body, UserId user, string binding)
    {
        var bound = Encoding.UTF8.GetBytes(binding);
        var length = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(length, bound.Length);
        byte[] signed = [Version, .. user.Value.ToByteArray(), .. length, .. bound, .. body];
        return HMACSHA256.HashData(key.Value, signed)[..TagSize];
    }

    // One letter each: a cursor travels in a query string.
    private sealed record Entry(Guid S, long N, int E, string L);
}
