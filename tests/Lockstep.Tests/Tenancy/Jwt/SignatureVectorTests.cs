using System.Text;
using Lockstep.Server.Tenancy.Jwt;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Tenancy.Jwt;

/// <summary>The signature layer by the examples of the standards, whose tokens lack what the claims layer asks for.</summary>
public sealed class SignatureVectorTests
{
    private const string Payload = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

    // RFC 7515 appendix A.1
    private const string Hs256 = $"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{Payload}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    private const string Hs256Secret = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";

    // RFC 7515 appendix A.2
    private const string Rs256 =
        $"eyJhbGciOiJSUzI1NiJ9.{Payload}.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5"
        + "jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_d"
        + "O--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";

    private const string RsaJwk =
        "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEz"
        + "P1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7W"
        + "TBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ\"}";

    // RFC 7515 appendix A.3
    private const string Es256 =
        $"eyJhbGciOiJFUzI1NiJ9.{Payload}.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

    private const string EcJwk =
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}";

    // RFC 8037 appendices A.2 and A.4
    private const string EdDsaInput = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    private const string EdDsa = $"{EdDsaInput}.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    private const string EdJwk = "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}";

    [Fact]
    public void The_HS256_example_of_RFC_7515_verifies()
    {
        var key = new HmacKey(CanonicalBase64Url.Decode(Hs256Secret));
        var jws = Parse(Hs256, JwsAlgorithm.HS256);
        key.Verifies(jws.SigningInput, jws.Signature).ShouldBeTrue();
        EveryChangedByteFails(key, jws);
    }

    [Theory]
    [InlineData(Rs256, RsaJwk, nameof(JwsAlgorithm.RS256))]
    [InlineData(Es256, EcJwk, nameof(JwsAlgorithm.ES256))]
    [InlineData(EdDsa, EdJwk, nameof(JwsAlgorithm.EdDSA))]
    public void The_public_key_examples_of_RFC_7515_and_RFC_8037_verify(string token, string jwk, string algorithm)
    {
        var key = Key(jwk);
        var jws = Parse(token, Enum.Parse<JwsAlgorithm>(algorithm));
        key.Algorithm.ShouldBe(jws.Algorithm);
        key.Verifies(jws.SigningInput, jws.Signature).ShouldBeTrue();
        EveryChangedByteFails(key, jws);
    }

    [Fact]
    public void An_Ed25519_signature_with_S_beyond_the_group_order_fails()
    {
        // The example's S plus the order: the same point, another text (RFC 8032 section 5.1.7 forbids it).
        var jws = Parse(
            $"{EdDsaInput}.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6KLa6_pyZkOh9Vg8wkiO1VhVsPt9g7sVvpAr_MuM0KEg", JwsAlgorithm.EdDSA);
        Key(EdJwk).Verifies(jws.SigningInput, jws.Signature).ShouldBeFalse();
    }

    [Fact]
    public void An_ES256_signature_of_zeros_fails()
    {
        Key(EcJwk).Verifies(Encoding.ASCII.GetBytes("anything"), new byte[64]).ShouldBeFalse();
    }

    [Fact]
    public async Task One_key_checks_many_tokens_at_once()
    {
        var rsa = Key(RsaJwk);
        var jws = Parse(Rs256, JwsAlgorithm.RS256);
        var results = await Task.WhenAll(Enumerable.Range(0, 64).Select(_ => Task.Run(() => rsa.Verifies(jws.SigningInput, jws.Signature))));
        results.ShouldAllBe(verified => verified);
    }

    private static void EveryChangedByteFails(VerificationKey key, CompactJws jws)
    {
        for (var i = 0; i < jws.Signature.Length; i++)
            key.Verifies(jws.SigningInput, Flip(jws.Signature, i)).ShouldBeFalse($"signature byte {i}");
        for (var i = 0; i < jws.SigningInput.Length; i += 7)
            key.Verifies(Flip(jws.SigningInput, i), jws.Signature).ShouldBeFalse($"input byte {i}");
        key.Verifies(jws.SigningInput, []).ShouldBeFalse();
        key.Verifies(jws.SigningInput, jws.Signature[..^1]).ShouldBeFalse();
        key.Verifies(jws.SigningInput, [.. jws.Signature, 0]).ShouldBeFalse();
        key.Verifies(jws.SigningInput, [0, .. jws.Signature]).ShouldBeFalse();
    }

    private static byte[] Flip(byte[] bytes, int index)
    {
        var changed = bytes.ToArray();
        changed[index] ^= 1;
        return changed;
    }

    private static CompactJws Parse(string token, JwsAlgorithm algorithm)
    {
        CompactJws.Parse(token, out var jws).ShouldBeNull();
        jws.ShouldNotBeNull().Algorithm.ShouldBe(algorithm);
        return jws;
    }

    private static VerificationKey Key(string jwk) =>
        JwkSet.Parse(Encoding.UTF8.GetBytes($"{{\"keys\":[{jwk}]}}"), Libcrypto.Shared, out _)!.Keys.ShouldHaveSingleItem();
}
