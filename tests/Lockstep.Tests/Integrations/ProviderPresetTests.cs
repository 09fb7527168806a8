using Lockstep.Calendaring.Caldav;
using Lockstep.Server.Integrations;
using Lockstep.Server.Integrations.Caldav;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Integrations;

public sealed class ProviderPresetTests
{
    [Fact]
    public void Every_preset_is_an_https_address_with_a_hint_under_a_name_of_its_own()
    {
        var presets = IntegrationTypes.All.Items[0].Presets;
        presets.Select(preset => preset.Id).ShouldBeUnique();
        presets.ShouldAllBe(preset => new Uri(preset.Url).Scheme == "https" && preset.Hint.EndsWith('.'));
        presets.Select(preset => preset.Id).ShouldBe(
            ["icloud", "google", "fastmail", "nextcloud", "yahoo", "zoho", "mailbox-org", "posteo", "gmx", "web-de", "infomaniak", "runbox", "sogo", "zimbra", "davical", "baikal", "radicale", "xandikos"]);
    }

    [Theory]
    [InlineData("caldav.icloud.com", "iCloud")]
    [InlineData("p34-caldav.icloud.com", "iCloud")]
    [InlineData("caldav.fastmail.com", "Fastmail")]
    [InlineData("apidata.googleusercontent.com", "Google Calendar")]
    [InlineData("evilicloud.com", null)]
    [InlineData("cal.example.com", null)]
    public void A_refused_password_is_explained_in_the_words_of_the_provider(string host, string? provider)
    {
        IntegrationTypes.ProviderOf(host)?.Name.ShouldBe(provider);
        var sentence = CaldavFailures.Sentence(new CaldavFailure.Unauthorized(host));
        sentence.ShouldContain(provider ?? "it refused the user name or password");
        sentence.ShouldContain(host);
    }
}
