using System.Buffers.Binary;

namespace Lockstep.Crypto;

/// <summary>
/// Opens AES-256-GCM with a nonce of 16 bytes, as much JavaScript code made it; the framework's class takes 12 alone. Only for importing what others
/// sealed: nothing is ever sealed so, and the table-free GHASH below does not hide its timing.
/// <code>
///   H  = AES(0)          J0 = GHASH(nonce || 0^64 || [bits of nonce]64)          (NIST SP 800-38D, section 7.1, step 2)
///   plaintext = GCTR(J0 + 1, ciphertext)          tag = AES(J0) xor GHASH(ciphertext, padded || 0^64 || [bits of ciphertext]64)
/// </code>
/// </summary>
internal static class WideNonceGcm
{
    public const int NonceBytes = 16;
    private const int Block = 16;

    /// <returns>False when the tag does not fit; <paramref name="plaintext"/> is then all zero.</returns>
    public static bool Open(ReadOnlySpan<byte> key, ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> ciphertext, ReadOnlySpan<byte> tag, Span<byte> plaintext)
    {
        if (nonce.Length != NonceBytes || tag.Length != Primitives.TagBytes)
            throw new ArgumentException("This takes a 16-byte nonce and a 16-byte tag.");
        using var aes = Primitives.AesBlockCipher(key);
        Span<byte> hash = stackalloc byte[Block];
        Span<byte> counter = stackalloc byte[Block];
        Span<byte> expected = stackalloc byte[Block];
        Span<byte> stream = stackalloc byte[Block];
        hash.Clear();
        Primitives.AesBlock(aes, hash, hash);
        var h = BinaryPrimitives.ReadUInt128BigEndian(hash);

        var j0 = Times(Times(BinaryPrimitives.ReadUInt128BigEndian(nonce), h) ^ (UInt128)(NonceBytes * 8), h);
        BinaryPrimitives.WriteUInt128BigEndian(counter, j0);
        Primitives.AesBlock(aes, counter, expected);
        BinaryPrimitives.WriteUInt128BigEndian(stream, BinaryPrimitives.ReadUInt128BigEndian(expected) ^ Hash(h, ciphertext));
        if (!Primitives.FixedTimeEquals(stream, tag))
        {
            Primitives.Clear(plaintext);
            return false;
        }
        for (var at = 0; at < ciphertext.Length; at += Block)
        {
            // The last four bytes count, modulo 2^32.
            var low = counter[^sizeof(uint)..];
            BinaryPrimitives.WriteUInt32BigEndian(low, unchecked(BinaryPrimitives.ReadUInt32BigEndian(low) + 1));
            Primitives.AesBlock(aes, counter, stream);
            var length = Math.Min(Block, ciphertext.Length - at);
            for (var i = 0; i < length; i++)
                plaintext[at + i] = (byte)(ciphertext[at + i] ^ stream[i]);
        }
        Primitives.Clear(stream);
        return true;
    }

    private static UInt128 Hash(UInt128 h, ReadOnlySpan<byte> text)
    {
        UInt128 sum = 0;
        Span<byte> block = stackalloc byte[Block];
        for (var at = 0; at < text.Length; at += Block)
        {
            block.Clear();
            text.Slice(at, Math.Min(Block, text.Length - at)).CopyTo(block);
            sum = Times(sum ^ BinaryPrimitives.ReadUInt128BigEndian(block), h);
        }
        return Times(sum ^ (UInt128)((ulong)text.Length * 8), h);
    }

    /// <summary>Multiplication in GF(2^128) with the bits of GCM, the first one the most significant (SP 800-38D, section 6.3).</summary>
    private static UInt128 Times(UInt128 x, UInt128 y)
    {
        var reduction = new UInt128(0xE100000000000000, 0);
        UInt128 product = 0;
        for (var bit = 127; bit >= 0; bit--)
        {
            if (((x >> bit) & 1) == 1)
                product ^= y;
            y = (y & 1) == 1 ? (y >> 1) ^ reduction : y >> 1;
        }
        return product;
    }
}
