using System.Net;
using System.Net.Sockets;
using System.Text;
using Lockstep.Calendaring.Caldav;
using NodaTime;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Calendaring.Caldav;

/// <summary>Answers that no real server here gives, each seen in the wild or in an attack.</summary>
public sealed class HostileAnswerTests(FakeCaldavServer server) : IClassFixture<FakeCaldavServer>
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private Href At(string path) => Href.Of(server.At(path));

    private CaldavClient Client(CaldavOptions? options = null) => Clients.For(server.Url, options: options);

    private static string Member(string href, string etag, string? ics = null) =>
        $"<D:response><D:href>{href}</D:href><D:propstat><D:prop><D:getetag>{etag}</D:getetag>"
        + (ics is null ? "" : $"<C:calendar-data>{ics}</C:calendar-data>")
        + "</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>";

    [Fact]
    public async Task A_put_whose_207_wraps_a_412_was_not_stored()
    {
        server.Answer("/put/x.ics", _ => FakeAnswer.Multistatus(
            "<D:response><D:href>/put/x.ics</D:href><D:status>HTTP/1.1 412 Precondition Failed</D:status></D:response>"));

        (await Client().PutAsync(At("/put/x.ics"), "BEGIN:VCALENDAR", null, Ct)).Failure.ShouldBeOfType<CaldavFailure.PreconditionFailed>();

        server.To("/put/x.ics").ShouldHaveSingleItem().Headers["If-None-Match"].ShouldBe("*");
        server.To("/put/x.ics").Single().Headers.ContainsKey("Expect").ShouldBeFalse();
        server.To("/put/x.ics").Single().Headers["User-Agent"].ShouldBe("Lockstep/0.1");
    }

    [Theory]
    [InlineData("<C:valid-calendar-data/>", typeof(CaldavFailure.Rejected))]
    [InlineData("<C:no-uid-conflict/>", typeof(CaldavFailure.Conflict))]
    public async Task A_precondition_says_more_than_the_412_around_it(string error, Type expected)
    {
        server.Answer("/put/wrapped.ics", _ => FakeAnswer.Multistatus(
            $"<D:response><D:href>/put/wrapped.ics</D:href><D:status>HTTP/1.1 412 Precondition Failed</D:status><D:error>{error}</D:error></D:response>"));
        server.Answer("/put/plain.ics", _ => FakeAnswer.Xml(
            412, $"<D:error xmlns:D='DAV:' xmlns:C='urn:ietf:params:xml:ns:caldav'>{error}</D:error>"));

        (await Client().PutAsync(At("/put/wrapped.ics"), "BEGIN", null, Ct)).Failure.ShouldBeOfType(expected);
        (await Client().PutAsync(At("/put/plain.ics"), "BEGIN", null, Ct)).Failure.ShouldBeOfType(expected);
    }

    [Fact]
    public async Task A_put_without_an_etag_in_the_answer_is_stored()
    {
        server.Answer("/put/bare.ics", _ => FakeAnswer.Empty(204));

        (await Client().PutAsync(At("/put/bare.ics"), "BEGIN:VCALENDAR", ETag.Parse("\"a\""), Ct)).Value.ETag.ShouldBeNull();

        server.To("/put/bare.ics").Single().Headers["If-Match"].ShouldBe("\"a\"");
    }

    [Theory]
    [InlineData(200)]
    [InlineData(207)]
    public async Task A_web_page_is_not_an_empty_calendar(int status)
    {
        server.Answer($"/html{status}/", _ => FakeAnswer.Html(status));
        var calendar = At($"/html{status}/");

        (await Client().ListEtagsAsync(calendar, Ct)).Failure.ShouldBeOfType<CaldavFailure.NotCaldav>();
        (await Client().SyncCollectionAsync(calendar, "token", Ct)).Failure.ShouldBeOfType<CaldavFailure.NotCaldav>();
        (await Client().PollHomeAsync(calendar, Ct)).Failure.ShouldBeOfType<CaldavFailure.NotCaldav>();
    }

    [Fact]
    public async Task A_web_site_without_caldav_says_so_at_discovery()
    {
        server.Answer("/", _ => FakeAnswer.Empty(405));
        server.Answer("/.well-known/caldav", _ => FakeAnswer.Html(404));

        (await Client().DiscoverAsync(Ct)).Failure.ShouldBeOfType<CaldavFailure.NotCaldav>();
    }

    [Theory]
    [InlineData(429, "120", 120)]
    [InlineData(503, "7", 7)]
    [InlineData(503, null, null)]
    [InlineData(429, "soon", null)]
    public async Task Throttling_says_how_long(int status, string? retryAfter, int? seconds)
    {
        var path = $"/slow{status}{retryAfter}/";
        server.Answer(path, _ => retryAfter is null ? FakeAnswer.Empty(status) : FakeAnswer.Empty(status, ("Retry-After", retryAfter)));

        var failure = (await Client().SyncCollectionAsync(At(path), "token", Ct)).Failure.ShouldBeOfType<CaldavFailure.Throttled>();

        failure.RetryAfter.ShouldBe(seconds is { } s ? Duration.FromSeconds(s) : null);
    }

    [Fact]
    public async Task Throttling_may_name_a_date()
    {
        server.Answer("/dated/", _ => FakeAnswer.Empty(503, ("Retry-After", "Fri, 31 Dec 2100 23:59:59 GMT")));
        server.Answer("/past/", _ => FakeAnswer.Empty(503, ("Retry-After", "Fri, 31 Dec 1999 23:59:59 GMT")));

        var later = (await Client().ListEtagsAsync(At("/dated/"), Ct)).Failure.ShouldBeOfType<CaldavFailure.Throttled>();
        var now = (await Client().ListEtagsAsync(At("/past/"), Ct)).Failure.ShouldBeOfType<CaldavFailure.Throttled>();

        later.RetryAfter!.Value.ShouldBeGreaterThan(Duration.FromDays(365));
        now.RetryAfter.ShouldBe(Duration.Zero);
    }

    [Fact]
    public async Task A_quota_told_as_403_is_throttling()
    {
        server.Answer("/quota/", _ => new FakeAnswer(403, """{"error":{"errors":[{"domain":"usageLimits"}]}}"""u8.ToArray(), "application/json"));

        (await Client().SyncCollectionAsync(At("/quota/"), "token", Ct)).Failure.ShouldBeOfType<CaldavFailure.Throttled>();
    }

    [Theory]
    [InlineData(500, null)]
    [InlineData(403, "<D:error xmlns:D='DAV:'><D:valid-sync-token/></D:error>")]
    [InlineData(409, "<D:error xmlns:D='DAV:'><D:valid-sync-token/></D:error>")]
    [InlineData(400, "<html/>")]
    [InlineData(410, null)]
    public async Task However_a_server_refuses_a_token_it_is_recognised(int status, string? body)
    {
        server.Answer($"/token{status}/", _ => body is null ? FakeAnswer.Empty(status) : FakeAnswer.Xml(status, body));

        (await Client().SyncCollectionAsync(At($"/token{status}/"), "bogus", Ct)).Failure.ShouldBeOfType<CaldavFailure.TokenInvalid>();
    }

    [Fact]
    public async Task A_missing_right_and_a_gateway_are_no_invalid_token()
    {
        server.Answer("/right/", _ => FakeAnswer.Xml(403, "<D:error xmlns:D='DAV:'><D:need-privileges/></D:error>"));
        server.Answer("/gateway/", _ => FakeAnswer.Html(502));
        server.Answer("/fresh/", _ => FakeAnswer.Empty(500));

        (await Client().SyncCollectionAsync(At("/right/"), "t", Ct)).Failure
            .ShouldBeOfType<CaldavFailure.Forbidden>().Precondition.ShouldBe("need-privileges");
        (await Client().SyncCollectionAsync(At("/gateway/"), "t", Ct)).Failure.ShouldBeOfType<CaldavFailure.ServerError>();
        (await Client().SyncCollectionAsync(At("/fresh/"), null, Ct)).Failure.ShouldBeOfType<CaldavFailure.ServerError>();
    }

    [Fact]
    public async Task A_507_for_the_collection_says_that_there_is_more()
    {
        server.Answer("/more/", _ => FakeAnswer.Multistatus(
            Member("/more/a.ics", "\"1\"", "BEGIN:VCALENDAR&#13;\nEND:VCALENDAR\n")
            + "<D:response><D:href>/more/</D:href><D:status>HTTP/1.1 507 Insufficient Storage</D:status></D:response>"
            + "<D:sync-token>next</D:sync-token>"));

        var report = (await Client().SyncCollectionAsync(At("/more/"), null, Ct)).Value;

        report.Truncated.ShouldBeTrue();
        report.SyncToken.ShouldBe("next");
        report.Changes.ShouldHaveSingleItem().Ics.ShouldBe("BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n");
    }

    [Fact]
    public async Task A_property_that_is_missing_is_not_a_deletion()
    {
        server.Answer("/props/", _ => FakeAnswer.Multistatus(
            "<D:response><D:href>/props/a.ics</D:href>"
            + "<D:propstat><D:prop><C:calendar-data/></D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat>"
            + "<D:propstat><D:prop><D:getetag>\"1\"</D:getetag></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>"
            + "<D:response><D:href>/props/b.ics</D:href><D:status>HTTP/1.1 404 Not Found</D:status></D:response>"
            + "<D:response><D:href>/props/c.ics</D:href><D:status>HTTP/1.1 500 Oops</D:status></D:response>"
            + "<D:response><D:href>/props/</D:href><D:propstat><D:prop><D:getetag>\"0\"</D:getetag></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>"
            + "<D:sync-token>t</D:sync-token>"));

        var changes = (await Client().SyncCollectionAsync(At("/props/"), null, Ct)).Value.Changes;

        changes.Select(c => (c.Href.Name, c.State, HasText: c.Ics is not null)).ShouldBe(
            [("a.ics", MemberState.Changed, false), ("b.ics", MemberState.Removed, false), ("c.ics", MemberState.Unreadable, false)]);
    }

    [Fact]
    public async Task A_multiget_cut_short_in_silence_is_noticed_and_hrefs_are_compared_decoded()
    {
        server.Answer("/cut/", _ => FakeAnswer.Multistatus(Member("/cut/a%40b.ics", "1", "BEGIN:VCALENDAR") + Member("/cut/unasked.ics", "2", "X")));
        Href[] asked = [At("/cut/a@b.ics"), At("/cut/c.ics")];

        var report = (await Client().MultigetAsync(At("/cut/"), asked, Ct)).Value;

        report.Objects.ShouldHaveSingleItem().Href.ShouldBe(asked[0]);
        report.Objects[0].ETag!.Value.ShouldBe("\"1\"");
        report.Unanswered.ShouldBe([asked[1]]);
        server.To("/cut/").Single().Body.ShouldContain("<href>/cut/a@b.ics</href>");
    }

    [Fact]
    public async Task An_href_is_requested_as_it_was_listed()
    {
        server.Answer("/spell/", _ => FakeAnswer.Multistatus(Member("/spell/%7Ea%41%40%2Fb.ics", "1")));
        var listed = (await Client().ListEtagsAsync(At("/spell/"), Ct)).Value.Members.Single().Href;

        await Client().GetAsync(Href.Parse(listed.ToString()), Ct);

        server.To("/spell/%7Ea%41%40%2Fb.ics").ShouldHaveSingleItem().Method.ShouldBe("GET");
        listed.ShouldBe(At("/spell/~aA@%2Fb.ics"));
        listed.ShouldNotBe(At("/spell/~aA@/b.ics"));
    }

    [Fact]
    public async Task A_compressed_answer_is_read()
    {
        server.Answer("/gzip/", _ => FakeAnswer.Multistatus(Member("/gzip/a.ics", "1")).Gzipped());

        (await Client().ListEtagsAsync(At("/gzip/"), Ct)).Value.Members.ShouldHaveSingleItem();
        server.To("/gzip/").Single().Headers["Accept-Encoding"].ShouldBe("gzip, deflate");
    }

    [Fact]
    public async Task A_compressed_bomb_ends_at_the_limit()
    {
        var bomb = FakeAnswer.Multistatus(new string(' ', 20 << 20)).Gzipped();
        bomb.Body.Length.ShouldBeLessThan(100 << 10);
        server.Answer("/bomb/", _ => bomb);

        var answer = await Client(Clients.Options with { MaxResponseBytes = 1 << 20 }).ListEtagsAsync(At("/bomb/"), Ct);

        answer.Failure.ShouldBeOfType<CaldavFailure.TooLarge>();
    }

    [Fact]
    public async Task One_object_over_the_limit_is_reported_and_the_others_are_read()
    {
        server.Answer("/big/", _ => FakeAnswer.Multistatus(
            Member("/big/a.ics", "1", new string('x', 5000)) + Member("/big/b.ics", "2", "BEGIN:VCALENDAR") + "<D:sync-token>t</D:sync-token>"));

        var report = (await Client(Clients.Options with { MaxObjectChars = 1000 }).SyncCollectionAsync(At("/big/"), null, Ct)).Value;

        report.Changes.Select(c => c.State).ShouldBe([MemberState.Unreadable, MemberState.Changed]);
        report.SyncToken.ShouldBe("t");
    }

    [Theory]
    [InlineData("<D:response><D:href>/many/</D:href><D:propstat><D:prop>", "<x/>", "</D:prop></D:propstat></D:response>")]
    [InlineData("<D:response>", "<D:href>/many/a.ics</D:href>", "</D:response>")]
    public async Task One_response_of_a_hundred_thousand_elements_is_not_kept_in_memory(string begin, string element, string end)
    {
        server.Answer("/many/", _ => FakeAnswer.Multistatus(begin + string.Concat(Enumerable.Repeat(element, 100_000)) + end).Gzipped());

        (await Client().ListEtagsAsync(At("/many/"), Ct)).Failure.ShouldBeOfType<CaldavFailure.TooLarge>();
    }

    [Fact]
    public async Task A_sync_token_in_front_of_the_changes_is_read_as_one_behind_them()
    {
        server.Answer("/front/", _ => FakeAnswer.Multistatus("<D:sync-token>in front</D:sync-token>" + Member("/front/a.ics", "1")));

        var report = (await Client().SyncCollectionAsync(At("/front/"), null, Ct)).Value;

        report.SyncToken.ShouldBe("in front");
        report.Changes.Count.ShouldBe(1);
    }

    [Fact]
    public async Task An_answer_of_more_resources_than_are_allowed_is_too_large()
    {
        server.Answer("/crowd/", _ => FakeAnswer.Multistatus(string.Concat(Enumerable.Range(0, 101).Select(i => Member($"/crowd/{i}.ics", "1")))));

        (await Client(Clients.Options with { MaxResources = 100 }).ListEtagsAsync(At("/crowd/"), Ct)).Failure.ShouldBeOfType<CaldavFailure.TooLarge>();
        (await Client(Clients.Options with { MaxResources = 101 }).ListEtagsAsync(At("/crowd/"), Ct)).Value.Members.Count.ShouldBe(101);
    }

    [Fact]
    public async Task A_document_type_is_refused()
    {
        const string Laughs = """
            <!DOCTYPE m [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY f SYSTEM "file:///etc/passwd">]>
            <D:multistatus xmlns:D="DAV:"><D:response><D:href>/dtd/&b;&f;.ics</D:href></D:response></D:multistatus>
            """;
        server.Answer("/dtd/", _ => FakeAnswer.Xml(207, Laughs));

        (await Client().ListEtagsAsync(At("/dtd/"), Ct)).Failure.ShouldBeOfType<CaldavFailure.NotCaldav>();
    }

    [Fact]
    public async Task Endless_nesting_ends_early()
    {
        var deep = new StringBuilder().Insert(0, "<D:x>", 5000).ToString();
        server.Answer("/deep/", _ => FakeAnswer.Multistatus($"<D:response><D:href>/deep/a</D:href><D:propstat><D:prop>{deep}"));

        (await Client().ListEtagsAsync(At("/deep/"), Ct)).Failure
            .ShouldBeOfType<CaldavFailure.Unreachable>().Reason.ShouldBe(UnreachableReason.BrokenOff);
    }

    [Fact]
    public async Task A_server_that_does_not_answer_in_time_is_unreachable()
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        var url = new Uri($"http://{silent.LocalEndpoint}/");
        var client = Clients.For(url, options: Clients.Options with { ResponseTimeout = TimeSpan.FromMilliseconds(200) });

        (await client.ListEtagsAsync(Href.Of(url), Ct)).Failure
            .ShouldBeOfType<CaldavFailure.Unreachable>().Reason.ShouldBe(UnreachableReason.TimedOut);
    }

    [Fact]
    public async Task Only_the_callers_own_cancellation_throws()
    {
        using var cancelled = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        await cancelled.CancelAsync();

        await Should.ThrowAsync<OperationCanceledException>(() => Client().ListEtagsAsync(At("/never/"), cancelled.Token));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Half_an_answer_is_no_answer(bool connectionCut)
    {
        var path = $"/half{connectionCut}/";
        var xml = $"""<D:multistatus xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">{Member(path + "a.ics", "1")}""";
        server.Answer(path, _ => FakeAnswer.Xml(207, xml) with { BreaksOff = connectionCut });

        (await Client().ListEtagsAsync(At(path), Ct)).Failure
            .ShouldBeOfType<CaldavFailure.Unreachable>().Reason.ShouldBe(UnreachableReason.BrokenOff);
        (await Client().SyncCollectionAsync(At(path), "t", Ct)).Failure.ShouldBeOfType<CaldavFailure.Unreachable>();
    }
}
