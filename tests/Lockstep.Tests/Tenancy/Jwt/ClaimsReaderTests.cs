using System.Text;
using Lockstep.Server.Tenancy.Jwt;
using Lockstep.Tests.Support;
using NodaTime;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Tenancy.Jwt;

/// <summary>What a well-signed token must say, by HS256. Now is 1,772,355,600.</summary>
public sealed class ClaimsReaderTests
{
    private const string Issuer = "https://id.example.com/";
    private const string Good = "\"sub\":\"alice\",\"exp\":1772355700";
    private static readonly byte[] Secret = Encoding.UTF8.GetBytes("a secret of the tests, long enough");
    private static readonly TestKey Key = TestKey.Secret(Secret);
    private readonly FakeTime clock = new();

    [Fact]
    public async Task A_good_token_gives_its_claims()
    {
        var claims = await ValidAsync(
            $"{{\"iss\":\"{Issuer}\",\"sub\":\"auth0|5f7c\",\"aud\":\"anyone\",\"role\":\"service_role\",\"email\":\"a@example.com\","
            + "\"email_verified\":true,\"iat\":1772355590,\"nbf\":1772355590,\"exp\":1772355700.5,\"app_metadata\":{\"x\":[1,{}]}}");
        claims.ShouldBe(new JwtClaims(
            Issuer, "auth0|5f7c", JwtClaims.ServiceRole, "a@example.com", true,
            Instant.FromUnixTimeMilliseconds(1_772_355_700_500), Instant.FromUnixTimeSeconds(1_772_355_590))
        { SignedByOwnSecret = true });
    }

    [Fact]
    public async Task What_a_token_leaves_out_has_defaults()
    {
        var claims = await ValidAsync($"{{{Good}}}");
        claims.ShouldBe(new JwtClaims(
            "", "alice", JwtClaims.Authenticated, null, false, Instant.FromUnixTimeSeconds(1_772_355_700), null)
        { SignedByOwnSecret = true });
    }

    [Theory]
    [InlineData("not JSON")]
    [InlineData("[]")]
    [InlineData("{\"sub\":\"alice\"}")]
    [InlineData("{\"sub\":\"alice\",\"exp\":null}")]
    [InlineData("{\"sub\":\"alice\",\"exp\":\"1772355700\"}")]
    [InlineData("{\"sub\":\"alice\",\"exp\":-1}")]
    [InlineData("{\"sub\":\"alice\",\"exp\":1772355700000}")]
    [InlineData("{\"sub\":\"alice\",\"exp\":1e400}")]
    [InlineData("{\"sub\":\"alice\",\"exp\":9223372036854775808}")]
    [InlineData("{\"sub\":\"alice\",\"exp\":1772355700,\"exp\":1800000000}")]
    [InlineData("{\"sub\":\"alice\",\"\\u0065xp\":1772355700,\"exp\":1800000000}")]
    [InlineData("{\"sub\":\"alice\",\"sub\":\"bob\",\"exp\":1772355700}")]
    [InlineData("{\"sub\":\"\\udc00\",\"exp\":1772355700}")]
    [InlineData("{" + Good + ",\"nbf\":\"now\"}")]
    [InlineData("{" + Good + ",\"iat\":null}")]
    [InlineData("{" + Good + ",\"iss\":7}")]
    [InlineData("{" + Good + ",\"iss\":\"a\\u0000b\"}")]
    [InlineData("{" + Good + "}{}")]
    public async Task Claims_that_cannot_be_read_are_malformed(string payload) =>
        (await FaultAsync(payload)).ShouldBe(JwtFault.Malformed);

    [Theory]
    [InlineData("{\"exp\":1772355700}")]
    [InlineData("{\"sub\":null,\"exp\":1772355700}")]
    [InlineData("{\"sub\":\"\",\"exp\":1772355700}")]
    [InlineData("{\"sub\":12345,\"exp\":1772355700}")]
    [InlineData("{\"sub\":[\"alice\"],\"exp\":1772355700}")]
    [InlineData("{\"sub\":\"a\\u0000b\",\"exp\":1772355700}")]
    public async Task A_subject_is_text_and_not_empty(string payload) =>
        (await FaultAsync(payload)).ShouldBe(JwtFault.MissingSubject);

    [Fact]
    public async Task A_subject_has_at_most_255_characters()
    {
        (await ValidAsync($"{{\"sub\":\"{new string('ü', 255)}\",\"exp\":1772355700}}")).Subject.Length.ShouldBe(255);
        (await FaultAsync($"{{\"sub\":\"{new string('s', 256)}\",\"exp\":1772355700}}")).ShouldBe(JwtFault.MissingSubject);
    }

    [Theory]
    [InlineData("\"anon\"")]
    [InlineData("\"\"")]
    [InlineData("\"Authenticated\"")]
    [InlineData("\"lockstep_owner\"")]
    [InlineData("null")]
    [InlineData("[\"service_role\"]")]
    public async Task Only_two_roles_are_allowed(string role) =>
        (await FaultAsync($"{{{Good},\"role\":{role}}}")).ShouldBe(JwtFault.RoleNotAllowed);

