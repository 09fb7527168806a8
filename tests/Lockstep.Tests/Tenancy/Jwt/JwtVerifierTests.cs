using System.Buffers.Text;
using System.Text;
using Lockstep.Server.Tenancy.Jwt;
using Lockstep.Tests.Support;
using NodaTime;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Tenancy.Jwt;

public sealed class JwtVerifierTests
{
    private static readonly DateTimeOffset Now = DateTimeOffset.FromUnixTimeSeconds(1_800_000_000);
    private readonly FakeTime time = new(Now);

    [Fact]
    public async Task A_token_of_ours_is_believed()
    {
        var options = new JwtOptions(Tokens.Secret, null, "https://issuer", "app");
        var token = new JwtIssuer(options, time).Issue("you@example.com", "you@example.com", JwtClaims.Authenticated, Duration.FromHours(1));
        var claims = (await new JwtVerifier(options, null, time).VerifyAsync(token, default)).ShouldBeOfType<JwtOutcome.Valid>().Claims;
        (claims.Subject, claims.Issuer, claims.Role, claims.Email, claims.SignedByOwnSecret)
            .ShouldBe(("you@example.com", "https://issuer", "authenticated", "you@example.com", true));
    }

    /// <summary>RFC 7515 appendix A.1: the signature is right, only the subject is missing.</summary>
    [Fact]
    public async Task The_signature_of_rfc_7515_a1_holds()
    {
        var key = Base64Url.DecodeFromChars("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow");
        const string token = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        var verifier = new JwtVerifier(new JwtOptions(key, null, null, null), null, new FakeTime(DateTimeOffset.FromUnixTimeSeconds(1_300_819_000)));
        (await verifier.VerifyAsync(token, default)).ShouldBe(new JwtOutcome.Invalid(JwtFault.MissingSubject));
        (await verifier.VerifyAsync(token.Replace("dBjf", "dBjg"), default)).ShouldBe(new JwtOutcome.Invalid(JwtFault.BadSignature));
    }

    /// <summary>RFC 8037 appendix A.4, through OpenSSL's libcrypto.</summary>
    [Fact]
    public void The_signature_of_rfc_8037_a4_holds()
    {
        var libcrypto = Libcrypto.Shared.ShouldNotBeNull("libcrypto is part of every machine that runs .NET with TLS");
        var key = new Ed25519Key(libcrypto, Base64Url.DecodeFromChars("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"), null);
        var input = Encoding.ASCII.GetBytes("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc");
        var signature = Base64Url.DecodeFromChars("hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg");
        key.Verifies(input, signature).ShouldBeTrue();
        signature[0] ^= 1;
        key.Verifies(input, signature).ShouldBeFalse();
        key.Verifies(input, []).ShouldBeFalse();
    }

    [Theory]
    [InlineData("")]
    [InlineData("a.b")]
    [InlineData("a.b.c.d")]
    [InlineData("e30.e30.e30")]
    [InlineData("eyJhbGciOiJIUzI1NiJ9.e30.AA=")]
    [InlineData("eyJhbGciOiJIUzI1NiJ9.e30.A+/A")]
    public async Task What_is_not_a_token_is_malformed(string token) => (await Fault(token)).ShouldBe(JwtFault.Malformed);

    [Fact]
    public async Task A_huge_token_is_refused_unread() => (await Fault(new string('a', 20_000))).ShouldBe(JwtFault.Malformed);

    [Theory]
    [InlineData("""{"alg":"none"}""")]
    [InlineData("""{"alg":"hs256"}""")]
    [InlineData("""{"alg":"HS512"}""")]
    [InlineData("""{"alg":"RS256"}""")]
    [InlineData("""{"alg":"EdDSA"}""")]
    public async Task Algorithms_without_a_key_here_are_not_allowed(string header) =>
        (await Fault(Tokens.Hs256(Payload(), header))).ShouldBe(JwtFault.AlgorithmNotAllowed);

    [Theory]
    [InlineData("""{"alg":"HS256","crit":["exp"]}""")]
    [InlineData("""{"alg":"HS256","alg":"HS256"}""")]
    [InlineData("""{"alg":1}""")]
    public async Task Headers_that_hide_something_are_malformed(string header) =>
        (await Fault(Tokens.Hs256(Payload(), header))).ShouldBe(JwtFault.Malformed);

    [Fact]
    public async Task Another_secret_is_a_bad_signature() =>
        (await Fault(Tokens.Hs256(Payload(), secret: "another secret of thirty-two bytes!!"u8.ToArray()))).ShouldBe(JwtFault.BadSignature);

