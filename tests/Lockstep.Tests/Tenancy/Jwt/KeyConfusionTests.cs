using System.Text;
using Lockstep.Server.Tenancy.Jwt;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Tenancy.Jwt;

/// <summary>Tokens over real HTTP key sets, and every way to have one kind of key stand in for another (RFC 8725 section 2.1).</summary>
public sealed class KeyConfusionTests
{
    private const string Payload = "{\"sub\":\"erin\",\"exp\":1800000000}";
    private static readonly byte[] Secret = Encoding.UTF8.GetBytes("a secret of the tests, long enough");

    // Made with another library from the private key of RFC 8037 appendix A.1; its JWK has the kid "ed".
    private const string EdToken =
        "eyJhbGciOiJFZERTQSIsImtpZCI6ImVkIn0.eyJzdWIiOiJlcmluIiwiZXhwIjoxODAwMDAwMDAwfQ."
        + "TxUU4h2MOJoNKIaihoScg4DVOdpMWwevuLaKby2Fuo5g0e1C0P4i1RKhfMB1s88Y7JnERFTJ5JfVN7aQGCl0Bg";

    private static readonly TestKey Ed = new(
        "EdDSA", "ed", "\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"", _ => new byte[64]);

    private static readonly TestKey Rsa = TestKey.Rsa("rsa");
    private static readonly TestKey Ec = TestKey.Ec("ec");

    [Fact]
    public async Task RS256_ES256_and_EdDSA_tokens_verify_by_their_published_keys()
    {
        await using var server = await JwksServer.StartAsync(Rsa, Ec, Ed);
        foreach (var token in new[] { Rsa.Token(Payload), Ec.Token(Payload), EdToken })
        {
            var claims = (await VerifyAsync(server, token)).ShouldBeOfType<JwtOutcome.Valid>().Claims;
            claims.Subject.ShouldBe("erin");
            claims.SignedByOwnSecret.ShouldBeFalse();
        }

        server.Requests.ShouldBe(3, "each verifier fetches once");
    }

    [Fact]
    public async Task A_public_key_is_no_HS256_secret()
    {
        await using var server = await JwksServer.StartAsync(Rsa);
        byte[][] publicTexts = [TestKey.RsaPublicPem(), Encoding.UTF8.GetBytes(Rsa.Jwk), Encoding.UTF8.GetBytes(TestKey.Set(Rsa))];
        foreach (var text in publicTexts)
        {
            var token = TestKey.Secret(text).Token("{\"alg\":\"HS256\",\"kid\":\"rsa\"}", Payload);
            (await VerifyAsync(server, token)).ShouldBe(new JwtOutcome.Invalid(JwtFault.BadSignature));
            (await VerifyAsync(server, token, withSecret: false)).ShouldBe(new JwtOutcome.Invalid(JwtFault.AlgorithmNotAllowed));
        }

        server.Requests.ShouldBe(0, "HS256 never looks at the key set");
    }

    [Fact]
    public async Task A_published_symmetric_key_signs_nothing()
    {
        var oct = new TestKey("HS256", "oct", $"\"kty\":\"oct\",\"k\":\"{TestKey.Text(new byte[32])}\"", TestKey.Secret(new byte[32]).Sign);
        await using var server = await JwksServer.StartAsync(oct, Rsa);
        (await VerifyAsync(server, oct.Token(Payload))).ShouldBe(new JwtOutcome.Invalid(JwtFault.BadSignature));
    }

    [Fact]
    public async Task A_key_of_one_kind_is_not_found_for_an_algorithm_of_another()
    {
        await using var server = await JwksServer.StartAsync(Rsa, Ec, Ed);
        foreach (var (key, claimed) in new[] { (Rsa, "ES256"), (Rsa, "EdDSA"), (Ec, "RS256"), (Ec, "EdDSA"), (Ed, "RS256") })
        {
            var token = key.Token($"{{\"alg\":\"{claimed}\",\"kid\":\"{key.Kid}\"}}", Payload);
            (await VerifyAsync(server, token)).ShouldBe(new JwtOutcome.Invalid(JwtFault.UnknownKey), $"{key.Algorithm} as {claimed}");
        }
    }

    [Fact]
    public async Task A_key_that_the_token_brings_along_has_no_say()
    {
        await using var server = await JwksServer.StartAsync(Ec);
        var mallory = TestKey.Ec("ec");
        var header = $"{{\"alg\":\"ES256\",\"kid\":\"ec\",\"jku\":\"https://mallory.example/keys\",\"jwk\":{mallory.Jwk}}}";
        (await VerifyAsync(server, mallory.Token(header, Payload))).ShouldBe(new JwtOutcome.Invalid(JwtFault.BadSignature));
    }

    [Fact]
    public async Task Without_a_key_set_only_HS256_is_allowed()
    {
        var verifier = new JwtVerifier(new JwtOptions(Secret, null, null, null), jwks: null, new FakeTime());
        foreach (var token in new[] { Rsa.Token(Payload), Ec.Token(Payload), EdToken })
        {
            (await verifier.VerifyAsync(token, TestContext.Current.CancellationToken))
                .ShouldBe(new JwtOutcome.Invalid(JwtFault.AlgorithmNotAllowed));
        }
    }

    private static async Task<JwtOutcome> VerifyAsync(JwksServer server, string token, bool withSecret = true)
    {
        var clock = new FakeTime();
        var options = new JwtOptions(withSecret ? (ReadOnlyMemory<byte>?)Secret : null, server.Url.AbsoluteUri, null, null);
        return await new JwtVerifier(options, server.Keys(clock), clock).VerifyAsync(token, TestContext.Current.CancellationToken);
    }
}
