using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Lockstep.Crypto;

/// <summary>
/// Links lines so that none can be changed, taken out or put in without every later hash changing:
/// <code>
///   hash(n) = SHA-256( hash(n - 1) || n as 8 big-endian bytes || line )      hash(0) = 32 zero bytes
///   line    = each field as LENGTH:BYTES,   a missing one as -,              length in bytes of UTF-8, decimal
/// </code>
/// Lengths in front keep two different lists of fields from giving the same bytes.
/// </summary>
public static class HashChain
{
    public const int HashBytes = Primitives.HashBytes;

    /// <summary>What the first line is linked to.</summary>
    public static byte[] Start => new byte[HashBytes];

    /// <param name="previous">The hash of the position before.</param>
    /// <param name="position">Counted from 1.</param>
    /// <param name="fields">In the order of the format; null is a missing one.</param>
    public static byte[] Next(ReadOnlySpan<byte> previous, long position, IEnumerable<string?> fields)
    {
        ArgumentNullException.ThrowIfNull(fields);
        var written = new ArrayBufferWriter<byte>(512);
        written.Write(previous);
        BinaryPrimitives.WriteInt64BigEndian(written.GetSpan(sizeof(long)), position);
        written.Advance(sizeof(long));
        foreach (var field in fields)
        {
            if (field is null)
            {
                written.Write("-,"u8);
                continue;
            }
            Encoding.ASCII.GetBytes(Encoding.UTF8.GetByteCount(field).ToString(CultureInfo.InvariantCulture), written);
            written.Write(":"u8);
            Encoding.UTF8.GetBytes(field, written);
            written.Write(","u8);
        }
        var hash = new byte[HashBytes];
        Primitives.Sha256(written.WrittenSpan, hash);
        return hash;
    }
}
