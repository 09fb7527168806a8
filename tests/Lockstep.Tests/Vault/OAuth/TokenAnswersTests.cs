using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Lockstep.Crypto;
using Lockstep.Server.Vault.OAuth;
using Lockstep.Tests.Support;
using NodaTime;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Vault.OAuth;

public sealed class TokenAnswersTests
{
    private static readonly Instant Now = Instant.FromUtc(2026, 3, 1, 12, 0);

    [Theory]
    [InlineData("3600", 3600)]
    [InlineData("\"3600\"", 3600)]
    [InlineData("0.5", 0.5)]
    [InlineData("1e30", 366.0 * 86_400)]
    [InlineData("99999999999999999999999999", 366.0 * 86_400)]
    public void The_life_of_a_token_is_read_as_servers_write_it_and_bounded(string expiresIn, double seconds)
    {
        var granted = Classify(200, $$"""{"access_token":"a","token_type":"Bearer","expires_in":{{expiresIn}}}""").ShouldBeOfType<TokenAnswer.Granted>();
        (granted.Life.ExpiresAt!.Value - Now).TotalSeconds.ShouldBe(seconds, 0.001);
        granted.Life.RefreshAt.ShouldBeGreaterThan(Now);
        granted.Life.RefreshAt.ShouldBeLessThan(granted.Life.ExpiresAt.Value);
    }

    [Theory]
    [InlineData("-1")]
    [InlineData("0")]
    [InlineData("null")]
    [InlineData("\"soon\"")]
    [InlineData("\"NaN\"")]
    [InlineData("{}")]
    [InlineData("[1]")]
    public void A_life_that_says_nothing_is_an_hour_that_never_counts_as_expired(string expiresIn)
    {
        var granted = Classify(200, $$"""{"access_token":"a","token_type":"Bearer","expires_in":{{expiresIn}}}""").ShouldBeOfType<TokenAnswer.Granted>();
        granted.Life.ExpiresAt.ShouldBeNull();
        granted.Life.RefreshAt.ShouldBe(Now + Duration.FromHours(1));
    }

    [Theory]
    [InlineData("""{"access_token":"a"}""")]
    [InlineData("""{"access_token":"a","token_type":""}""")]
    [InlineData("""{"access_token":"a","token_type":"bEARER","error":null}""")]
    [InlineData("""{"access_token":"a","token_type":"bearer","error":""}""")]
    [InlineData("""{"nested":{"error":"invalid_grant","access_token":"b"},"access_token":"a"}""")]
    [InlineData("\uFEFF{\"access_token\":\"a\"}")]
    public void What_servers_leave_out_or_add_does_no_harm(string body)
    {
        using var access = Classify(200, body).ShouldBeOfType<TokenAnswer.Granted>().Access;
        access.RevealText().ShouldBe("a");
    }

    [Theory]
    [InlineData(400, """{"error":"invalid_grant"}""", "Refused invalid_grant")]
    [InlineData(200, """{"error":"bad_refresh_token"}""", "Refused bad_refresh_token")]
    [InlineData(400, """{"error":"interaction_required"}""", "Refused interaction_required")]
    [InlineData(500, """{"error":"invalid_grant"}""", "Unavailable http_500")]
    [InlineData(429, """{"error":"invalid_grant"}""", "Unavailable http_429")]
    [InlineData(400, """{"error":"invalid_request"}""", "Misconfigured invalid_request")]
    [InlineData(400, """{"error":{"code":400}}""", "Misconfigured unknown_error")]
    [InlineData(400, """{"error":"INVALID_GRANT"}""", "Misconfigured unknown_error")]
    [InlineData(403, "forbidden", "Malformed http_403")]
    [InlineData(418, "", "Malformed http_4xx")]
    [InlineData(599, "", "Unavailable http_5xx")]
    [InlineData(204, "", "Malformed not_json")]
    [InlineData(200, """{"access_token":"a"} trailing""", "Malformed not_json")]
    [InlineData(200, """{"access_token":"a" """, "Malformed not_json")]
    [InlineData(200, """{"access_token":"caf\u00e9"}""", "Malformed token_characters")]
    [InlineData(200, """{"access_token":"\ud800"}""", "Malformed not_json")]
    [InlineData(200, """{"access_token":17}""", "Malformed no_access_token")]
    [InlineData(200, """{"access_token":"a","token_type":"DPoP"}""", "Malformed token_type")]
    public void Every_answer_has_its_meaning(int status, string body, string meaning)
    {
        var answer = Classify(status, body);
        $"{answer.GetType().Name} {CodeOf(answer)}".ShouldBe(meaning);
    }

    [Fact]
    public void Tokens_that_are_too_long_are_refused()
    {
        CodeOf(Classify(200, $$"""{"access_token":"{{new string('a', TokenText.MaxAccess + 1)}}"}""")).ShouldBe("token_too_long");
        CodeOf(Classify(200, $$"""{"access_token":"a","refresh_token":"{{new string('a', TokenText.MaxRefresh + 1)}}"}""")).ShouldBe("token_too_long");
        Classify(200, $$"""{"access_token":"{{new string('a', TokenText.MaxAccess)}}"}""").ShouldBeOfType<TokenAnswer.Granted>();
    }

