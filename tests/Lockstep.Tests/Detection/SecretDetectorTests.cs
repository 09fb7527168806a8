using System.Text;
using System.Text.Json;
using Lockstep.Server.Detection;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Detection;

public sealed class SecretDetectorTests
{
    // Put together here, so that no scanner of repositories takes it for a key.
    private static readonly string Stripe = "sk_" + "live_" + "4eC39HqLyjWDarjtT1zdp7dc";

    [Fact]
    public void A_finding_names_path_and_kind_through_members_and_arrays() =>
        In(new { config = new { mappings = new object[] { "a", new { to = Stripe } } } }).ShouldBe([new Finding("config.mappings[1].to", "stripe_key")]);

    [Fact]
    public void A_key_as_a_members_name_is_found_and_the_path_does_not_show_it()
    {
        var findings = In(new Dictionary<string, object> { ["outer"] = new Dictionary<string, object> { [Stripe] = new { password = "Tr0ub4dor&3x" } } });
        findings.ShouldBe([new Finding("outer.?", "stripe_key"), new Finding("outer.?.password", Finding.Generic)]);
    }

    [Fact]
    public void Json_in_a_string_and_base64_of_base64_hide_nothing()
    {
        In(new { raw = JsonSerializer.Serialize(new { inner = new[] { Stripe } }) }).Single().Kind.ShouldBe("stripe_key");
        In(new { raw = Coded(Coded($"key: {Stripe}")) }).Single().Kind.ShouldBe("stripe_key");
    }

    [Theory]
    [InlineData("\u200B")]
    [InlineData("\u2060")]
    [InlineData("\uFEFF")]
    [InlineData("\u00AD")]
    [InlineData("\uFE0F")]
    [InlineData("\u202E")]
    public void Characters_that_nobody_sees_hide_nothing(string unseen) =>
        Kind(Stripe.Insert(3, unseen).Insert(9, unseen)).ShouldBe("stripe_key");

    [Fact]
    public void Full_width_and_mathematical_letters_hide_nothing()
    {
        Kind(string.Concat(Stripe.Select(c => (char)(c + 0xFEE0)))).ShouldBe("stripe_key");
        Kind(string.Concat(Stripe.Select(c => char.IsAsciiLetterUpper(c) ? char.ConvertFromUtf32(0x1D400 + (c - 'A'))
            : char.IsAsciiLetterLower(c) ? char.ConvertFromUtf32(0x1D41A + (c - 'a'))
            : char.IsAsciiDigit(c) ? char.ConvertFromUtf32(0x1D7CE + (c - '0')) : c.ToString()))).ShouldBe("stripe_key");
    }

    [Theory]
    [InlineData("https://me:hunter22@dav.example.com/", "url_with_password")]
    [InlineData("https://me:${PASSWORD}@dav.example.com/", null)]
    [InlineData("https://me@dav.example.com:8443/a:b@c", null)]
    [InlineData("Basic YWxpY2U6YWxpY2Vwdw==", "basic_authorization")]
    [InlineData("Basic authentication", null)]
    [InlineData("Bearer token of the meeting", null)]
    [InlineData("-----BEGIN PUBLIC KEY-----", null)]
    [InlineData("desk-live and task-force", null)]
    [InlineData("password: hunter2hunter2", Finding.Generic)]
    [InlineData("SMTP_PASSWORD=gT7#kkq2!xw", Finding.Generic)]
    [InlineData("the password is kept in the safe", null)]
    [InlineData("builder.Password = Uri.UnescapeDataString(user[1]);", null)]
    [InlineData("token: bearer", null)]
    public void Texts_are_judged_by_what_they_say(string text, string? kind) => Kind(text).ShouldBe(kind);

    [Theory]
    [InlineData("caldavPassword", "abcd-efgh-ijkl-mnop", true)]
    [InlineData("app_password", "abcd efgh ijkl mnop", true)]
    [InlineData("apiKey", "9f86d081884c7d659a2feaa0c55ad015", true)]
    [InlineData("etag", "9f86d081884c7d659a2feaa0c55ad015", false)]
    [InlineData("syncToken", "9f86d081884c7d659a2feaa0c55ad015", false)]
    [InlineData("tokenType", "bearer", false)]
    [InlineData("password", "changeme", false)]
    [InlineData("password", "${SMTP_PASSWORD}", false)]
    [InlineData("compass", "9f86d081884c7d659a2feaa0c55ad015", false)]
    [InlineData("ＡＰＩ＿ＫＥＹ", "9f86d081884c7d659a2feaa0c55ad015", true)]
    public void A_random_value_counts_under_a_telling_name_alone(string name, string value, bool secret) =>
        SecretDetector.InText("x", name, value).Any().ShouldBe(secret);

    [Fact]
    public void Long_and_deep_input_takes_bounded_time()
    {
        var deep = new string('[', 60) + $"\"{Stripe}\"" + new string(']', 60);
        using var document = JsonDocument.Parse(deep);
        SecretDetector.InJson("", "", document.RootElement).Single().Kind.ShouldBe("stripe_key");
        foreach (var text in new[] { new string('a', 1 << 20), string.Concat(Enumerable.Repeat("password ", 100_000)), string.Concat(Enumerable.Repeat("sk-", 300_000)), string.Concat(Enumerable.Repeat("eyJ", 300_000)), new string(' ', 1 << 20) })
            Kind(text).ShouldBeNull();
        SecretDetector.InText("x", "", "\uD835").ShouldBeEmpty();
    }

    private static List<Finding> In<T>(T value) => [.. SecretDetector.InJson("", "", JsonSerializer.SerializeToElement(value))];

    private static string? Kind(string text) => SecretDetector.InText("x", "", text).FirstOrDefault()?.Kind;

    private static string Coded(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));
}