    [Theory]
    [InlineData(99, null)]
    [InlineData(100, JwtFault.Expired)]
    [InlineData(101, JwtFault.Expired)]
    public async Task A_token_is_valid_until_just_before_exp(int seconds, object? fault)
    {
        clock.Advance(TimeSpan.FromSeconds(seconds));
        (await MaybeFaultAsync($"{{{Good}}}", Options())).ShouldBe((JwtFault?)fault);
    }

    [Theory]
    [InlineData("nbf", 60, null)]
    [InlineData("nbf", 61, JwtFault.NotYetValid)]
    [InlineData("iat", 60, null)]
    [InlineData("iat", 61, JwtFault.NotYetValid)]
    [InlineData("iat", -1_000_000, null)]
    public async Task Another_clock_may_be_a_minute_ahead(string claim, int seconds, object? fault) =>
        (await MaybeFaultAsync($"{{{Good},\"{claim}\":{1_772_355_600 + seconds}}}", Options())).ShouldBe((JwtFault?)fault);

    [Theory]
    [InlineData("", JwtFault.WrongIssuer)]
    [InlineData(",\"iss\":\"https://id.example.com\"", JwtFault.WrongIssuer)]
    [InlineData(",\"iss\":\"https://ID.example.com/\"", JwtFault.WrongIssuer)]
    [InlineData(",\"iss\":\"https://id.example.com/\"", null)]
    public async Task A_configured_issuer_is_the_only_one(string more, object? fault) =>
        (await MaybeFaultAsync($"{{{Good}{more}}}", Options(issuer: Issuer))).ShouldBe((JwtFault?)fault);

    [Theory]
    [InlineData("", JwtFault.WrongAudience)]
    [InlineData(",\"aud\":null", JwtFault.WrongAudience)]
    [InlineData(",\"aud\":[]", JwtFault.WrongAudience)]
    [InlineData(",\"aud\":\"lockstep2\"", JwtFault.WrongAudience)]
    [InlineData(",\"aud\":[\"other\",\"more\"]", JwtFault.WrongAudience)]
    [InlineData(",\"aud\":[\"lockstep\",7]", JwtFault.WrongAudience)]
    [InlineData(",\"aud\":{\"lockstep\":1}", JwtFault.WrongAudience)]
    [InlineData(",\"aud\":\"lockstep\"", null)]
    [InlineData(",\"aud\":[\"other\",\"lockstep\"]", null)]
    public async Task A_configured_audience_must_be_among_those_of_the_token(string more, object? fault) =>
        (await MaybeFaultAsync($"{{{Good}{more}}}", Options(audience: "lockstep"))).ShouldBe((JwtFault?)fault);

    [Theory]
    [InlineData(",\"email\":\"a@example.com\"", "a@example.com", false)]
    [InlineData(",\"email\":\"a@example.com\",\"email_verified\":\"true\"", "a@example.com", false)]
    [InlineData(",\"email\":\"a@example.com\",\"user_metadata\":{\"email_verified\":true}", "a@example.com", false)]
    [InlineData(",\"email\":\"a@example.com\",\"email_verified\":true", "a@example.com", true)]
    [InlineData(",\"email\":\"\",\"email_verified\":true", null, false)]
    [InlineData(",\"email\":7,\"email_verified\":true", null, false)]
    [InlineData(",\"email\":\"a@example.com\\r\\nBcc: b@example.com\"", null, false)]
    public async Task An_address_counts_as_verified_only_when_the_issuer_says_so(string more, string? email, bool verified)
    {
        var claims = await ValidAsync($"{{{Good}{more}}}");
        claims.Email.ShouldBe(email);
        claims.EmailVerified.ShouldBe(verified);
    }

    [Fact]
    public async Task A_wrong_signature_outranks_every_fault_of_the_claims()
    {
        var forged = TestKey.Secret(Encoding.UTF8.GetBytes("another secret that is long enough"));
        foreach (var payload in new[] { $"{{{Good}}}", "not JSON", "{\"sub\":\"alice\",\"exp\":1}" })
            (await VerifyAsync(forged.Token(payload), Options())).ShouldBe(new JwtOutcome.Invalid(JwtFault.BadSignature));
    }

    [Fact]
    public async Task The_type_and_the_kid_of_an_HS256_token_do_not_matter() =>
        (await VerifyAsync(Key.Token("{\"typ\":\"at+jwt\",\"alg\":\"HS256\",\"kid\":\"any\"}", $"{{{Good}}}"), Options()))
            .ShouldBeOfType<JwtOutcome.Valid>();

    private static JwtOptions Options(string? issuer = null, string? audience = null) => new(Secret, null, issuer, audience);

    private async Task<JwtOutcome> VerifyAsync(string token, JwtOptions options) =>
        await new JwtVerifier(options, jwks: null, clock).VerifyAsync(token, TestContext.Current.CancellationToken);

    private async Task<JwtFault?> MaybeFaultAsync(string payload, JwtOptions options) =>
        await VerifyAsync(Key.Token(payload), options) is JwtOutcome.Invalid invalid ? invalid.Fault : null;

    private async Task<JwtFault> FaultAsync(string payload) => (await MaybeFaultAsync(payload, Options())).ShouldNotBeNull();

    private async Task<JwtClaims> ValidAsync(string payload) =>
        (await VerifyAsync(Key.Token(payload), Options())).ShouldBeOfType<JwtOutcome.Valid>().Claims;
}