    [Fact]
    public void Whatever_comes_back_nothing_is_thrown_nothing_is_repeated_and_only_a_token_is_a_token()
    {
        string[] members =
        [
            "\"access_token\":\"marker\"", "\"access_token\":null", "\"error\":\"marker\"", "\"error\":\"invalid_grant\"", "\"error\":{}", "\"token_type\":\"bearer\"",
            "\"token_type\":\"marker\"", "\"refresh_token\":\"marker\"", "\"refresh_token\":[]", "\"expires_in\":-9e99", "\"expires_in\":\"marker\"", "\"x\":[[[]]]", "{", "\\", "\u0000", "ä",
        ];
        var bodies = Gen.Elements(members).ArrayOf().Select(parts => $"{{{string.Join(",", parts)}}}");
        var noise = Gen.Choose(0, 255).Select(one => (byte)one).ArrayOf().Select(Encoding.Latin1.GetString);
        var cases = Gen.OneOf(bodies, noise).SelectMany(body => Gen.Choose(100, 599).Select(status => (status, body)));
        Check.One(Properties.Config, Prop.ForAll(cases.ToArbitrary(), one =>
        {
            var answer = TokenAnswers.Classify(one.status, Encoding.UTF8.GetBytes(one.body), null, Now);
            answer.ToString().ShouldNotContain("marker");
            if (answer is TokenAnswer.Granted granted)
            {
                one.status.ShouldBeInRange(200, 299);
                granted.Access.RevealText().ShouldBe("marker");
                granted.Life.RefreshAt.ShouldBeGreaterThan(Now);
            }
            else
            {
                CodeOf(answer).ShouldMatch("^[a-z0-9_]{3,40}$");
            }
        }));
    }

    [Fact]
    public void A_bundle_comes_back_as_it_was_and_a_shortened_or_lengthened_one_not_at_all()
    {
        var token = Gen.Choose(0x20, 0x7E).Select(one => (char)one).ArrayOf().Select(characters => new string(characters));
        var cases = token.SelectMany(access => token.SelectMany(refresh => Gen.Elements(true, false).Select(both => (access, refresh, both))));
        Check.One(Properties.Config, Prop.ForAll(cases.ToArbitrary(), one =>
        {
            using var bundle = new TokenBundle(
                Secret.FromText(one.access), one.both ? Secret.FromText(one.refresh) : null, one.both ? null : Secret.FromText(one.refresh));
            using var value = bundle.ToSecret();
            TokenBundle.IsBundle(value).ShouldBeTrue();
            using var back = TokenBundle.Open(value).ShouldNotBeNull();
            back.Access.RevealText().ShouldBe(one.access);
            (back.Refresh ?? back.Client)!.RevealText().ShouldBe(one.refresh);
            (back.Refresh is not null).ShouldBe(one.both);
            var bytes = value.RevealBytes();
            TokenBundle.Open(Secret.FromBytes(bytes.AsSpan(0, bytes.Length - 1))).ShouldBeNull();
            TokenBundle.Open(Secret.FromBytes([.. bytes, 0])).ShouldBeNull();
        }));
    }

    [Fact]
    public void The_pause_doubles_is_bounded_and_never_shorter_than_what_the_server_asks_for()
    {
        var away = new TokenAnswer.Unavailable("http_503", null);
        RefreshBackoff.After(away, 0, 0).ShouldBe(TimeSpan.FromSeconds(2));
        RefreshBackoff.After(away, 3, 0).ShouldBe(TimeSpan.FromSeconds(16));
        RefreshBackoff.After(away, int.MaxValue, 0).ShouldBe(RefreshBackoff.Longest);
        RefreshBackoff.After(away, 3, 0.999).ShouldBeInRange(TimeSpan.FromSeconds(11), TimeSpan.FromSeconds(16));
        RefreshBackoff.After(away with { RetryAfter = TimeSpan.FromSeconds(90) }, 0, 0.5).ShouldBe(TimeSpan.FromSeconds(90));
        RefreshBackoff.After(away with { RetryAfter = TimeSpan.FromDays(9) }, 0, 0.5).ShouldBe(RefreshBackoff.LongestAsked);
        RefreshBackoff.After(away with { RetryAfter = TimeSpan.FromSeconds(-5) }, 0, 0).ShouldBe(TimeSpan.FromSeconds(2));
    }

    private static TokenAnswer Classify(int status, string body) => TokenAnswers.Classify(status, Encoding.UTF8.GetBytes(body), null, Now);

    private static string CodeOf(TokenAnswer answer) => answer switch
    {
        TokenAnswer.Refused(var code) => code,
        TokenAnswer.Misconfigured(var code) => code,
        TokenAnswer.Malformed(var code) => code,
        TokenAnswer.Unavailable(var code, _) => code,
        _ => "granted",
    };
}
