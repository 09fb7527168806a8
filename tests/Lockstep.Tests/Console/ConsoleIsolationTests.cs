using System.Net;
using System.Text.RegularExpressions;
using Lockstep.Tests.Integrations;
using Lockstep.Tests.Isolation;
using Lockstep.Tests.Support;
using Lockstep.Tests.Vault;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.ConsolePages;

/// <summary>Every page and form of the console, as the routing table tells, with ids that are another's.</summary>
public sealed partial class ConsoleIsolationTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    [Fact]
    public async Task Another_tenants_id_on_every_page_and_form_is_the_page_of_an_unknown_id_and_does_nothing()
    {
        var (victim, workspace) = (app.UserId("console-victim"), Guid.CreateVersion7());
        await app.As("console-victim").GetAsync("/v1/workspaces").ShouldBeAsync(HttpStatusCode.OK);
        await using (var connection = await app.ConnectAsync())
            foreach (var (_, insert) in TenantRows.All)
            {
#pragma warning disable CA2100 // Written in the tests.
                await using var command = new NpgsqlCommand(
                    insert.Replace("$1", $"'{victim}'::uuid", StringComparison.Ordinal).Replace("$2", $"'{workspace}'::uuid", StringComparison.Ordinal).Replace("$3", "'user'", StringComparison.Ordinal), connection);
#pragma warning restore CA2100
                await command.ExecuteNonQueryAsync();
            }
        var theirs = await app.ScalarAsync<Guid>("SELECT md5('user')::uuid");
        using var stranger = await ConsoleVisitor.SignInAsync(app, "console-stranger");
        var token = (await stranger.PageAsync("/console")).QuerySelector("input[name=token]")!.GetAttribute("value")!;
        var (tried, told) = (new List<string>(), new List<string>());
        foreach (var (verb, path) in Routes().Where(route => route.Path.Contains("{id", StringComparison.Ordinal)))
        {
            var id = path.Contains("/workspaces/", StringComparison.Ordinal) ? workspace : path.Contains("/bookings/", StringComparison.Ordinal)
                ? await app.ScalarAsync<Guid>("SELECT id FROM lockstep.bookings WHERE user_id = $1", victim) : theirs;
            var (status, body) = await AnswerAsync(stranger, verb, path, id, theirs, token);
            if (status != HttpStatusCode.NotFound || (status, body) != await AnswerAsync(stranger, verb, path, Guid.CreateVersion7(), Guid.CreateVersion7(), token))
                told.Add($"{verb} {path}: {status} {body}");
            tried.Add($"{verb} {path}");
        }
        told.ShouldBeEmpty();
        tried.Count.ShouldBeGreaterThan(15, string.Join('\n', tried));
        (await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.activity_log WHERE actor = $1 AND action NOT LIKE 'CONSOLE%'", $"user:{app.UserId("console-stranger")}")).ShouldBe(0);
        // All of it was there to be found.
        using var owner = await ConsoleVisitor.SignInAsync(app, "console-victim");
        await owner.PageAsync($"/console/credentials/{theirs}");
        await owner.PageAsync($"/console/workspaces/{workspace}");
    }

    [Fact]
    public async Task Lists_hold_what_is_ones_own_and_no_page_but_the_one_that_was_asked_holds_a_value()
    {
        const string Value = "sk_live_console_marker_0123456789";
        var credential = (await app.As("lister").StoreAsync("mine", Value)).Id();
        await app.As("other").StoreAsync("not-mine", Value);
        using var visitor = await ConsoleVisitor.SignInAsync(app, "lister");
        foreach (var path in new[] { "/console", "/console/credentials", "/console/activity", "/console/connections", "/console/events", "/console/sharing", "/console/bookings", $"/console/credentials/{credential}" })
        {
            var page = (await visitor.PageAsync(path)).DocumentElement.OuterHtml;
            page.ShouldNotContain("not-mine", Case.Insensitive, path);
            page.ShouldNotContain("console_marker", Case.Insensitive, path);
        }
        var shown = await visitor.PageAsync($"/console/credentials/{credential}");
        var refused = await visitor.FillAsync(shown, "/reveal", new() { ["purpose"] = "" }, HttpStatusCode.UnprocessableEntity);
        refused.DocumentElement.OuterHtml.ShouldNotContain("console_marker");
        var revealed = await visitor.FillAsync(shown, "/reveal", new() { ["purpose"] = "a test of the console" });
        revealed.QuerySelector("#value")!.TextContent.ShouldBe(Value);
        visitor.Last.Headers.GetValues("Refresh").Single().ShouldBe($"60; url=/console/credentials/{credential}");
        (await app.ScalarAsync<string>("SELECT details ->> 'purpose' FROM lockstep.activity_log WHERE entity_id = $1 AND action = 'CREDENTIAL_ACCESSED'", credential)).ShouldBe("a test of the console");
    }

    [Fact]
    public async Task An_operator_sees_everybodys_activity_and_nobodys_things()
    {
        await app.As("watched").StoreAsync("watched-key", "sk_live_0123456789abcdefgh");
        using var operating = await ConsoleVisitor.SignInAsync(app, "operator", "service_role");
        (await operating.PageAsync("/console/activity")).Body!.TextContent.ShouldContain("watched-key");
        var system = await operating.PageAsync("/console/system");
        system.Body!.TextContent.ShouldContain("Keys in use");
        system.QuerySelector(".chip")!.TextContent.ShouldBe("ok");
        using (var person = await ConsoleVisitor.SignInAsync(app, "watched"))
            await person.PageAsync("/console/system", HttpStatusCode.NotFound);
        foreach (var path in new[] { "/console/credentials", "/console/connections", "/console/sharing", "/console/workspaces" })
            (await operating.PageAsync(path)).QuerySelector("h1")!.TextContent.ShouldBe("Signed in as an operator");
    }

    [Fact]
    public async Task A_workspace_is_made_people_are_invited_and_it_is_deleted_by_its_name_alone()
    {
        using var owner = await ConsoleVisitor.SignInAsync(app, "founder");
        var made = await owner.FillAsync(await owner.PageAsync("/console/workspaces"), "/workspaces", new() { ["name"] = "Bakery" });
        made.QuerySelector("h1")!.TextContent.ShouldBe("Bakery");
        var invited = await owner.FillAsync(made, "/invite", new() { ["email"] = "baker@example.com", ["role"] = "admin" });
        invited.QuerySelector("[role=status]")!.TextContent.ShouldStartWith("Invited.");
        invited.QuerySelector("[aria-labelledby=invited]")!.TextContent.ShouldContain("baker@example.com");
        var twice = await owner.FillAsync(made, "/invite", new() { ["email"] = "wrong@example.com" });
        var withdraw = twice.QuerySelectorAll("form[action$='/withdraw']")[1].GetAttribute("action")!;
        (await owner.FillAsync(twice, withdraw)).QuerySelectorAll("[aria-labelledby=invited] b").Select(one => one.TextContent).ShouldBe(["baker@example.com"]);
        (await owner.FillAsync(made, "/invite", new() { ["email"] = "no address" }, HttpStatusCode.UnprocessableEntity)).QuerySelector("#email-error").ShouldNotBeNull();
        using var baker = await ConsoleVisitor.SignInAsync(app, "baker");
        var theirs = await baker.PageAsync("/console/workspaces");
        theirs.QuerySelector(".chip")!.TextContent.ShouldBe("You are an admin");
        (await owner.PageAsync(new Uri(app.Url, withdraw).AbsolutePath.Split("/invitations")[0])).QuerySelectorAll("[aria-labelledby=members] li b").Select(one => one.TextContent)
            .ShouldBe(["founder@example.com", "baker@example.com"]);
        var left = await owner.FillAsync(made, $"/members/{app.UserId("founder")}/remove", status: HttpStatusCode.Conflict);
        left.QuerySelector("[role=alert]")!.TextContent.ShouldContain("keeps at least one owner");
        (await owner.FillAsync(made, "/delete", new() { ["name"] = "Butcher" }, HttpStatusCode.UnprocessableEntity)).QuerySelector("[role=alert]")!.TextContent.ShouldContain("type its name, Bakery");
        (await owner.FillAsync(made, "/delete", new() { ["name"] = "bakery" })).QuerySelectorAll(".list li").ShouldBeEmpty();
    }

    [Fact]
    public async Task What_somebody_typed_is_never_markup()
    {
        const string Typed = "<script>alert(1)</script>\"'><img src=x>";
        await app.As("typist").StoreAsync(Typed, "sk_live_0123456789abcdefgh");
        using var visitor = await ConsoleVisitor.SignInAsync(app, "typist");
        foreach (var path in new[] { "/console/credentials", "/console/activity", "/console", $"/console/credentials?name={Uri.EscapeDataString(Typed)}" })
        {
            var page = await visitor.PageAsync(path);
            page.QuerySelectorAll("script:not([src]), img").ShouldBeEmpty(path);
            page.Body!.TextContent.ShouldContain("alert(1)", Case.Sensitive, path);
        }
    }

    private static async Task<(HttpStatusCode Status, string Body)> AnswerAsync(ConsoleVisitor visitor, string verb, string path, Guid id, Guid second, string token)
    {
        var address = path.Replace("{id}", id.ToString(), StringComparison.Ordinal).Replace("{conflict}", second.ToString(), StringComparison.Ordinal).Replace("{user}", second.ToString(), StringComparison.Ordinal);
        using var answer = verb == "GET"
            ? await visitor.GetAsync(address)
            : await visitor.PostAsync(address, new()
            {
                ["token"] = token,
                ["name"] = "x",
                ["count"] = "1",
                ["enabled"] = "true",
                ["password"] = "another",
                ["value"] = "another",
                ["version"] = "1",
                ["purpose"] = "an attack",
                ["email"] = "me@example.com",
                ["role"] = "member",
            });
        return (answer.StatusCode, RequestIds().Replace(await answer.Content.ReadAsStringAsync(), ""));
    }

    private IEnumerable<(string Verb, string Path)> Routes() =>
        from endpoint in app.Services.GetServices<EndpointDataSource>().SelectMany(source => source.Endpoints).OfType<RouteEndpoint>()
        let path = "/" + string.Join('/', endpoint.RoutePattern.PathSegments.Select(segment => string.Concat(segment.Parts.Select(part =>
            part is Microsoft.AspNetCore.Routing.Patterns.RoutePatternParameterPart parameter ? $"{{{parameter.Name}}}"
            : part is Microsoft.AspNetCore.Routing.Patterns.RoutePatternLiteralPart literal ? literal.Content : ""))))
        where path.StartsWith("/console/", StringComparison.Ordinal)
        from verb in endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? []
        select (verb, path);

    [GeneratedRegex("00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]")]
    private static partial Regex RequestIds();
}
