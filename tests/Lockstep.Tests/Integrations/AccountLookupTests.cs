using Lockstep.Server.Http;
using Lockstep.Server.Integrations;
using Lockstep.Server.Outbound;
using Lockstep.Server.Outbound.Names;
using Lockstep.Tests.Outbound.Names;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Integrations;

/// <summary>From a domain or an e-mail address to the address of its calendars (RFC 6764).</summary>
public sealed class AccountLookupTests : IAsyncLifetime
{
    private readonly FakeDnsServer names = new();
    private readonly Dictionary<(string Name, int Type), byte[][]> zone = [];

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        await names.InitializeAsync();
        names.Answers = question => [FakeDnsServer.Reply(question, zone.GetValueOrDefault((question.Name, question.Type)) ?? [])];
    }

    public ValueTask DisposeAsync() => names.DisposeAsync();

    [Theory]
    [InlineData("example.com", "example.com")]
    [InlineData(" Alice@Example.com. ", "example.com")]
    [InlineData("a.b@calendar.example.co.uk", "calendar.example.co.uk")]
    [InlineData("münchen.example", "xn--mnchen-3ya.example")]
    public void Domains_and_mail_addresses_are_looked_up(string text, string expected)
    {
        AccountLookup.IsBare(text, out var domain).ShouldBeTrue();
        domain.ShouldBe(expected);
    }

    [Theory]
    [InlineData("https://example.com")]
    [InlineData("example.com/dav")]
    [InlineData("example.com:8443")]
    [InlineData("127.0.0.1")]
    [InlineData("localhost")]
    [InlineData("a@b@example.com")]
    [InlineData("@example.com")]
    [InlineData("exa mple.com")]
    [InlineData("")]
    [InlineData(null)]
    public void Everything_else_is_not(string? text) => AccountLookup.IsBare(text, out _).ShouldBeFalse();

    [Fact]
    public async Task The_secure_service_goes_first_with_the_path_of_its_text_record()
    {
        zone[("_caldavs._tcp.example.com", FakeDnsServer.Srv)] = [FakeDnsServer.Service(10, 0, 8443, "b.example.com"), FakeDnsServer.Service(5, 0, 443, "a.example.com")];
        zone[("_caldavs._tcp.example.com", FakeDnsServer.Txt)] = [FakeDnsServer.Text("v=1", "path=/dav/root")];
        zone[("_caldav._tcp.example.com", FakeDnsServer.Srv)] = [FakeDnsServer.Service(0, 0, 80, "plain.example.com")];

        (await UrlsAsync("alice@example.com")).ShouldBe(["https://a.example.com/dav/root", "https://b.example.com:8443/dav/root"]);
        names.Questions.ShouldNotContain(question => question.Name == "_caldav._tcp.example.com");
    }

    [Fact]
    public async Task Without_a_path_it_is_the_well_known_one_and_without_records_the_domain_itself()
    {
        zone[("_caldavs._tcp.example.com", FakeDnsServer.Srv)] = [FakeDnsServer.Service(0, 0, 443, "example.com")];

        (await UrlsAsync("example.com")).ShouldBe(["https://example.com/.well-known/caldav"]);
        (await UrlsAsync("example.org")).ShouldBe(["https://example.org/"]);
    }

    [Theory]
    [InlineData("path=//evil.example")]
    [InlineData("path=/a?b")]
    [InlineData("path=https://evil.example/")]
    [InlineData("path=/a b")]
    [InlineData("path=/a\r\nHost: evil")]
    [InlineData("path=")]
    public async Task A_path_that_is_none_is_left_out(string text)
    {
        zone[("_caldavs._tcp.example.com", FakeDnsServer.Srv)] = [FakeDnsServer.Service(0, 0, 443, "a.example.com")];
        zone[("_caldavs._tcp.example.com", FakeDnsServer.Txt)] = [FakeDnsServer.Text(text)];

        (await UrlsAsync("example.com")).ShouldBe(["https://a.example.com/.well-known/caldav"]);
    }

    [Fact]
    public async Task No_password_goes_to_another_domain_that_a_name_server_names()
    {
        zone[("_caldavs._tcp.example.com", FakeDnsServer.Srv)] = [FakeDnsServer.Service(0, 0, 443, "caldav.elsewhere.example"), FakeDnsServer.Service(0, 0, 443, "evilexample.com")];

        var said = await ErrorAsync("example.com");

        said.ShouldContain("https://");
        said.ShouldContain("another domain");
        said.ShouldContain("give that address here");
    }

    [Fact]
    public async Task A_service_without_encryption_needs_consent_too()
    {
        zone[("_caldav._tcp.example.com", FakeDnsServer.Srv)] = [FakeDnsServer.Service(0, 0, 8080, "cal.example.com")];

        (await ErrorAsync("example.com")).ShouldContain("http://cal.example.com:8080/.well-known/caldav, without encryption");
    }

    [Fact]
    public async Task A_domain_may_say_that_it_has_no_calendars()
    {
        zone[("_caldavs._tcp.example.com", FakeDnsServer.Srv)] = [FakeDnsServer.Service(0, 0, 1, "")];

        (await ErrorAsync("bob@example.com")).ShouldContain("without calendars");
    }

    [Fact]
    public async Task What_the_records_lead_to_is_under_the_outbound_guard()
    {
        // Names are checked when they are connected to; an address written as a name at once.
        zone[("_caldavs._tcp.10.in-addr.example", FakeDnsServer.Srv)] = [FakeDnsServer.Service(0, 0, 443, "localhost")];

        (await ErrorAsync("10.in-addr.example")).ShouldContain("another domain");
        (await ErrorAsync("app.localhost")).ShouldContain("may not be reached from here");
    }

    [Fact]
    public async Task A_name_server_that_says_nothing_leaves_the_domain_itself()
    {
        names.Answers = _ => [];

        (await UrlsAsync("example.com")).ShouldBe(["https://example.com/"]);
    }

    [Fact]
    public void Servers_are_ordered_by_priority_and_drawn_by_weight()
    {
        SrvRecord[] records = [new(20, 0, 1, "last"), new(10, 60, 1, "heavy"), new(10, 20, 1, "light"), new(10, 0, 1, "none")];

        ServiceOrder.Of(records, _ => 0).Select(record => record.Target).ShouldBe(["none", "heavy", "light", "last"]);
        ServiceOrder.Of(records, most => most).Select(record => record.Target).ShouldBe(["light", "heavy", "none", "last"]);
        var random = new Random(7);
        var first = Enumerable.Range(0, 1000).Count(_ => ServiceOrder.Of(records, most => random.Next(most + 1))[0].Target == "heavy");
        first.ShouldBeInRange(680, 800);
    }

    private async Task<IEnumerable<string>> UrlsAsync(string text)
    {
        var errors = new FieldErrors();
        var urls = await Urls.Of(text, "url", errors, Ct);
        errors.All.ShouldBeEmpty();
        return urls.Select(url => url.AbsoluteUri);
    }

    private async Task<string> ErrorAsync(string text)
    {
        var errors = new FieldErrors();
        (await Urls.Of(text, "url", errors, Ct)).ShouldBeEmpty();
        return errors.All["url"].ShouldHaveSingleItem();
    }

    private AccountUrls Urls => new(
        new AccountLookup(new DnsClient(() => [names.Address], TimeSpan.FromMilliseconds(500), TimeProvider.System)),
        new IntegrationRules(new Server.Integrations.Types.ConfigRules(new OutboundGuard(new HashSet<HostPort>()))));
}
