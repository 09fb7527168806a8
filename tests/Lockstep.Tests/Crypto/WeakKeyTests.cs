using System.Security.Cryptography;
using System.Text;
using Lockstep.Crypto;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Crypto;

public sealed class WeakKeyTests
{
    public static TheoryData<string, byte[]> Weak => new()
    {
        { "all zero", new byte[32] },
        { "all ones", Enumerable.Repeat((byte)0xff, 32).ToArray() },
        { "two bytes over and over", Enumerable.Range(0, 32).Select(i => (byte)(i % 2 * 0x5a)).ToArray() },
        { "eight bytes over and over", Convert.FromHexString("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef") },
        { "a 128-bit key doubled", Convert.FromHexString("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308") },
        { "counting up", Enumerable.Range(0, 32).Select(i => (byte)i).ToArray() },
        { "counting down in fives", Enumerable.Range(0, 32).Select(i => (byte)(200 - (5 * i))).ToArray() },
        { "a word filled with zeroes", Encoding.ASCII.GetBytes("changeme".PadRight(32, '\0')) },
        { "half a key", [.. CryptoSamples.KeyBytes(5)[..16], .. new byte[16]] },
        { "a sentence", "changeme-changeme-please-change!"u8.ToArray() },
        { "hexadecimal digits as text", "9f86d081884c7d659a2feaa0c55ad015"u8.ToArray() },
        { "the hash of a word", SHA256.HashData("changeme"u8) },
        { "the hash of nothing", SHA256.HashData([]) },
    };

    [Theory]
    [MemberData(nameof(Weak))]
    public void A_weak_key_is_refused_in_both_settings(string kind, byte[] key)
    {
        var base64 = Convert.ToBase64String(key);
        foreach (var outcome in new[] { KeyRing.Parse($"a:{base64}", null), KeyRing.Parse(null, base64), KeyRing.Parse(null, Convert.ToHexString(key)) })
        {
            outcome.ShouldBeOfType<KeyRingOutcome.Refused>(kind).Problems.ShouldHaveSingleItem()
                .ShouldContain("make one with: openssl rand -base64 32");
        }
    }

    [Fact]
    public void Random_keys_pass()
    {
        var random = new Random(42);
        var key = new byte[32];
        for (var i = 0; i < 20_000; i++)
        {
            random.NextBytes(key);
            WeakKey.Reason(key).ShouldBeNull();
        }
    }
}
