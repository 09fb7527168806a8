using System.Security.Cryptography;
using System.Text;
using Lockstep.Calendaring.Caldav;
using Lockstep.Calendaring.Caldav.Wire;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Calendaring.Caldav;

public sealed class RedirectAndSignInTests(FakeCaldavServer server) : IClassFixture<FakeCaldavServer>
{
    private const string Empty = "<D:response><D:href>/</D:href><D:status>HTTP/1.1 200 OK</D:status></D:response>";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private Href At(string path) => Href.Of(server.At(path));

    [Theory]
    [InlineData(301)]
    [InlineData(302)]
    [InlineData(303)]
    [InlineData(307)]
    [InlineData(308)]
    public async Task A_redirect_keeps_method_body_and_sign_in_and_members_are_told_of_as_they_were_asked_for(int status)
    {
        server.Answer($"/from{status}/", _ => FakeAnswer.Redirect($"/to{status}/", status));
        server.Answer($"/to{status}/", _ => FakeAnswer.Multistatus(
            "<D:response><D:href>a.ics</D:href><D:propstat><D:prop><D:getetag>1</D:getetag></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>"));

        var members = (await Clients.For(server.Url).ListEtagsAsync(At($"/from{status}/"), Ct)).Value.Members;

        members.ShouldHaveSingleItem().Href.ShouldBe(At($"/from{status}/a.ics"));
        var (first, second) = (server.To($"/from{status}/").Single(), server.To($"/to{status}/").Single());
        (second.Method, second.Body, second.Authorization).ShouldBe((first.Method, first.Body, first.Authorization));
        second.Headers["Depth"].ShouldBe("1");
    }

    [Fact]
    public async Task Credentials_do_not_follow_to_another_origin()
    {
        await using var other = new FakeCaldavServer();
        await other.InitializeAsync();
        other.Answer("/open/", _ => FakeAnswer.Multistatus(Empty));
        other.Answer("/closed/", _ => FakeAnswer.Empty(401, ("WWW-Authenticate", "Basic realm=\"trap\"")));
        server.Answer("/toopen/", _ => FakeAnswer.Redirect(other.At("/open/").AbsoluteUri, 302));
        server.Answer("/toclosed/", _ => FakeAnswer.Redirect(other.At("/closed/").AbsoluteUri, 302));
        var client = Clients.For(server.Url, alsoAllowed: other.Url);

        (await client.ListEtagsAsync(At("/toopen/"), Ct)).Failure.ShouldBeNull();
        var failure = (await client.ListEtagsAsync(At("/toclosed/"), Ct)).Failure.ShouldBeOfType<CaldavFailure.CredentialsWithheld>();

        failure.Origin.ShouldBe(other.Url.GetLeftPart(UriPartial.Authority));
        other.Requests.Count.ShouldBe(2);
        other.Requests.ShouldAllBe(r => r.Authorization == null);
        server.To("/toopen/").Single().Authorization.ShouldNotBeNull();
    }

    [Theory]
    [InlineData("http://10.0.0.1/")]
    [InlineData("http://169.254.169.254/latest/")]
    [InlineData("http://localhost:1/")]
    public async Task A_redirect_inward_is_refused(string target)
    {
        server.Answer("/inward/", _ => FakeAnswer.Redirect(target, 302));

        (await Clients.For(server.Url).ListEtagsAsync(At("/inward/"), Ct)).Failure
            .ShouldBeOfType<CaldavFailure.Unreachable>().Reason.ShouldBe(UnreachableReason.AddressRefused);
    }

    [Fact]
    public async Task A_circle_ends_after_five_redirects()
    {
        server.Answer("/circle/", _ => FakeAnswer.Redirect("/circle/", 302));

        (await Clients.For(server.Url).ListEtagsAsync(At("/circle/"), Ct)).Failure.ShouldBeOfType<CaldavFailure.RedirectRefused>();

        server.To("/circle/").Count().ShouldBe(6);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("ftp://example.com/")]
    [InlineData("http://user:pw@example.com/")]
    public async Task A_redirect_to_no_web_address_is_refused(string? location)
    {
        server.Answer("/odd/", _ => location is null ? FakeAnswer.Empty(302) : FakeAnswer.Redirect(location, 302));

        (await Clients.For(server.Url).ListEtagsAsync(At("/odd/"), Ct)).Failure.ShouldBeOfType<CaldavFailure.RedirectRefused>();
    }

    [Theory]
    [InlineData("https://cal.example.com/", "https://cal.example.com/x", true)]
    [InlineData("https://cal.example.com/", "http://cal.example.com/x", false)]
    [InlineData("https://cal.example.com/", "https://cal.example.com:8443/x", false)]
    [InlineData("https://cal.example.com/", "https://evil.example.com/x", false)]
    [InlineData("http://cal.example.com/", "https://cal.example.com/x", true)]
    [InlineData("https://caldav.icloud.com/", "https://p34-caldav.icloud.com:443/x", true)]
    [InlineData("https://caldav.icloud.com/", "https://p34-caldav.icloud.com.example.com/x", false)]
    [InlineData("https://caldav.icloud.com/", "https://evilicloud.com/x", false)]
    [InlineData("https://caldav.icloud.com/", "http://p34-caldav.icloud.com/x", false)]
    public void Credentials_are_for_their_own_origin_and_the_partitions_of_icloud(string account, string target, bool expected) =>
        new CaldavAccount(new Uri(account), "a", () => "b").Trusts(new Uri(target)).ShouldBe(expected);

