using System.Net;
using Lockstep.Server.Hosting;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Hosting;

/// <summary>Pages of other origins: WHATWG Fetch, 3.2.</summary>
public sealed class OriginsTests(LockstepApp app) : IClassFixture<LockstepApp>, IAsyncLifetime
{
    private const string Ours = "https://app.example.com";

    public async ValueTask InitializeAsync()
    {
        var wanted = new HashSet<string> { Ours, "http://localhost:5173" };
        if (wanted.SetEquals(app.CorsOrigins))
            return;
        app.CorsOrigins = wanted;
        await app.RestartAsync();
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Theory]
    [InlineData("GET", "/v1/sync/todo/pull", "authorization")]
    [InlineData("POST", "/v1/sync/todo/push", "authorization,content-type")]
    [InlineData("PATCH", "/v1/credentials/018f0000-0000-7000-8000-000000000000", "authorization,content-type,if-match")]
    [InlineData("DELETE", "/v1/integrations/018f0000-0000-7000-8000-000000000000", "authorization")]
    public async Task A_preflight_of_a_named_origin_is_answered_without_a_token_and_without_credentials(string method, string path, string headers)
    {
        var answer = await Preflight(Ours, method, path, headers);
        answer.StatusCode.ShouldBe(HttpStatusCode.NoContent);
        One(answer, "Access-Control-Allow-Origin").ShouldBe(Ours);
        One(answer, "Access-Control-Allow-Methods").ShouldBe(method);
        One(answer, "Access-Control-Allow-Headers").ShouldBe(headers);
        int.Parse(One(answer, "Access-Control-Max-Age")!, System.Globalization.CultureInfo.InvariantCulture).ShouldBeGreaterThan(0);
        answer.Headers.Contains("Access-Control-Allow-Credentials").ShouldBeFalse();
    }

    [Theory]
    [InlineData("https://evil.example.com")]
    [InlineData("https://app.example.com.evil.com")]
    [InlineData("http://app.example.com")]
    [InlineData("https://app.example.com:8443")]
    [InlineData("https://APP.example.com")]
    [InlineData("null")]
    public async Task Any_other_origin_is_told_nothing(string origin)
    {
        (await Preflight(origin, "GET", "/v1/sync/todo/pull", "authorization")).Headers.Select(header => header.Key)
            .ShouldNotContain(name => name.StartsWith("Access-Control-", StringComparison.OrdinalIgnoreCase));
        (await Get(app.As("ada"), origin)).Headers.Contains("Access-Control-Allow-Origin").ShouldBeFalse();
    }

    [Fact]
    public async Task An_answer_may_be_read_by_the_page_that_asked_a_refusal_too_and_varies_by_origin()
    {
        foreach (var (client, status) in new[] { (app.As("ada"), HttpStatusCode.OK), (app.Anonymous(), HttpStatusCode.Unauthorized) })
        {
            var answer = await Get(client, Ours);
            answer.StatusCode.ShouldBe(status);
            One(answer, "Access-Control-Allow-Origin").ShouldBe(Ours);
            One(answer, "Access-Control-Expose-Headers")!.ShouldContain("Retry-After");
            answer.Headers.Vary.ShouldContain("Origin");
            answer.Headers.Contains("Access-Control-Allow-Credentials").ShouldBeFalse();
        }
    }

    [Fact]
    public async Task Without_the_setting_no_page_of_another_origin_is_let_in()
    {
        app.CorsOrigins = new HashSet<string>();
        await app.RestartAsync();
        (await Get(app.As("ada"), Ours)).Headers.Contains("Access-Control-Allow-Origin").ShouldBeFalse();
        (await Preflight(Ours, "GET", "/v1/sync/todo/pull", "authorization")).Headers.Contains("Access-Control-Allow-Origin").ShouldBeFalse();
    }

    [Theory]
    [InlineData("*")]
    [InlineData("https://*.example.com")]
    [InlineData("null")]
    [InlineData("app.example.com")]
    [InlineData("https://app.example.com/")]
    [InlineData("https://app.example.com/page")]
    [InlineData("https://App.example.com")]
    [InlineData("https://app.example.com:443")]
    [InlineData("https://user@app.example.com")]
    [InlineData("ftp://app.example.com")]
    public void What_is_no_exact_origin_is_refused_at_the_start(string entry)
    {
        var faults = new List<string>();
        Origins.Parse("https://app.example.com, " + entry, faults).ShouldBe(["https://app.example.com"]);
        faults.ShouldHaveSingleItem().ShouldContain("LOCKSTEP_CORS_ORIGINS");
    }

    [Fact]
    public void Origins_are_read_as_browsers_write_them()
    {
        var faults = new List<string>();
        Origins.Parse("https://app.example.com http://localhost:5173,https://[::1]:8443\nhttps://xn--bcher-kva.example", faults).Count.ShouldBe(4);
        Origins.Parse(null, faults).ShouldBeEmpty();
        faults.ShouldBeEmpty();
    }

    private Task<HttpResponseMessage> Preflight(string origin, string method, string path, string headers)
    {
        var request = new HttpRequestMessage(HttpMethod.Options, path);
        request.Headers.Add("Origin", origin);
        request.Headers.Add("Access-Control-Request-Method", method);
        request.Headers.Add("Access-Control-Request-Headers", headers);
        return app.Anonymous().SendAsync(request);
    }

    private static Task<HttpResponseMessage> Get(HttpClient client, string origin)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, "/v1/sync/todo/pull");
        request.Headers.Add("Origin", origin);
        return client.SendAsync(request);
    }

    private static string? One(HttpResponseMessage answer, string header) => answer.Headers.TryGetValues(header, out var values) ? values.ShouldHaveSingleItem() : null;
}
