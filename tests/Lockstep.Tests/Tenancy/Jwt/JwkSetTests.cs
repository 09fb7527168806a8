using System.Text;
using Lockstep.Server.Tenancy.Jwt;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Tenancy.Jwt;

/// <summary>Which published keys are used.</summary>
public sealed class JwkSetTests
{
    private const string X = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
    private const string Y = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
    private const string Ec = $"\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"{X}\",\"y\":\"{Y}\"";
    private const string Ed = "\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"";

    [Theory]
    [InlineData(Ec)]
    [InlineData(Ec + ",\"use\":\"sig\",\"alg\":\"ES256\",\"key_ops\":[\"verify\"],\"x5t\":\"ignored\"")]
    [InlineData(Ed)]
    [InlineData(Ed + ",\"alg\":\"EdDSA\"")]
    [InlineData(Ed + ",\"alg\":\"Ed25519\"")]
    public void A_key_for_checking_signatures_is_used(string members)
    {
        var set = Parse(members);
        set.Keys.Count.ShouldBe(1, string.Join(' ', set.Skipped));
    }

    [Theory]
    [InlineData(Ec + ",\"use\":\"enc\"", "use")]
    [InlineData(Ec + ",\"use\":7", "use")]
    [InlineData(Ec + ",\"key_ops\":[\"sign\",\"deriveKey\"]", "key_ops")]
    [InlineData(Ec + ",\"key_ops\":\"verify\"", "key_ops")]
    [InlineData(Ec + ",\"alg\":\"ES384\"", "alg")]
    [InlineData(Ec + ",\"alg\":\"RS256\"", "alg")]
    [InlineData(Ec + ",\"alg\":null", "alg")]
    [InlineData(Ec + ",\"kid\":\"\"", "kid")]
    [InlineData(Ec + ",\"kid\":1", "kid")]
    [InlineData(Ec + ",\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\"", "private key")]
    [InlineData("\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"" + X + "\",\"y\":\"" + Y + "\"", "P-256")]
    [InlineData("\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" + Y + "\",\"y\":\"" + X + "\"", "on the curve")]
    [InlineData("\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" + X + "=\",\"y\":\"" + Y + "\"", "coordinates")]
    [InlineData("\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"", "coordinates")]
    [InlineData("\"kty\":\"EC\",\"crv\":\"P-256\"", "coordinates")]
    [InlineData("\"kty\":\"OKP\",\"crv\":\"Ed448\",\"x\":\"" + X + "\"", "Ed25519")]
    [InlineData("\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"", "32 bytes")]
    [InlineData("\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ\"", "kty")]
    [InlineData("\"kty\":\"ec\"", "kty")]
    [InlineData("\"crv\":\"P-256\"", "kty")]
    public void Another_key_is_skipped_and_the_reason_named(string members, string reason)
    {
        var set = Parse(members);
        set.Keys.ShouldBeEmpty();
        set.Skipped.ShouldHaveSingleItem().ShouldContain(reason);
    }

    [Theory]
    [InlineData(2040, "AQAB", 0x81, "bits")]
    [InlineData(8200, "AQAB", 0x81, "bits")]
    [InlineData(2048, "AQAB", 0x80, "odd")]
    [InlineData(2048, "AQ", 0x81, "exponent")]
    [InlineData(2048, "Ag", 0x81, "exponent")]
    [InlineData(2048, "AAAA", 0x81, "exponent")]
    [InlineData(2048, "AQAAAAE", 0x81, "exponent")]
    public void An_RSA_key_must_be_of_sound_size(int bits, string exponent, int ends, string reason)
    {
        var set = Parse($"\"kty\":\"RSA\",\"n\":\"{TestKey.Text(Modulus(bits, (byte)ends))}\",\"e\":\"{exponent}\"");
        set.Keys.ShouldBeEmpty();
        set.Skipped.ShouldHaveSingleItem().ShouldContain(reason);
    }

    [Theory]
    [InlineData(2048)]
    [InlineData(8192)]
    public void RSA_keys_of_2048_to_8192_bits_are_used_with_a_leading_zero_too(int bits) =>
        Parse($"\"kty\":\"RSA\",\"n\":\"{TestKey.Text([0, .. Modulus(bits, 0x81)])}\",\"e\":\"AQAB\"").Keys.Count.ShouldBe(1);

    [Theory]
    [InlineData("")]
    [InlineData("<html>Sign in</html>")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("{\"keys\":{}}")]
    [InlineData("{\"keys\":[],\"keys\":[]}")]
    [InlineData("{\"keys\":[{\"kty\":\"EC\",\"kty\":\"RSA\"}]}")]
    [InlineData("{\"keys\":[]} trailing")]
    public void What_is_no_key_set_is_refused_as_a_whole(string text)
    {
        JwkSet.Parse(Encoding.UTF8.GetBytes(text), Libcrypto.Shared, out var problem).ShouldBeNull();
        problem.ShouldNotBeNull().ShouldContain("keys");
    }

    [Fact]
    public void A_key_set_has_at_most_64_keys_and_256_KiB()
    {
        JwkSet.Parse(Many(64), Libcrypto.Shared, out _)!.Skipped.Count.ShouldBe(64);
        JwkSet.Parse(Many(65), Libcrypto.Shared, out var problem).ShouldBeNull();
        problem.ShouldNotBeNull().ShouldContain("64 keys");
        JwkSet.Parse(Padded(256 * 1024), Libcrypto.Shared, out _).ShouldNotBeNull();
        JwkSet.Parse(Padded(256 * 1024 + 1), Libcrypto.Shared, out problem).ShouldBeNull();
        problem.ShouldNotBeNull().ShouldContain("262144 bytes");

        static byte[] Many(int count) => Encoding.UTF8.GetBytes($"{{\"keys\":[{string.Join(',', Enumerable.Repeat("{}", count))}]}}");
        static byte[] Padded(int length) => Encoding.UTF8.GetBytes("{\"keys\":[]}".PadRight(length));
    }

    [Fact]
    public void Without_libcrypto_Ed25519_keys_are_skipped_and_the_others_used()
    {
        var set = JwkSet.Parse(Encoding.UTF8.GetBytes($"{{\"keys\":[{{{Ed}}},{{{Ec}}}]}}"), libcrypto: null, out _)!;
        set.Keys.ShouldHaveSingleItem().Algorithm.ShouldBe(JwsAlgorithm.ES256);
        set.Skipped.ShouldHaveSingleItem().ShouldContain("libcrypto");
    }

    [Fact]
    public void Keys_that_share_a_kid_are_told_apart_by_algorithm_only()
    {
        TestKey rsa = TestKey.Rsa("same"), first = TestKey.Ec("same"), second = TestKey.Ec("same");
        var mixed = JwkSet.Parse(Encoding.UTF8.GetBytes(TestKey.Set(rsa, first)), Libcrypto.Shared, out _)!;
        mixed.Find(JwsAlgorithm.RS256, "same").ShouldNotBeNull();
        mixed.Find(JwsAlgorithm.ES256, "same").ShouldNotBeNull();
        mixed.Find(JwsAlgorithm.EdDSA, "same").ShouldBeNull();
        JwkSet.Parse(Encoding.UTF8.GetBytes(TestKey.Set(first, second)), Libcrypto.Shared, out _)!
            .Find(JwsAlgorithm.ES256, "same").ShouldBeNull();
    }

    private static JwkSet Parse(string members) =>
        JwkSet.Parse(Encoding.UTF8.GetBytes($"{{\"keys\":[{{{members}}}]}}"), Libcrypto.Shared, out _).ShouldNotBeNull();

    private static byte[] Modulus(int bits, byte ends)
    {
        var modulus = new byte[bits / 8];
        Array.Fill(modulus, (byte)0xA5);
        modulus[^1] = ends;
        return modulus;
    }
}
