using System.Buffers.Binary;
using System.Security.Cryptography;
using Lockstep.Crypto;
using Shouldly;
using Xunit;
using static Lockstep.Tests.Crypto.CryptoSamples;

namespace Lockstep.Tests.Crypto;

/// <summary>
/// The attack that the commitment stops, carried out: a ciphertext of one block, solved in GHASH's field so that AES-GCM accepts it
/// under two keys with one tag.
/// </summary>
public sealed class KeyCommitmentTests
{
    private static readonly byte[] Nonce = new byte[12];
    private static readonly byte[] Binding = SealedValue.Bind(Place).Bytes.ToArray();

    [Fact]
    public void A_ciphertext_that_AES_GCM_accepts_under_two_keys_opens_under_one_at_most()
    {
        var one = Derived(1);
        var two = Derived(2);
        var (block, tag) = Collide(one[..32], two[..32]);
        Accepts(one[..32], block, tag).ShouldBeTrue("the attack works on AES-GCM alone");
        Accepts(two[..32], block, tag).ShouldBeTrue("the attack works on AES-GCM alone");

        Opens(Key(1), one[32..], block, tag).ShouldBeTrue();
        Opens(Key(2), one[32..], block, tag).ShouldBeFalse();
        Opens(Key(1), two[32..], block, tag).ShouldBeFalse();
        Opens(Key(2), two[32..], block, tag).ShouldBeTrue();
    }

    private static byte[] Derived(int seed) => HKDF.DeriveKey(HashAlgorithmName.SHA256, KeyBytes(seed), 64, salt: [], Binding);

    private static bool Opens(DataKey key, byte[] commitment, byte[] block, byte[] tag)
    {
        using var opened = SealedValue.Open(key, Place, new SealedText(Nonce, tag, [.. commitment, .. block]).ToString());
        return opened is not null;
    }

    private static bool Accepts(byte[] key, byte[] block, byte[] tag) =>
        Primitives.AesGcmOpen(key, Nonce, block, tag, Binding, new byte[16]);

    /// <summary>
    /// Tag(key, C) = mask + A(H) + C*H^2 + L*H, with H = AES(key, 0). Equal tags under two keys is one linear equation in C.
    /// </summary>
    private static (byte[] Block, byte[] Tag) Collide(byte[] key1, byte[] key2)
    {
        // A block of zeroes gives the constant part of each tag.
        var (h1, constant1) = Constants(key1);
        var (h2, constant2) = Constants(key2);
        var slope = Multiply(h1, h1) ^ Multiply(h2, h2);
        var block = new byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(block, Multiply(constant1 ^ constant2, Inverse(slope)));

        var tag = new byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(tag, constant1 ^ Multiply(BinaryPrimitives.ReadUInt128BigEndian(block), Multiply(h1, h1)));
        return (block, tag);
    }

    private static (UInt128 H, UInt128 TagOfZeroes) Constants(byte[] key)
    {
        using var aes = Aes.Create();
        aes.Key = key;
        var h = BinaryPrimitives.ReadUInt128BigEndian(aes.EncryptEcb(new byte[16], PaddingMode.None));

        // Encrypting zeroes shows the keystream; encrypting the keystream gives the ciphertext of zeroes, and its tag.
        using var gcm = new AesGcm(key, 16);
        var keystream = new byte[16];
        var zeroes = new byte[16];
        var tag = new byte[16];
        gcm.Encrypt(Nonce, new byte[16], keystream, tag, Binding);
        gcm.Encrypt(Nonce, keystream, zeroes, tag, Binding);
        return (h, BinaryPrimitives.ReadUInt128BigEndian(tag));
    }

    /// <summary>NIST SP 800-38D section 6.3: the first bit is the coefficient of x^0.</summary>
    private static UInt128 Multiply(UInt128 x, UInt128 y)
    {
        var product = UInt128.Zero;
        for (var bit = 127; bit >= 0; bit--)
        {
            if (((x >> bit) & 1) == 1)
                product ^= y;
            y = (y & 1) == 1 ? (y >> 1) ^ ((UInt128)0xe1 << 120) : y >> 1;
        }

        return product;
    }

    /// <summary>a^(2^128 - 2), by Fermat.</summary>
    private static UInt128 Inverse(UInt128 a)
    {
        var result = UInt128.One << 127;
        for (var i = 0; i < 127; i++)
        {
            a = Multiply(a, a);
            result = Multiply(result, a);
        }

        return result;
    }
}
