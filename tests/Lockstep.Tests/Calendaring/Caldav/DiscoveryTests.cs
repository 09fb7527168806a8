using Lockstep.Calendaring.Caldav;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Calendaring.Caldav;

/// <summary>Layouts of accounts that Radicale does not have.</summary>
public sealed class DiscoveryTests : IAsyncLifetime
{
    private readonly FakeCaldavServer server = new();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => server.InitializeAsync();

    public ValueTask DisposeAsync() => server.DisposeAsync();

    private static string Props(string href, string props) =>
        $"<D:response><D:href>{href}</D:href><D:propstat><D:prop>{props}</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>";

    private static string Calendar(string href, string props = "") =>
        Props(href, "<D:resourcetype><D:collection/><C:calendar/></D:resourcetype>" + props);

    private static string Privileges(params string[] names) =>
        "<D:current-user-privilege-set>" + string.Concat(names.Select(n => $"<D:privilege><D:{n}/></D:privilege>")) + "</D:current-user-privilege-set>";

    private void Serve(string path, string responses) => server.Answer(path, _ => FakeAnswer.Multistatus(responses));

    [Fact]
    public async Task The_well_known_address_leads_from_a_web_site_to_the_calendars()
    {
        server.Answer("/", _ => FakeAnswer.Html());
        server.Answer("/.well-known/caldav", _ => FakeAnswer.Redirect("/dav/", 301));
        Serve("/dav/", Props("/dav/", "<D:current-user-principal><D:href>/dav/me/</D:href></D:current-user-principal>"));
        Serve("/dav/me/", Props("/dav/me/", "<C:calendar-home-set><D:href>/dav/home/</D:href><D:href>/dav/shared/</D:href></C:calendar-home-set>"));
        Serve("/dav/home/", Props("/dav/home/", "<D:resourcetype><D:collection/></D:resourcetype>") + Calendar("/dav/home/a/"));
        Serve("/dav/shared/", Calendar("/dav/shared/b/") + Calendar("/dav/home/a/"));

        var found = (await Clients.For(server.Url).DiscoverAsync(Ct)).Value;

        found.Principal.ShouldBe(Href.Of(server.At("/dav/me/")));
        found.Homes.Select(h => h.Path).ShouldBe(["/dav/home/", "/dav/shared/"]);
        found.Calendars.Select(c => c.Href.Path).ShouldBe(["/dav/home/a/", "/dav/shared/b/"]);
        server.Requests.ShouldAllBe(r => r.Method == "PROPFIND");
    }

    [Fact]
    public async Task A_bare_calendar_without_a_principal_is_found()
    {
        Serve("/cal/", Calendar("/cal/", "<D:displayname> </D:displayname>"));

        var found = (await Clients.For(server.At("/cal/")).DiscoverAsync(Ct)).Value;

        found.Principal.ShouldBeNull();
        found.Homes.ShouldBeEmpty();
        found.Calendars.ShouldHaveSingleItem().Name.ShouldBe("cal");
    }

    [Fact]
    public async Task A_calendar_shared_for_reading_is_no_write_target()
    {
        Serve("/home/", Props("/home/", "<D:resourcetype><D:collection/></D:resourcetype>")
            + Calendar("/home/read/", Privileges("read", "read-acl")) + Calendar("/home/write/", Privileges("read", "write"))
            + Calendar("/home/all/", Privileges("all")) + Calendar("/home/unknown/")
            + Props("/home/inbox/", "<D:resourcetype><D:collection/><C:schedule-inbox/></D:resourcetype>"));

        var found = (await Clients.For(server.At("/home/")).DiscoverAsync(Ct)).Value;

        found.Homes.ShouldHaveSingleItem().Path.ShouldBe("/home/");
        found.Calendars.Select(c => (c.Href.Name, c.IsWritable)).ShouldBe([("read", false), ("write", true), ("all", true), ("unknown", true)]);
    }

    [Fact]
    public void Addresses_that_a_proxied_server_lists_as_http_keep_the_origin_they_were_reached_by()
    {
        Href.TryResolve(new Uri("https://cal.example.com:8443/dav/"), "http://cal.example.com/dav/a/", out var same).ShouldBeTrue();
        Href.TryResolve(new Uri("https://cal.example.com/dav/"), "https://p01.example.com:443/dav/a/", out var other).ShouldBeTrue();
        Href.TryResolve(new Uri("https://cal.example.com:8443/dav/"), "b/c.ics", out var relative).ShouldBeTrue();
        Href.TryResolve(new Uri("https://cal.example.com/dav/"), "file:///etc/passwd", out _).ShouldBeFalse();

        same!.ToString().ShouldBe("https://cal.example.com:8443/dav/a/");
        other!.Url.Host.ShouldBe("p01.example.com");
        relative!.ToString().ShouldBe("https://cal.example.com:8443/dav/b/c.ics");
    }

    [Fact]
    public async Task A_refused_password_ends_the_search_at_once()
    {
        server.Answer("/", _ => FakeAnswer.Empty(401, ("WWW-Authenticate", "Basic realm=\"x\"")));

        (await Clients.For(server.Url).DiscoverAsync(Ct)).Failure.ShouldBeOfType<CaldavFailure.Unauthorized>();

        server.Requests.Count.ShouldBe(1);
    }
}
