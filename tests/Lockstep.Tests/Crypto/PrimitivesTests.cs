using Lockstep.Crypto;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Crypto;

public sealed class PrimitivesTests
{
    [Fact]
    public void HKDF_gives_the_answer_of_RFC_5869_A_1()
    {
        var output = new byte[42];
        Primitives.HkdfSha256(
            Hex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"), Hex("000102030405060708090a0b0c"), Hex("f0f1f2f3f4f5f6f7f8f9"), output);
        output.ShouldBe(Hex("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"));
    }

    [Fact]
    public void HKDF_without_salt_and_info_gives_the_answer_of_RFC_5869_A_3()
    {
        var output = new byte[42];
        Primitives.HkdfSha256(Hex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"), info: default, output);
        output.ShouldBe(Hex("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"));
    }

    /// <summary>"The Galois/Counter Mode of Operation" (McGrew, Viega), submitted to NIST, test case 16.</summary>
    [Fact]
    public void AES_256_GCM_gives_the_answer_of_test_case_16()
    {
        var key = Hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
        var nonce = Hex("cafebabefacedbaddecaf888");
        var aad = Hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
        var plaintext = Hex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39");
        var ciphertext = new byte[plaintext.Length];
        var tag = new byte[16];

        Primitives.AesGcmSeal(key, nonce, plaintext, aad, ciphertext, tag);

        ciphertext.ShouldBe(Hex("522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"));
        tag.ShouldBe(Hex("76fc6ece0f4e1768cddf8853bb2d551b"));
        var opened = new byte[plaintext.Length];
        Primitives.AesGcmOpen(key, nonce, ciphertext, tag, aad, opened).ShouldBeTrue();
        opened.ShouldBe(plaintext);
    }

    [Fact]
    public void A_failed_opening_leaves_nothing_in_the_buffer()
    {
        var buffer = Enumerable.Repeat((byte)7, 20).ToArray();
        Primitives.AesGcmOpen(CryptoSamples.KeyBytes(1), new byte[12], new byte[20], new byte[16], [], buffer).ShouldBeFalse();
        buffer.ShouldAllBe(b => b == 0);
    }

    [Theory]
    [InlineData(16, 12, 16)]
    [InlineData(24, 12, 16)]
    [InlineData(32, 16, 16)]
    [InlineData(32, 12, 12)]
    public void Sizes_that_AES_GCM_would_take_but_we_do_not_are_refused(int key, int nonce, int tag)
    {
        Should.Throw<ArgumentException>(() => Primitives.AesGcmSeal(new byte[key], new byte[nonce], [], [], [], new byte[tag]));
        Should.Throw<ArgumentException>(() => Primitives.AesGcmOpen(new byte[key], new byte[nonce], [], new byte[tag], [], []));
    }

    [Fact]
    public void Only_one_file_of_the_library_calls_primitives()
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root.FullName, "Lockstep.slnx")))
            root = root.Parent.ShouldNotBeNull("the tests run inside the repository");

        Directory.EnumerateFiles(Path.Combine(root.FullName, "src", "Lockstep.Crypto"), "*.cs")
            .Where(file => File.ReadAllText(file).Contains("System.Security.Cryptography", StringComparison.Ordinal))
            .Select(Path.GetFileName)
            .ShouldBe(["Primitives.cs"]);
    }

    private static byte[] Hex(string digits) => Convert.FromHexString(digits);
}
