using System.Net;
using Lockstep.Server.Outbound;
using Lockstep.Tests.Calendaring.Caldav;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Outbound;

public sealed class OutboundGuardTests(FakeCaldavServer server) : IClassFixture<FakeCaldavServer>
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private static async Task<HttpStatusCode> GetAsync(OutboundGuard guard, string url)
    {
        using var invoker = guard.CreateInvoker();
        using var request = new HttpRequestMessage(HttpMethod.Get, url);
        using var answer = await invoker.SendAsync(request, Ct);
        return answer.StatusCode;
    }

    private static OutboundGuard Guard(params HostPort[] allow) => new(allow.ToHashSet());

    [Theory]
    [InlineData("http://127.0.0.1:{0}/")]
    [InlineData("http://127.1:{0}/")]
    [InlineData("http://2130706433:{0}/")]
    [InlineData("http://0x7f000001:{0}/")]
    [InlineData("http://0177.0.0.1:{0}/")]
    [InlineData("http://0:{0}/")]
    [InlineData("http://[::1]:{0}/")]
    [InlineData("http://[::ffff:127.0.0.1]:{0}/")]
    [InlineData("http://[::ffff:7f00:1]:{0}/")]
    [InlineData("http://localhost:{0}/")]
    [InlineData("http://LOCALHOST.:{0}/")]
    [InlineData("http://a.localhost:{0}/")]
    public async Task No_spelling_of_loopback_gets_through(string pattern)
    {
        var asked = server.Requests.Count;

        await Should.ThrowAsync<OutboundRefusedException>(() => GetAsync(Guard(), string.Format(null, pattern, server.Url.Port)));

        server.Requests.Count.ShouldBe(asked);
    }

    [Theory]
    [InlineData("file:///etc/passwd", nameof(OutboundCheck.NotHttp))]
    [InlineData("ftp://example.com/", nameof(OutboundCheck.NotHttp))]
    [InlineData("/relative", nameof(OutboundCheck.NotHttp))]
    [InlineData("https://user:pw@example.com/", nameof(OutboundCheck.CarriesCredentials))]
    [InlineData("https://192.168.1.1/", nameof(OutboundCheck.NotPublic))]
    [InlineData("https://[fd00:ec2::254]/", nameof(OutboundCheck.NotPublic))]
    [InlineData("http://169.254.169.254/latest/meta-data/", nameof(OutboundCheck.NotPublic))]
    [InlineData("https://localhost/", nameof(OutboundCheck.NotPublic))]
    [InlineData("https://example.com/", nameof(OutboundCheck.Allowed))]
    [InlineData("http://8.8.8.8/", nameof(OutboundCheck.Allowed))]
    public void An_address_is_judged_early_where_its_text_suffices(string url, string expected) =>
        Guard().Check(new Uri(url, UriKind.RelativeOrAbsolute)).ToString().ShouldBe(expected);

    [Fact]
    public async Task A_name_that_resolves_inward_is_refused_and_the_address_is_not_told()
    {
        var guard = new OutboundGuard(new HashSet<HostPort>(), (_, _) => Task.FromResult(new[] { IPAddress.Loopback }));

        var refusal = await Should.ThrowAsync<OutboundRefusedException>(() => GetAsync(guard, $"http://cal.example.com:{server.Url.Port}/"));

        refusal.ToString().ShouldNotContain("127.0.0.1");
        refusal.Message.ShouldStartWith("cal.example.com may not be reached");
    }

    [Fact]
    public async Task A_name_that_turns_inward_later_is_refused_on_the_next_connection()
    {
        var answers = new Queue<IPAddress>([IPAddress.Parse("127.0.0.1"), IPAddress.Parse("10.0.0.1"), IPAddress.Parse("::1")]);
        var guard = new OutboundGuard(new HashSet<HostPort>(), (_, _) => Task.FromResult(new[] { answers.Dequeue() }));
        var url = $"http://rebind.example.com:{server.Url.Port}/";

        guard.Check(new Uri(url)).ShouldBe(OutboundCheck.Allowed);
        answers.Count.ShouldBe(3);
        while (answers.Count > 0)
            await Should.ThrowAsync<OutboundRefusedException>(() => GetAsync(guard, url));
    }

    [Fact]
    public async Task An_allowed_pair_is_let_through_and_no_other()
    {
        var guard = Guard(HostPort.Of(server.Url));

        (await GetAsync(guard, server.Url.AbsoluteUri)).ShouldBe(HttpStatusCode.OK);

        await Should.ThrowAsync<OutboundRefusedException>(() => GetAsync(guard, $"http://127.0.0.1:{server.Url.Port + 1}/"));
        await Should.ThrowAsync<OutboundRefusedException>(() => GetAsync(guard, $"http://127.0.0.2:{server.Url.Port}/"));
        await Should.ThrowAsync<OutboundRefusedException>(() => GetAsync(guard, $"http://localhost:{server.Url.Port}/"));
    }

    [Fact]
    public async Task An_allowed_name_may_resolve_inward()
    {
        var allow = new HashSet<HostPort> { new("cal.internal", server.Url.Port) };
        var guard = new OutboundGuard(allow, (_, _) => Task.FromResult(new[] { IPAddress.Loopback }));

        (await GetAsync(guard, $"http://cal.internal:{server.Url.Port}/")).ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task A_redirect_is_not_followed_by_the_handler()
    {
        server.Answer("/away", _ => FakeAnswer.Redirect("http://169.254.169.254/", 302));

        (await GetAsync(Guard(HostPort.Of(server.Url)), new Uri(server.Url, "/away").AbsoluteUri)).ShouldBe(HttpStatusCode.Redirect);
    }
}
