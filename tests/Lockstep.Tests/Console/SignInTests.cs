using System.Net;
using AngleSharp.Dom;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Tenancy.Jwt;
using Lockstep.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using NodaTime;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.ConsolePages;

public sealed class SignInTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    private const string Password = "a long enough password";

    [Fact]
    public async Task A_local_account_signs_in_and_out_and_both_stand_in_its_activity()
    {
        var user = await AccountAsync("local@example.com");
        using var visitor = new ConsoleVisitor(app.Url);
        using var entered = await EnterAsync(visitor, "local@example.com", Password);
        entered.StatusCode.ShouldBe(HttpStatusCode.SeeOther);
        entered.Headers.Location!.ToString().ShouldBe("/console");
        var page = await visitor.PageAsync("/console");
        page.QuerySelector(".whoami")!.TextContent.ShouldBe("local@example.com");
        await visitor.FillAsync(page, "/sign-out");
        visitor.Cookie.ShouldBeNull();
        (await app.ScalarAsync<string[]>("SELECT array_agg(action ORDER BY seq) FROM lockstep.activity_log WHERE user_id = $1", user))
            .ShouldBe(["CONSOLE_SIGNED_IN", "CONSOLE_SIGNED_OUT"]);
        (await app.ScalarAsync<string>("SELECT DISTINCT actor FROM lockstep.activity_log WHERE user_id = $1 AND action = 'CONSOLE_SIGNED_IN'", user)).ShouldBe($"user:{user}");
    }

    [Fact]
    public async Task A_new_password_from_the_operator_ends_every_session_and_stands_in_the_activity()
    {
        var user = await AccountAsync("forgetful@example.com");
        using var visitor = new ConsoleVisitor(app.Url);
        (await EnterAsync(visitor, "forgetful@example.com", Password)).Dispose();
        (await visitor.PageAsync("/console/sign-in")).Body!.TextContent.ShouldContain("Ask your operator to reset it");

        (await app.Services.GetRequiredService<LocalAccounts>().Reset("Forgetful@example.com", "another long password", "operator", TestContext.Current.CancellationToken))
            .ShouldBe(new AccountOutcome.Reset(new UserId(user), 1));

        using var gone = await visitor.SendAsync(new HttpRequestMessage(HttpMethod.Get, "/console"));
        gone.Headers.Location!.ToString().ShouldStartWith("/console/sign-in");
        using var former = await EnterAsync(visitor, "forgetful@example.com", Password);
        former.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        using var entered = await EnterAsync(visitor, "forgetful@example.com", "another long password");
        entered.StatusCode.ShouldBe(HttpStatusCode.SeeOther);
        (await app.ScalarAsync<string>("SELECT actor FROM lockstep.activity_log WHERE user_id = $1 AND action = 'PASSWORD_RESET'", user)).ShouldBe("operator");
    }

    [Fact]
    public async Task The_cookie_is_for_this_host_alone_out_of_reach_of_scripts_and_of_other_sites()
    {
        await AccountAsync("cookie@example.com");
        using var visitor = new ConsoleVisitor(app.Url);
        using var local = await EnterAsync(visitor, "cookie@example.com", Password);
        local.Headers.GetValues("Set-Cookie").Single().ShouldMatch("^lockstep-local=[A-Za-z0-9_-]{43}; path=/; samesite=strict; httponly$");

        // Behind a proxy, under the name that people type.
        var request = new HttpRequestMessage(HttpMethod.Post, "/console/sign-in")
        {
            Content = new FormUrlEncodedContent(new Dictionary<string, string> { ["email"] = "cookie@example.com", ["password"] = Password }),
            Headers = { Host = "lockstep.example.com" },
        };
        request.Headers.TryAddWithoutValidation("Origin", "https://lockstep.example.com");
        using var proxied = await visitor.SendAsync(request);
        proxied.Headers.GetValues("Set-Cookie").Single().ShouldMatch("^__Host-lockstep=[A-Za-z0-9_-]{43}; path=/; secure; samesite=strict; httponly$");
    }

    [Fact]
    public async Task A_wrong_password_and_an_unknown_address_get_the_same_words_and_the_eleventh_try_has_to_wait()
    {
        await AccountAsync("guessed@example.com");
        using var visitor = new ConsoleVisitor(app.Url);
        var (known, unknown) = (await WordsAsync(visitor, "guessed@example.com"), await WordsAsync(visitor, "nobody@example.com"));
        known.ShouldBe(unknown);
        known.ShouldContain("No account has this e-mail and password");
        for (var i = 0; i < 9; i++)
            await WordsAsync(visitor, "guessed@example.com");
        using var braked = await EnterAsync(visitor, "guessed@example.com", Password);
        braked.StatusCode.ShouldBe(HttpStatusCode.TooManyRequests);
        braked.Headers.RetryAfter.ShouldNotBeNull();
        visitor.Cookie.ShouldBeNull();
    }

    [Fact]
    public async Task A_session_that_somebody_else_chose_is_never_taken_over_and_each_sign_in_is_a_new_one()
    {
        await AccountAsync("fixed@example.com");
        const string Chosen = "lockstep-local=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        using var visitor = new ConsoleVisitor(app.Url) { Cookie = Chosen };
        (await EnterAsync(visitor, "fixed@example.com", Password)).Dispose();
        var first = visitor.Cookie!;
        first.ShouldNotBe(Chosen);
        (await EnterAsync(visitor, "fixed@example.com", Password)).Dispose();
        visitor.Cookie.ShouldNotBe(first);
        (await StatusAsync(Chosen)).ShouldBe(HttpStatusCode.SeeOther);
        // The former session of the same browser ended with the new one.
        (await StatusAsync(first)).ShouldBe(HttpStatusCode.SeeOther);
        (await StatusAsync(visitor.Cookie!)).ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task A_session_ends_when_one_signs_out_everywhere_the_cookie_may_have_gone()
    {
        using var visitor = await ConsoleVisitor.SignInAsync(app, "leaver");
        var copied = visitor.Cookie!;
        await visitor.FillAsync(await visitor.PageAsync("/console"), "/sign-out");
        (await StatusAsync(copied)).ShouldBe(HttpStatusCode.SeeOther);
    }

    [Theory]
    [InlineData("UPDATE lockstep.console_sessions SET expires_at = clock_timestamp() WHERE user_id = '{0}' RETURNING 1")]
    [InlineData("UPDATE lockstep.console_sessions SET seen_at = clock_timestamp() - interval '121 minutes' WHERE user_id = '{0}' RETURNING 1")]
    [InlineData("DELETE FROM auth.users WHERE id = '{0}' RETURNING 1")]
    public async Task A_session_ends_by_itself_after_twelve_hours_or_two_of_rest_or_with_its_user(string meanwhile)
    {
        using var visitor = await ConsoleVisitor.SignInAsync(app, "sleeper");
        await visitor.PageAsync("/console");
        await app.ScalarAsync<int>(string.Format(System.Globalization.CultureInfo.InvariantCulture, meanwhile, app.UserId("sleeper")));
        using var gone = await visitor.GetAsync("/console/connections?x=1");
        gone.StatusCode.ShouldBe(HttpStatusCode.SeeOther);
        gone.Headers.Location!.ToString().ShouldBe("/console/sign-in?back=%2Fconsole%2Fconnections%3Fx%3D1");
    }

    [Fact]
    public async Task A_session_by_token_ends_with_the_token_and_neither_an_expired_nor_a_foreign_one_opens_it()
    {
        using var visitor = new ConsoleVisitor(app.Url);
        using var entered = await visitor.PostAsync("/console/sign-in", new() { ["jwt"] = app.Token("short", "authenticated", Duration.FromMinutes(10)) });
        entered.StatusCode.ShouldBe(HttpStatusCode.SeeOther);
        (await app.ScalarAsync<bool>("SELECT expires_at < now() + interval '11 minutes' FROM lockstep.console_sessions WHERE user_id = $1", app.UserId("short"))).ShouldBeTrue();
        foreach (var wrong in new[] { Expired(), app.Token("forged", "authenticated") + "x", "lsk_nothing", "" })
        {
            using var refused = await visitor.PostAsync("/console/sign-in", new() { ["jwt"] = wrong, ["email"] = "x@example.com" });
            refused.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        }
    }

    [Theory]
    [InlineData("/console/events", "/console/events")]
    [InlineData("https://evil.example/console", "/console")]
    [InlineData("//evil.example/console", "/console")]
    [InlineData("/console\\evil.example", "/console")]
    [InlineData("/consoleevil", "/console")]
    [InlineData("/console/sign-out", "/console")]
    public async Task One_comes_back_to_where_one_wanted_to_go_and_never_out_of_the_console(string back, string lands)
    {
        using var visitor = new ConsoleVisitor(app.Url);
        using var entered = await visitor.PostAsync("/console/sign-in", new() { ["jwt"] = app.Token("back", "authenticated"), ["back"] = back });
        entered.Headers.Location!.ToString().ShouldBe(lands);
    }

    [Fact]
    public async Task A_form_that_another_site_sends_or_that_has_no_token_of_the_session_does_nothing()
    {
        using var visitor = await ConsoleVisitor.SignInAsync(app, "forged");
        using var other = await ConsoleVisitor.SignInAsync(app, "forger");
        var mine = (await visitor.PageAsync("/console")).QuerySelector("input[name=token]")!.GetAttribute("value")!;
        var theirs = (await other.PageAsync("/console")).QuerySelector("input[name=token]")!.GetAttribute("value")!;
        var own = app.Url.GetLeftPart(UriPartial.Authority);
        foreach (var (token, origin, site) in new[]
        {
            (mine, "https://evil.example", "cross-site"), (mine, (string?)null, "same-site"), (mine, "https://evil.example", (string?)null), (mine, null, null),
            ("", null, "same-origin"), (theirs, own, "same-origin"), (mine + "x", own, "same-origin"),
        })
        {
            using var refused = await visitor.PostAsync("/console/sign-out", new() { ["token"] = token }, origin, site);
            (await ConsoleVisitor.ReadAsync(refused, HttpStatusCode.Forbidden)).QuerySelector("h1")!.TextContent.ShouldBe("Nothing was done");
        }
        await visitor.PageAsync("/console");
        using var crossed = await visitor.PostAsync("/console/sign-in", new() { ["jwt"] = app.Token("attacker", "authenticated") }, "https://evil.example", "cross-site");
        crossed.StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        (await visitor.PageAsync("/console")).QuerySelector(".whoami")!.TextContent.ShouldBe("forged@example.com");
    }

    [Fact]
    public async Task The_api_takes_no_cookie_and_the_console_no_bearer_token()
    {
        using var visitor = await ConsoleVisitor.SignInAsync(app, "both");
        using var api = await visitor.GetAsync("/v1/credentials");
        api.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        using var console = await app.As("both").GetAsync(new Uri("/console/connections", UriKind.Relative));
        console.RequestMessage!.RequestUri!.AbsolutePath.ShouldBe("/console/sign-in");
    }

    [Fact]
    public async Task Every_page_is_kept_by_nobody_framed_by_nobody_and_runs_no_foreign_script()
    {
        using var visitor = await ConsoleVisitor.SignInAsync(app, "headers");
        foreach (var path in new[] { "/console", "/console/sign-in", "/console/nowhere", "/console/connections" })
        {
            using var answer = await visitor.GetAsync(path);
            answer.Headers.GetValues("Content-Security-Policy").Single().ShouldStartWith("default-src 'none'; style-src 'self'; script-src 'self'");
            answer.Headers.CacheControl!.NoStore.ShouldBeTrue(path);
            answer.Headers.GetValues("X-Frame-Options").Single().ShouldBe("DENY");
            (await answer.Content.ReadAsStringAsync()).ShouldNotContain("style=\"");
        }
    }

    [Fact]
    public async Task Without_a_session_every_address_of_the_console_leads_to_the_sign_in()
    {
        foreach (var path in new[] { "/console", "/console/connections", "/console/nowhere" })
            (await StatusAsync("lockstep-local=none", path)).ShouldBe(HttpStatusCode.SeeOther);
    }

    private string Expired() => new JwtIssuer(app.Jwt, new FakeTime()).Issue("late@example.com", "late@example.com", JwtClaims.Authenticated, Duration.FromHours(1));

    private async Task<Guid> AccountAsync(string email) =>
        (await app.Services.GetRequiredService<LocalAccounts>().Create(email, Password, CancellationToken.None)).ShouldBeOfType<AccountOutcome.Created>().User.Value;

    private static Task<HttpResponseMessage> EnterAsync(ConsoleVisitor visitor, string email, string password) =>
        visitor.PostAsync("/console/sign-in", new() { ["email"] = email, ["password"] = password });

    private static async Task<string> WordsAsync(ConsoleVisitor visitor, string email)
    {
        using var answer = await EnterAsync(visitor, email, "a wrong password");
        return (await ConsoleVisitor.ReadAsync(answer, HttpStatusCode.Unauthorized)).QuerySelector("[role=alert] p")!.TextContent;
    }

    private async Task<HttpStatusCode> StatusAsync(string cookie, string path = "/console")
    {
        using var other = new ConsoleVisitor(app.Url) { Cookie = cookie };
        using var answer = await other.GetAsync(path);
        return answer.StatusCode;
    }
}
