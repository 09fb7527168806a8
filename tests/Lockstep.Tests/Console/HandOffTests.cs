using System.Net;
using AngleSharp.Dom;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.ConsolePages;

public sealed class HandOffTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    private const string Links = "/v1/console/sign-in-links";

    [Fact]
    public async Task A_product_hands_its_user_over_by_a_link_that_asks_first_and_is_good_once()
    {
        var (user, path) = await LinkAsync("handed");
        using var visitor = new ConsoleVisitor(app.Url);
        // Looking at it uses nothing up.
        (await visitor.PageAsync(path)).QuerySelector("h1")!.TextContent.ShouldBe("Continue as handed@example.com");
        var page = await visitor.FillAsync(await visitor.PageAsync(path), path);
        page.QuerySelector("h1")!.TextContent.ShouldBe("Overview");
        page.QuerySelector(".whoami")!.TextContent.ShouldBe("handed@example.com");
        (await app.ScalarAsync<string[]>("SELECT array_agg(action || ' ' || actor ORDER BY seq) FROM lockstep.activity_log WHERE user_id = $1", user))
            .ShouldBe([$"CONSOLE_LINK_MADE service:backend@example.com for user:{user}", $"CONSOLE_SIGNED_IN user:{user}"]);

        using var second = new ConsoleVisitor(app.Url);
        var over = await second.PageAsync(path, HttpStatusCode.NotFound);
        over.QuerySelector("h1")!.TextContent.ShouldBe("This link is over");
        over.QuerySelector("nav").ShouldBeNull();
        using var again = await second.PostAsync(path, []);
        again.StatusCode.ShouldBe(HttpStatusCode.NotFound);
        second.Cookie.ShouldBeNull();
    }

    [Fact]
    public async Task A_link_ends_after_two_minutes_and_another_site_cannot_use_it()
    {
        var (user, path) = await LinkAsync("slow");
        using var visitor = new ConsoleVisitor(app.Url);
        using var crossed = await visitor.PostAsync(path, [], "https://evil.example", "cross-site");
        crossed.StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        visitor.Cookie.ShouldBeNull();
        (await app.ScalarAsync<bool>("SELECT expires_at BETWEEN now() + interval '100 seconds' AND now() + interval '121 seconds' FROM lockstep.console_handoffs WHERE user_id = $1", user)).ShouldBeTrue();
        await app.ScalarAsync<int>("UPDATE lockstep.console_handoffs SET expires_at = clock_timestamp() WHERE user_id = $1 RETURNING 1", user);
        await visitor.PageAsync(path, HttpStatusCode.NotFound);
        foreach (var wrong in new[] { "/console/enter/nothing", "/console/enter/" + new string('A', 43) })
            await visitor.PageAsync(wrong, HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Only_the_service_makes_links_and_only_for_somebody()
    {
        await app.As("wisher").PostAsync(Links, new { }).ShouldBeProblemAsync(403, "role_required");
        await app.Anonymous().PostAsync(Links, new { }).ShouldBeProblemAsync(401, "token_missing");
        await app.AsService().PostAsync(Links, new { }).ShouldBeProblemAsync(422, "user_required");
    }

    private async Task<(Guid User, string Path)> LinkAsync(string subject)
    {
        await app.As(subject).GetAsync("/v1/workspaces").ShouldBeAsync(HttpStatusCode.OK);
        var user = app.UserId(subject);
        var link = await app.AsService(user).PostAsync(Links, new { }).ShouldBeAsync(HttpStatusCode.Created);
        return (user, link.Text("path"));
    }
}