    [Fact]
    public async Task A_refused_password_is_tried_twice_at_most()
    {
        server.Answer("/never/", _ => FakeAnswer.Empty(401,
            ("WWW-Authenticate", $"Digest realm=\"r\", nonce=\"{Guid.CreateVersion7()}\", qop=\"auth\", algorithm=MD5, Basic realm=\"r\"")));

        (await Clients.For(server.Url).ListEtagsAsync(At("/never/"), Ct)).Failure.ShouldBeOfType<CaldavFailure.Unauthorized>();

        server.To("/never/").Count().ShouldBe(2);
    }

    [Theory]
    [InlineData("MD5")]
    [InlineData("SHA-256")]
    public async Task A_digest_challenge_is_answered(string algorithm)
    {
        var path = $"/digest{algorithm}/";
        server.Answer(path, request => IsDigestOf(request, algorithm, path)
            ? FakeAnswer.Multistatus(Empty)
            : FakeAnswer.Empty(401, ("WWW-Authenticate", $"Digest realm=\"a, b\", qop=\"auth,auth-int\", nonce=\"n1\", algorithm={algorithm}")));
        var client = Clients.For(server.Url);

        (await client.ListEtagsAsync(At(path), Ct)).Failure.ShouldBeNull();
        (await client.ListEtagsAsync(At(path), Ct)).Failure.ShouldBeNull();

        server.To(path).Count().ShouldBe(3);
        server.To(path).Last().Authorization!.ShouldContain("nc=00000002");
    }

    [Fact]
    public async Task A_bearer_token_is_sent_as_such()
    {
        server.Answer("/bearer/", _ => FakeAnswer.Multistatus(Empty));

        (await Clients.ForBearer(server.Url, "tok.en").ListEtagsAsync(At("/bearer/"), Ct)).Failure.ShouldBeNull();

        server.To("/bearer/").Single().Authorization.ShouldBe("Bearer tok.en");
    }

    [Fact]
    public async Task Where_only_bearer_is_offered_the_secret_is_the_token_and_elsewhere_it_never_is()
    {
        server.Answer("/onlybearer/", request => request.Authorization == "Bearer alicepw"
            ? FakeAnswer.Multistatus(Empty)
            : FakeAnswer.Empty(401, ("WWW-Authenticate", "Bearer realm=\"https://accounts.example.com\", error=\"invalid_token\"")));
        server.Answer("/both/", _ => FakeAnswer.Empty(401, ("WWW-Authenticate", "Bearer realm=\"a\", Basic realm=\"a\"")));
        var client = Clients.For(server.Url);

        (await client.ListEtagsAsync(At("/onlybearer/"), Ct)).Failure.ShouldBeNull();
        (await client.ListEtagsAsync(At("/onlybearer/"), Ct)).Failure.ShouldBeNull();
        server.To("/onlybearer/").Count().ShouldBe(3);

        (await Clients.For(server.Url).ListEtagsAsync(At("/both/"), Ct)).Failure.ShouldBeOfType<CaldavFailure.Unauthorized>();
        server.To("/both/").ShouldAllBe(request => !request.Authorization!.StartsWith("Bearer"));
    }

    [Theory]
    [InlineData("MD5", "8ca523f5e9506fed4657c9700eebdbec")]
    [InlineData("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1")]
    public void The_examples_of_the_digest_standard_come_out(string algorithm, string expected)
    {
        // RFC 7616 section 3.9.1.
        var challenge = new DigestChallenge(
            "http-auth@example.org", "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",
            algorithm, QopAuth: true, Stale: false);

        challenge.Answer("Mufasa", "Circle of Life", "GET", "/dir/index.html", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", 1)
            .ShouldContain($"response=\"{expected}\"");
    }

    private static bool IsDigestOf(SeenRequest request, string algorithm, string path)
    {
        var given = AuthChallenge.ParseAll([request.Authorization ?? ""]).FirstOrDefault(c => c.Is("Digest"));
        if (given is null)
            return false;
        string Hash(string text)
        {
            var bytes = Encoding.UTF8.GetBytes(text);
#pragma warning disable CA5351 // What older servers speak.
            return Convert.ToHexStringLower(algorithm == "MD5" ? MD5.HashData(bytes) : SHA256.HashData(bytes));
#pragma warning restore CA5351
        }

        var expected = Hash($"{Hash("alice:a, b:alicepw")}:n1:{given.Get("nc")}:{given.Get("cnonce")}:auth:{Hash($"PROPFIND:{path}")}");
        return given.Get("response") == expected;
    }
}
