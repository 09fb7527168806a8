using System.Text;
using Lockstep.Calendaring.Caldav;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Calendaring.Caldav;

/// <summary>Servers that say what the standards allow, or nearly, in ways that Radicale and Xandikos do not.</summary>
public sealed class OddServerTests(FakeCaldavServer server) : IClassFixture<FakeCaldavServer>
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private Href At(string path) => Href.Of(server.At(path));

    private CaldavClient Client() => Clients.For(server.Url);

    private static FakeAnswer Raw(string xml, string type = "application/xml; charset=utf-8") => new(207, Encoding.UTF8.GetBytes(xml), type);

    /// <summary>One member with its text, in one spelling of XML each.</summary>
    public static TheoryData<string, string> Spellings => new()
    {
        { "prefixes of its own", """<x:multistatus xmlns:x="DAV:" xmlns:y="urn:ietf:params:xml:ns:caldav"><x:response><x:href>/s/a.ics</x:href><x:propstat><x:prop><x:getetag>"1"</x:getetag><y:calendar-data>ICS</y:calendar-data></x:prop><x:status>HTTP/1.1 200 OK</x:status></x:propstat></x:response></x:multistatus>""" },
        { "default namespaces that change", """<multistatus xmlns="DAV:"><response><href>/s/a.ics</href><propstat><prop><getetag>"1"</getetag><calendar-data xmlns="urn:ietf:params:xml:ns:caldav">ICS</calendar-data></prop><status>HTTP/1.1 200 OK</status></propstat></response></multistatus>""" },
        { "CDATA", """<multistatus xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><response><href><![CDATA[/s/a.ics]]></href><propstat><prop><getetag><![CDATA["1"]]></getetag><C:calendar-data><![CDATA[ICS]]></C:calendar-data></prop><status>HTTP/1.1 200 OK</status></propstat></response></multistatus>""" },
        { "CDATA in pieces", """<multistatus xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><response><href>/s/<![CDATA[a]]>.ics</href><propstat><prop><getetag>"1"</getetag><C:calendar-data>I<![CDATA[C]]>S</C:calendar-data></prop><status>HTTP/1.1 200 OK</status></propstat></response></multistatus>""" },
        { "HTTP/1.0 and no reason", """<D:multistatus xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:response><D:href>/s/a.ics</D:href><D:propstat><D:prop><D:getetag>"1"</D:getetag><C:calendar-data>ICS</C:calendar-data></D:prop><D:status>HTTP/1.0 200</D:status></D:propstat></D:response></D:multistatus>""" },
        { "HTTP/2", """<D:multistatus xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:response><D:href>/s/a.ics</D:href><D:propstat><D:prop><D:getetag>"1"</D:getetag><C:calendar-data>ICS</C:calendar-data></D:prop><D:status>HTTP/2 200 OK</D:status></D:propstat></D:response></D:multistatus>""" },
        { "the status before its properties", """<D:multistatus xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:response><D:propstat><D:status>HTTP/1.1 200 OK</D:status><D:prop><D:getetag>"1"</D:getetag><C:calendar-data>ICS</C:calendar-data></D:prop></D:propstat><D:href>/s/a.ics</D:href></D:response></D:multistatus>""" },
        { "comments, instructions and elements that nobody asked for", """<?xml version="1.0"?><?strange thing?><!-- hello --><D:multistatus xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav" xmlns:Z="urn:z"><Z:extra><D:response><D:href>/s/z.ics</D:href></D:response></Z:extra><D:response><!-- a --><Z:note>x</Z:note><D:href>/s/a.ics</D:href><D:propstat><D:prop><Z:href>/s/z.ics</Z:href><D:getetag>"1"</D:getetag><C:calendar-data C:content-type="text/calendar" C:version="2.0">ICS</C:calendar-data></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat><D:responsedescription>fine</D:responsedescription></D:response></D:multistatus>""" },
        { "a byte order mark", "\uFEFF<?xml version=\"1.0\" encoding=\"utf-8\"?>" + """<D:multistatus xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:response><D:href>/s/a.ics</D:href><D:propstat><D:prop><D:getetag>"1"</D:getetag><C:calendar-data>ICS</C:calendar-data></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response></D:multistatus>""" },
        { "blanks around everything", "\r\n" + """<D:multistatus xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"> <D:response> <D:href> /s/a.ics </D:href> <D:propstat> <D:prop> <D:getetag> "1" </D:getetag> <C:calendar-data>ICS</C:calendar-data> </D:prop> <D:status> HTTP/1.1 200 OK </D:status> </D:propstat> </D:response> </D:multistatus>""" },
        { "no status at all", """<D:multistatus xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:response><D:href>/s/a.ics</D:href><D:propstat><D:prop><D:getetag>"1"</D:getetag><C:calendar-data>ICS</C:calendar-data></D:prop></D:propstat></D:response></D:multistatus>""" },
    };

    [Theory]
    [MemberData(nameof(Spellings))]
    public async Task A_member_is_read_in_every_spelling_of_xml(string spelling, string xml)
    {
        var text = $"BEGIN:VCALENDAR\nSUMMARY:a {(xml.Contains("[ICS]", StringComparison.Ordinal) ? "<" : "&lt;")} b\nEND:VCALENDAR\n";
        server.Answer("/s/", _ => Raw(xml.Replace("ICS", text, StringComparison.Ordinal)));

        var read = (await Client().MultigetAsync(At("/s/"), [At("/s/a.ics")], Ct)).Value;

        var one = read.Objects.ShouldHaveSingleItem(spelling);
        one.ETag!.Value.ShouldBe("\"1\"", spelling);
        one.Ics.ShouldBe(spelling == "CDATA in pieces" ? "ICS" : "BEGIN:VCALENDAR\r\nSUMMARY:a < b\r\nEND:VCALENDAR\r\n", spelling);
    }

    [Theory]
    [InlineData("text/xml")]
    [InlineData("application/xml; charset=\"utf-8\"")]
    [InlineData("text/plain")]
    [InlineData("text/html")]
    [InlineData(null)]
    public async Task The_content_type_of_a_multistatus_is_not_what_counts(string? type)
    {
        server.Answer("/type/", _ => new FakeAnswer(207, Encoding.UTF8.GetBytes("<multistatus xmlns='DAV:'><response><href>/type/a.ics</href><propstat><prop><getetag>\"1\"</getetag></prop></propstat></response></multistatus>"), type));

        (await Client().ListEtagsAsync(At("/type/"), Ct)).Value.Members.ShouldHaveSingleItem();
    }

    [Fact]
    public async Task Hrefs_are_the_same_resource_however_they_are_written()
    {
        var authority = server.Url.GetLeftPart(UriPartial.Authority);
        foreach (var (asked, listed) in new[]
                 {
                     ("/cal/a.ics", $"{authority}/cal/a.ics"),
                     ("/cal/a.ics", $"//127.0.0.1:{server.Url.Port}/cal/a.ics"),
                     ("/cal/a.ics", $"HTTP://127.0.0.1:{server.Url.Port}/cal/a.ics"),
                     ("/cal/a.ics", "a.ics"),
                     ("/cal/a.ics", "./a.ics"),
                     ("/cal/a%20b.ics", "/cal/a b.ics"),
                     ("/cal/%C3%BC.ics", "/cal/ü.ics"),
                     ("/cal/%C3%BC.ics", "/cal/%c3%bc.ics"),
                     ("/cal/a%40b.ics", "/cal/a@b.ics"),
                     ("/cal/100%25.ics", "/cal/100%25.ics"),
                     ("/cal/a+b.ics", "/cal/a%2Bb.ics"),
                     ("/cal/(a)'!*.ics", "/cal/%28a%29%27%21%2A.ics"),
                     ("/cal/%7Bid%7D.ics", "/cal/{id}.ics"),
                 })
        {
            server.Answer("/cal/", _ => Raw($"<multistatus xmlns='DAV:' xmlns:C='urn:ietf:params:xml:ns:caldav'><response><href>{listed}</href><propstat><prop><getetag>\"1\"</getetag><C:calendar-data>BEGIN:VCALENDAR</C:calendar-data></prop><status>HTTP/1.1 200 OK</status></propstat></response></multistatus>"));
            var report = (await Client().MultigetAsync(At("/cal/"), [At(asked)], Ct)).Value;
            report.Objects.ShouldHaveSingleItem(listed);
            report.Unanswered.ShouldBeEmpty(listed);
        }
    }

    [Fact]
    public async Task A_multiget_with_a_404_a_property_404_an_empty_text_and_a_403_is_accounted_for()
    {
        server.Answer("/mix/", _ => Raw(
            """
            <D:multistatus xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">
            <D:response><D:href>/mix/ok.ics</D:href><D:propstat><D:prop><D:getetag>W/"1"</D:getetag><C:calendar-data>BEGIN:VCALENDAR</C:calendar-data></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>
            <D:response><D:href>/mix/gone.ics</D:href><D:status>HTTP/1.1 404 Not Found</D:status></D:response>
            <D:response><D:href>/mix/prop.ics</D:href><D:propstat><D:prop><C:calendar-data/></D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat></D:response>
            <D:response><D:href>/mix/empty.ics</D:href><D:propstat><D:prop><D:getetag>"2"</D:getetag><C:calendar-data/></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>
            <D:response><D:href>/mix/secret.ics</D:href><D:status>HTTP/1.1 403 Forbidden</D:status></D:response>
            <D:response><D:href>/mix/one.ics</D:href><D:href>/mix/two.ics</D:href><D:status>HTTP/1.1 410 Gone</D:status></D:response>
            </D:multistatus>
            """));
        string[] names = ["ok", "gone", "prop", "empty", "secret", "one", "two", "silent"];

        var report = (await Client().MultigetAsync(At("/mix/"), [.. names.Select(name => At($"/mix/{name}.ics"))], Ct)).Value;

        report.Objects.ShouldHaveSingleItem().ETag!.Value.ShouldBe("\"1\"");
        report.Gone.Select(href => href.Name).Order().ShouldBe(["gone.ics", "one.ics", "two.ics"]);
        report.Unreadable.Select(href => href.Name).Order().ShouldBe(["empty.ics", "prop.ics", "secret.ics"]);
        report.Unanswered.ShouldHaveSingleItem().Name.ShouldBe("silent.ics");
    }

    [Theory]
    [InlineData(301)]
    [InlineData(302)]
    [InlineData(303)]
    [InlineData(307)]
    [InlineData(308)]
    public async Task Every_kind_of_redirect_keeps_method_depth_and_body(int status)
    {
        server.Answer($"/r{status}", _ => FakeAnswer.Redirect($"r{status}/", status));
        server.Answer($"/r{status}/", seen => seen is { Method: "PROPFIND", Body.Length: > 0 } && seen.Headers["Depth"] == "1"
            ? Raw("<multistatus xmlns='DAV:'><response><href>a.ics</href><propstat><prop><getetag>1</getetag></prop></propstat></response></multistatus>")
            : FakeAnswer.Empty(400));

        (await Client().ListEtagsAsync(Href.Parse(server.At($"/r{status}").AbsoluteUri), Ct)).Value.Members.ShouldHaveSingleItem()
            .Href.ShouldBe(At($"/r{status}/a.ics"));
    }

    [Theory]
    [InlineData("html")]
    [InlineData("missing")]
    [InlineData("forbidden")]
    [InlineData("failing")]
    public async Task Without_a_well_known_address_the_root_is_asked(string wellKnown)
    {
        await using var odd = new FakeCaldavServer();
        await odd.InitializeAsync();
        odd.Answer("/web/", _ => FakeAnswer.Html());
        odd.Answer("/.well-known/caldav", _ => wellKnown switch
        {
            "html" => FakeAnswer.Html(),
            "missing" => FakeAnswer.Empty(404),
            "forbidden" => FakeAnswer.Empty(403),
            _ => FakeAnswer.Empty(500),
        });
        odd.Answer("/", _ => FakeAnswer.Multistatus("<D:response><D:href>/</D:href><D:propstat><D:prop><D:current-user-principal><D:href>/p</D:href></D:current-user-principal></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>"));
        // The principal and the home without their slashes.
        odd.Answer("/p", _ => FakeAnswer.Multistatus("<D:response><D:href>/p/</D:href><D:propstat><D:prop><C:calendar-home-set><D:href>/home</D:href></C:calendar-home-set></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>"));
        odd.Answer("/home", seen => FakeAnswer.Multistatus(
            "<D:response><D:href>/home/</D:href><D:propstat><D:prop><D:resourcetype><D:collection/></D:resourcetype></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>"
            + "<D:response><D:href>/home/inbox/</D:href><D:propstat><D:prop><D:resourcetype><D:collection/><C:schedule-inbox/></D:resourcetype></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>"
            + "<D:response><D:href>/home/cal</D:href><D:propstat><D:prop><D:resourcetype><D:collection/><C:calendar/></D:resourcetype></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>"
            + "<D:propstat><D:prop><D:displayname/><C:supported-calendar-component-set/></D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat></D:response>"));

        var found = (await Clients.For(odd.At("/web/")).DiscoverAsync(Ct)).Value;

        var calendar = found.Calendars.ShouldHaveSingleItem();
        (calendar.Name, calendar.HoldsEvents, calendar.ReadOnly).ShouldBe(("cal", true, false));
    }

    [Fact]
    public async Task A_principal_on_another_host_is_asked_without_the_password_and_the_failure_says_so()
    {
        await using var other = new FakeCaldavServer();
        await other.InitializeAsync();
        other.Answer("/p/", seen => seen.Authorization is null ? FakeAnswer.Empty(401, ("WWW-Authenticate", "Basic realm=\"x\"")) : FakeAnswer.Empty(500));
        server.Answer("/elsewhere/", _ => FakeAnswer.Multistatus($"<D:response><D:href>/elsewhere/</D:href><D:propstat><D:prop><D:current-user-principal><D:href>{other.At("/p/")}</D:href></D:current-user-principal></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>"));

        var failure = (await Clients.For(server.At("/elsewhere/"), alsoAllowed: other.Url).DiscoverAsync(Ct)).Failure;

        failure.ShouldBeOfType<CaldavFailure.CredentialsWithheld>().Message.ShouldContain(other.Url.GetLeftPart(UriPartial.Authority));
        other.Requests.ShouldAllBe(seen => seen.Authorization == null);
    }

    [Fact]
    public async Task Collections_inside_a_calendar_are_no_events()
    {
        const string Listing =
            "<D:response><D:href>/nest/</D:href><D:propstat><D:prop><D:getetag>\"c\"</D:getetag><D:resourcetype><D:collection/><C:calendar/></D:resourcetype></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>"
            + "<D:response><D:href>/nest/sub/</D:href><D:propstat><D:prop><D:getetag>\"s\"</D:getetag><D:resourcetype><D:collection/></D:resourcetype></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>"
            + "<D:response><D:href>/nest/a.ics</D:href><D:propstat><D:prop><D:getetag>\"1\"</D:getetag><D:resourcetype/></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>";
        server.Answer("/nest/", _ => FakeAnswer.Multistatus(Listing + "<D:sync-token>t</D:sync-token>"));

        (await Client().ListEtagsAsync(At("/nest/"), Ct)).Value.Members.ShouldHaveSingleItem().Href.Name.ShouldBe("a.ics");
        (await Client().SyncCollectionAsync(At("/nest/"), null, Ct)).Value.Changes.ShouldHaveSingleItem().Href.Name.ShouldBe("a.ics");
        (await Client().PollCalendarAsync(At("/nest/"), Ct)).Failure.ShouldBeNull();
    }

    [Fact]
    public async Task A_text_in_another_encoding_or_with_a_byte_order_mark_is_read()
    {
        server.Answer("/enc/latin.ics", _ => new FakeAnswer(200, Encoding.Latin1.GetBytes("SUMMARY:Müller"), "text/calendar; charset=ISO-8859-1"));
        server.Answer("/enc/bom.ics", _ => new FakeAnswer(200, [.. Encoding.UTF8.Preamble, .. "BEGIN:VCALENDAR"u8], "text/calendar"));
        server.Answer("/enc/", _ => FakeAnswer.Multistatus("<D:response><D:href>/enc/x.ics</D:href><D:propstat><D:prop><C:calendar-data>\uFEFFBEGIN:VCALENDAR</C:calendar-data></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>"));

        (await Client().GetAsync(At("/enc/latin.ics"), Ct)).Value.Ics.ShouldBe("SUMMARY:Müller");
        (await Client().GetAsync(At("/enc/bom.ics"), Ct)).Value.Ics.ShouldBe("BEGIN:VCALENDAR");
        (await Client().MultigetAsync(At("/enc/"), [At("/enc/x.ics")], Ct)).Value.Objects.ShouldHaveSingleItem().Ics.TrimStart('\uFEFF').ShouldBe("BEGIN:VCALENDAR");
    }

    [Fact]
    public async Task A_root_that_answers_strangers_is_asked_again_by_name()
    {
        // Over plain http no password goes out unasked; some servers then answer as if nobody had come (RFC 5397 section 3).
        await using var odd = new FakeCaldavServer();
        await odd.InitializeAsync();
        odd.Answer("/", seen => FakeAnswer.Multistatus("<D:response><D:href>/</D:href><D:propstat><D:prop><D:current-user-principal>"
            + (seen.Authorization is null ? "<D:unauthenticated/>" : "<D:href>/me/</D:href>") + "</D:current-user-principal></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>"));
        odd.Answer("/me/", _ => FakeAnswer.Multistatus("<D:response><D:href>/me/</D:href><D:propstat><D:prop><C:calendar-home-set><D:href>/me/</D:href></C:calendar-home-set><D:resourcetype><D:collection/></D:resourcetype></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>"
            + "<D:response><D:href>/me/c/</D:href><D:propstat><D:prop><D:resourcetype><C:calendar/></D:resourcetype></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>"));

        (await Clients.For(odd.Url).DiscoverAsync(Ct)).Value.Calendars.ShouldHaveSingleItem();
    }
}
