using Lockstep.Tests.Support;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Lockstep.Server.Tenancy.Jwt;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Tenancy.Jwt;

/// <summary>What is no token at all, before any key is asked.</summary>
public sealed class CompactJwsTests
{
    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("a.b")]
    [InlineData("eyJhbGciOiJIUzI1NiJ9.e30")]
    [InlineData("eyJhbGciOiJIUzI1NiJ9.e30.AA.AA")]
    [InlineData("eyJhbGciOiJIUzI1NiJ9.e30.AA.AA.AA")]
    [InlineData("eyJhbGciOiJIUzI1NiJ9=.e30.AA")]
    [InlineData("eyJhbGciOiJIUzI1NiJ9.e30=.AA")]
    [InlineData("eyJhbGciOiJIUzI1NiJ9.e30.AA==")]
    [InlineData("eyJhbGciOiJIUzI1NiJ9.e30.AB")]
    [InlineData("eyJhbGciOiJIUzI1NiJ9.e30.A")]
    [InlineData("eyJhbGciOiJIUzI1NiJ9.e30.A+/A")]
    [InlineData(" eyJhbGciOiJIUzI1NiJ9.e30.AA")]
    [InlineData("eyJhbGciOiJIUzI1NiJ9.e30.AA\n")]
    [InlineData("eyJhbGciOiJIUzI1NiJ9.e3 0.AA")]
    [InlineData("eyJhbGciOiJIUzI1NiJ9.é30.AA")]
    public void Text_that_is_not_three_canonical_base64url_parts_is_malformed(string token) =>
        CompactJws.Parse(token, out _).ShouldBe(JwtFault.Malformed);

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("{\"alg\":1}")]
    [InlineData("{\"alg\":null}")]
    [InlineData("{\"alg\":\"HS256\"}x")]
    [InlineData("{\"alg\":\"HS256\",}")]
    [InlineData("{\"alg\":\"HS256\",\"alg\":\"HS256\"}")]
    [InlineData("{\"alg\":\"HS256\",\"\\u0061lg\":\"RS256\"}")]
    [InlineData("{\"alg\":\"HS256\",\"x\":{\"a\":1,\"a\":2}}")]
    [InlineData("{\"alg\":\"HS256\",\"x\":\"\\ud800\"}")]
    [InlineData("{\"alg\":\"HS256\",\"\\ud800\":1}")]
    [InlineData("{\"alg\":\"HS256\",\"crit\":[\"exp\"]}")]
    [InlineData("{\"alg\":\"HS256\",\"crit\":[]}")]
    [InlineData("{\"alg\":\"HS256\",\"crit\":[\"b64\"],\"b64\":false}")]
    [InlineData("{\"alg\":\"HS256\",\"kid\":7}")]
    [InlineData("{\"alg\":\"HS256\",\"kid\":\"\"}")]
    [InlineData("\uFEFF{\"alg\":\"HS256\"}")]
    public void A_header_that_is_not_one_plain_JSON_object_is_malformed(string header) =>
        CompactJws.Parse(Unsigned(Encoding.UTF8.GetBytes(header)), out _).ShouldBe(JwtFault.Malformed);

    [Fact]
    public void A_header_that_is_not_UTF_8_is_malformed() =>
        CompactJws.Parse(Unsigned([.. "{\"alg\":\"HS256\",\"x\":\""u8, 0xC0, 0x80, .. "\"}"u8]), out _).ShouldBe(JwtFault.Malformed);

    [Fact]
    public void A_header_nested_deeply_is_malformed()
    {
        var header = "{\"alg\":\"HS256\",\"x\":" + new string('[', 2000) + new string(']', 2000) + "}";
        CompactJws.Parse(Unsigned(Encoding.UTF8.GetBytes(header)), out _).ShouldBe(JwtFault.Malformed);
    }

    [Fact]
    public void A_kid_has_at_most_255_characters()
    {
        CompactJws.Parse(WithKid(255), out var jws).ShouldBeNull();
        jws!.KeyId!.Length.ShouldBe(255);
        CompactJws.Parse(WithKid(256), out _).ShouldBe(JwtFault.Malformed);

        static string WithKid(int length) => Unsigned(Encoding.UTF8.GetBytes($"{{\"alg\":\"RS256\",\"kid\":\"{new string('k', length)}\"}}"));
    }

    [Theory]
    [InlineData("none")]
    [InlineData("None")]
    [InlineData("NONE")]
    [InlineData("")]
    [InlineData("hs256")]
    [InlineData("HS256 ")]
    [InlineData("HS384")]
    [InlineData("RS512")]
    [InlineData("PS256")]
    [InlineData("ES256K")]
    [InlineData("ES384")]
    [InlineData("dir")]
    public void An_algorithm_off_the_list_is_not_allowed(string algorithm) =>
        CompactJws.Parse(Unsigned(Encoding.UTF8.GetBytes($"{{\"alg\":\"{algorithm}\"}}")), out _).ShouldBe(JwtFault.AlgorithmNotAllowed);

    [Fact]
    public void An_unsecured_token_with_an_empty_signature_is_not_allowed() =>
        // RFC 7519 section 6.1
        CompactJws.Parse(
            "eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.",
            out _).ShouldBe(JwtFault.AlgorithmNotAllowed);

    [Fact]
    public void A_token_has_at_most_16_KiB()
    {
        const string start = "eyJhbGciOiJIUzI1NiJ9.e30.";
        CompactJws.Parse(start + new string('A', 16 * 1024 - start.Length), out _).ShouldBeNull();
        CompactJws.Parse(start + new string('A', 16 * 1024 - start.Length + 4), out _).ShouldBe(JwtFault.Malformed);
        CompactJws.Parse(new string('.', 10_000_000), out _).ShouldBe(JwtFault.Malformed);
    }

    [Fact]
    public void Any_bytes_have_one_text_and_no_other()
    {
        Check.One(Properties.Config, Prop.ForAll<byte[], byte>((bytes, noise) =>
        {
            var text = TestKey.Text(bytes);
            CanonicalBase64Url.Decode(text).ShouldBe(bytes);
            CanonicalBase64Url.Decode(text + "=").ShouldBeNull();
            CanonicalBase64Url.Decode(text + " ").ShouldBeNull();
            CanonicalBase64Url.Decode((char)(noise | 0x80) + text).ShouldBeNull();
        }));
    }

    [Fact]
    public void Any_text_is_parsed_without_an_exception()
    {
        Check.One(Properties.Config, Prop.ForAll<string?>(text =>
        {
            _ = CompactJws.Parse(text ?? "", out _);
            _ = CompactJws.Parse(Unsigned(Encoding.UTF8.GetBytes(text ?? "")), out _);
        }));
    }

    private static string Unsigned(byte[] header) => $"{TestKey.Text(header)}.e30.AA";
}
