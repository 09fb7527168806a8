using System.Text;
using Lockstep.Server.Tenancy.Jwt;
using Lockstep.Tests.Support;
using NodaTime;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Tenancy.Jwt;

public sealed class JwtIssuerTests
{
    private static readonly byte[] Secret = Encoding.UTF8.GetBytes("a secret of the tests, long enough");
    private readonly FakeTime clock = new();

    [Fact]
    public async Task An_issued_token_is_accepted_until_its_time_is_over()
    {
        var options = new JwtOptions(Secret, null, "https://id.example.com/", "lockstep");
        var token = new JwtIssuer(options, clock).Issue(
            "zoë \"quoted\"", "z@example.com", JwtClaims.ServiceRole, Duration.FromHours(1), emailVerified: true);
        var verifier = new JwtVerifier(options, jwks: null, clock);

        var claims = (await verifier.VerifyAsync(token, TestContext.Current.CancellationToken)).ShouldBeOfType<JwtOutcome.Valid>().Claims;
        claims.ShouldBe(new JwtClaims(
            "https://id.example.com/", "zoë \"quoted\"", JwtClaims.ServiceRole, "z@example.com", true,
            Instant.FromUnixTimeSeconds(1_772_359_200), Instant.FromUnixTimeSeconds(1_772_355_600))
        { SignedByOwnSecret = true });

        clock.Advance(TimeSpan.FromHours(1));
        (await verifier.VerifyAsync(token, TestContext.Current.CancellationToken)).ShouldBe(new JwtOutcome.Invalid(JwtFault.Expired));
    }

    [Fact]
    public async Task A_token_for_another_issuer_or_audience_says_so()
    {
        var options = new JwtOptions(Secret, null, "a", "b");
        var issuer = new JwtIssuer(options, clock);
        var verifier = new JwtVerifier(options, jwks: null, clock);
        var elsewhere = issuer.Issue("alice", null, JwtClaims.Authenticated, Duration.FromMinutes(1), issuer: "other");
        var forOthers = issuer.Issue("alice", null, JwtClaims.Authenticated, Duration.FromMinutes(1), audience: "other");
        (await verifier.VerifyAsync(elsewhere, TestContext.Current.CancellationToken)).ShouldBe(new JwtOutcome.Invalid(JwtFault.WrongIssuer));
        (await verifier.VerifyAsync(forOthers, TestContext.Current.CancellationToken)).ShouldBe(new JwtOutcome.Invalid(JwtFault.WrongAudience));
    }

    [Theory]
    [InlineData("", "authenticated", 60)]
    [InlineData("a\0b", "authenticated", 60)]
    [InlineData("alice", "anon", 60)]
    [InlineData("alice", "authenticated", 0)]
    [InlineData("alice", "authenticated", -60)]
    public void A_token_that_nobody_would_accept_is_not_made(string subject, string role, int seconds)
    {
        var issuer = new JwtIssuer(new JwtOptions(Secret, null, null, null), clock);
        Should.Throw<ArgumentException>(() => issuer.Issue(subject, null, role, Duration.FromSeconds(seconds)));
    }

    [Fact]
    public void Without_a_secret_of_32_bytes_no_token_is_made()
    {
        Should.Throw<ArgumentException>(() => new JwtIssuer(new JwtOptions(null, "https://id.example.com/jwks", null, null), clock))
            .Message.ShouldContain("LOCKSTEP_JWT_SECRET");
        Should.Throw<ArgumentException>(() => new JwtIssuer(new JwtOptions(new byte[31], null, null, null), clock));
        Should.Throw<ArgumentException>(() => new JwtVerifier(new JwtOptions(new byte[31], null, null, null), null, clock));
    }
}