    [Theory]
    [InlineData(-1, JwtFault.Expired)]
    [InlineData(0, JwtFault.Expired)]
    [InlineData(1, null)]
    public async Task A_token_is_valid_until_its_exp(int secondsLeft, object? fault) =>
        (await Fault(Tokens.Hs256(Payload(exp: 1_800_000_000 + secondsLeft)))).ShouldBe((JwtFault?)fault);

    [Theory]
    [InlineData("nbf", 61, JwtFault.NotYetValid)]
    [InlineData("nbf", 60, null)]
    [InlineData("iat", 61, JwtFault.NotYetValid)]
    public async Task A_minute_of_clock_difference_is_forgiven(string claim, int ahead, object? fault) =>
        (await Fault(Tokens.Hs256(Payload(more: $",\"{claim}\":{1_800_000_000 + ahead}")))).ShouldBe((JwtFault?)fault);

    [Theory]
    [InlineData("""{"sub":"a"}""", JwtFault.Malformed)]
    [InlineData("""{"exp":1900000000}""", JwtFault.MissingSubject)]
    [InlineData("""{"exp":1900000000,"sub":""}""", JwtFault.MissingSubject)]
    [InlineData("""{"exp":1900000000,"sub":5}""", JwtFault.MissingSubject)]
    [InlineData("""{"exp":1900000000,"sub":"a","sub":"b"}""", JwtFault.Malformed)]
    [InlineData("""{"exp":"soon","sub":"a"}""", JwtFault.Malformed)]
    [InlineData("""{"exp":1900000000,"sub":"a","role":"anon"}""", JwtFault.RoleNotAllowed)]
    [InlineData("""{"exp":1900000000,"sub":"a","role":"postgres"}""", JwtFault.RoleNotAllowed)]
    public async Task Claims_that_will_not_do_are_named(string payload, object fault) => (await Fault(Tokens.Hs256(payload))).ShouldBe((JwtFault)fault);

    [Theory]
    [InlineData(",\"iss\":\"https://other\",\"aud\":\"app\"", JwtFault.WrongIssuer)]
    [InlineData(",\"aud\":\"app\"", JwtFault.WrongIssuer)]
    [InlineData(",\"iss\":\"https://issuer\"", JwtFault.WrongAudience)]
    [InlineData(",\"iss\":\"https://issuer\",\"aud\":[\"x\"]", JwtFault.WrongAudience)]
    [InlineData(",\"iss\":\"https://issuer\",\"aud\":[\"x\",\"app\"]", null)]
    public async Task Issuer_and_audience_are_checked_when_configured(string more, object? fault)
    {
        var verifier = new JwtVerifier(new JwtOptions(Tokens.Secret, null, "https://issuer", "app"), null, time);
        var outcome = await verifier.VerifyAsync(Tokens.Hs256(Payload(more: more)), default);
        ((outcome as JwtOutcome.Invalid)?.Fault).ShouldBe((JwtFault?)fault);
    }

    /// <summary>Values of Python's uuid.uuid5: they must never change, each is somebody's id.</summary>
    [Theory]
    [InlineData("", "user-1", "09e3911b-ae12-5d65-9c09-cb56b75158ae")]
    [InlineData("https://issuer", "user-1", "d588a74f-949b-5d49-bdaf-b468f981b4f3")]
    public void A_subject_that_is_no_uuid_becomes_one_that_stays(string issuer, string subject, string id) =>
        SubjectId.Derive(issuer, subject).ShouldBe(Guid.Parse(id));

    [Fact]
    public void A_uuid_of_another_issuer_is_not_taken_for_the_user_of_that_id()
    {
        var id = Guid.CreateVersion7();
        var options = new JwtOptions(Tokens.Secret, "https://keys", "https://mine", null);
        SubjectId.Of(Claims("https://mine", id), options).ShouldBe(id);
        SubjectId.Of(Claims("https://other", id), options).ShouldNotBe(id);
    }

    private static JwtClaims Claims(string issuer, Guid subject) =>
        new(issuer, subject.ToString(), JwtClaims.Authenticated, null, false, Instant.MaxValue, null);

    private static string Payload(long exp = 1_900_000_000, string more = "") => $$"""{"sub":"you","exp":{{exp}}{{more}}}""";

    private async Task<JwtFault?> Fault(string token) =>
        (await new JwtVerifier(new JwtOptions(Tokens.Secret, null, null, null), null, time).VerifyAsync(token, default) as JwtOutcome.Invalid)?.Fault;
}
