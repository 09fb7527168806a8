using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Lockstep.Server.ChangeSync;

/// <summary>What a scope is called where everybody may listen: NOTIFY channels have no privileges (PostgreSQL manual, NOTIFY).</summary>
internal sealed class ScopeTokens(CursorKey key)
{
    /// <summary>The first 8 bytes of HMAC-SHA256; two scopes of one token wake each other's streams once in vain.</summary>
    public ulong Of(Guid scope)
    {
        byte[] named = [.. "lockstep/notify/v1"u8, .. scope.ToByteArray()];
        return BinaryPrimitives.ReadUInt64BigEndian(HMACSHA256.HashData(key.Value, named));
    }
}
