using Lockstep.Server.Tenancy.Jwt;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Tenancy.Jwt;

public sealed class JwtOptionsTests
{
    [Fact]
    public void A_secret_or_a_key_set_is_enough()
    {
        new JwtOptions(new byte[32], null, null, null).Validate().ShouldBeEmpty();
        new JwtOptions(null, "https://id.example.com/jwks.json", null, null).Validate().ShouldBeEmpty();
        new JwtOptions(new byte[64], "http://auth:8080/jwks", "https://id.example.com/", "lockstep").Validate().ShouldBeEmpty();
    }

    [Fact]
    public void Neither_is_refused_with_both_names() =>
        new JwtOptions(null, null, null, null).Validate().ShouldHaveSingleItem()
            .ShouldSatisfyAllConditions(text => text.ShouldContain("LOCKSTEP_JWT_SECRET"), text => text.ShouldContain("LOCKSTEP_JWKS_URL"));

    [Theory]
    [InlineData("id.example.com/jwks.json")]
    [InlineData("/jwks.json")]
    [InlineData("file:///etc/jwks.json")]
    [InlineData("")]
    [InlineData("https://user:marker@id.example.com/jwks.json")]
    public void A_key_set_needs_a_plain_http_address(string url)
    {
        var problem = new JwtOptions(null, url, null, null).Validate().ShouldHaveSingleItem();
        problem.ShouldStartWith("LOCKSTEP_JWKS_URL");
        problem.ShouldNotContain("marker");
    }

    [Fact]
    public void All_problems_are_told_at_once_and_the_secret_is_not()
    {
        var problems = new JwtOptions("marker"u8.ToArray(), "nowhere", "", "").Validate();
        problems.Count.ShouldBe(4);
        problems[0].ShouldContain("6 bytes");
        problems.ShouldAllBe(problem => !problem.Contains("marker"));
    }

    [Fact]
    public void Printing_the_options_does_not_print_the_secret() =>
        new JwtOptions("marker"u8.ToArray(), null, null, null).ToString().ShouldNotContain("marker");
}
