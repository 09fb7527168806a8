using System.Net;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;
using static Lockstep.Tests.ChangeSync.SyncCalls;

namespace Lockstep.Tests.ChangeSync;

/// <summary>LOCKSTEP_MEMBERSHIPS_URL: another service says who is where.</summary>
public sealed class MembershipMirrorTests(LockstepApp app) : IClassFixture<LockstepApp>, IAsyncLifetime
{
    private FakeMembershipService service = null!;

    public async ValueTask InitializeAsync()
    {
        service = await FakeMembershipService.StartAsync();
        app.MembershipsUrl = new Uri(service.Url, "/base/");
        app.ServiceKey = "a key of services for tests";
        await app.RestartAsync();
    }

    public async ValueTask DisposeAsync() => await service.DisposeAsync();

    [Fact]
    public async Task Who_is_where_comes_from_there_alone_and_once_in_five_minutes()
    {
        service.Members["ma@example.com"] = [("org-1", "owner")];
        service.Members["mb@example.com"] = [("org-1", "member"), ("_personal:ma@example.com", "owner")];
        (await app.As("ma").Push("todo", "c", Mutation(1, "shared", new { a = new { value = 1 } }, space: "org-1"))).ShouldBe(["applied"]);
        (await app.As("mb").PullAll("todo")).Changes.ShouldHaveSingleItem().Text("spaceId").ShouldBe("org-1");
        (await app.As("mc").PullAll("todo")).Changes.ShouldBeEmpty();
        for (var i = 0; i < 3; i++)
            await app.As("mb").PullAll("todo");
        service.Asked.Count(asked => asked.Subject == "mb@example.com").ShouldBe(1);
        service.Asked.ShouldAllBe(asked => asked.Key == "a key of services for tests");
        await app.As("ma").PostAsync("/v1/workspaces", new { name = "Mine" }).ShouldBeProblemAsync(409, "memberships_elsewhere");
        var id = await app.ScalarAsync<Guid>("SELECT id FROM lockstep.workspaces WHERE external_id = 'org-1'");
        await app.As("ma").PostAsync($"/v1/workspaces/{id}/members", new { userId = app.UserId("mc"), role = "member" }).ShouldBeProblemAsync(409, "memberships_elsewhere");
    }

    [Fact]
    public async Task A_call_makes_what_was_known_void_at_once()
    {
        service.Members["va@example.com"] = service.Members["vb@example.com"] = [("org-2", "member")];
        await app.As("va").Push("todo", "c", Mutation(1, "before", new { a = new { value = 1 } }, space: "org-2"));
        var (changes, cursor) = await app.As("vb").PullAll("todo");
        changes.Count.ShouldBe(1);
        service.Members["vb@example.com"] = [];
        (await app.As("vb").Push("todo", "c", Mutation(1, "still", new { a = new { value = 1 } }, space: "org-2"))).ShouldBe(["applied"], "five minutes old at most");
        await app.Anonymous().PostAsync("/api/v1/internal/users/vb@example.com/memberships/invalidate", new { }).ShouldBeProblemAsync(401, "service_key_invalid");
        var operators = app.Anonymous();
        operators.DefaultRequestHeaders.Add("x-service-key", app.ServiceKey);
        (await operators.PostAsync("/api/v1/internal/users/vb@example.com/memberships/invalidate", new { })).StatusCode.ShouldBe(HttpStatusCode.NoContent);
        (await operators.PostAsync("/api/v1/internal/users/nobody/memberships/invalidate", new { })).StatusCode.ShouldBe(HttpStatusCode.NoContent);
        var page = await app.As("vb").Pull("todo", cursor);
        page["removedScopes"]!.AsArray().ShouldHaveSingleItem()!.GetValue<string>().ShouldBe("org-2");
        (await app.As("vb").Push("todo", "c", Mutation(2, "late", new { a = new { value = 1 } }, space: "org-2"))).ShouldBe(["rejected: space_forbidden"]);
    }

    [Fact]
    public async Task Defect_5_a_source_that_fails_passes_no_cursor_over_what_was_not_seen()
    {
        service.Members["fa@example.com"] = service.Members["fb@example.com"] = [("org-3", "member")];
        await app.As("fa").Push("todo", "c", Mutation(1, "unseen", new { a = new { value = 1 } }, space: "org-3"));
        service.Broken = true;
        await app.As("fb").Push("todo", "c", Mutation(1, "own", new { a = new { value = 1 } }));
        var (changes, native) = await app.As("fb").PullAll("todo");
        changes.ShouldHaveSingleItem().Text("recordId").ShouldBe("own");
        var mana = (await app.As("fb").Mana("todo", new { clientId = "m" })).Text("syncedUntil");
        service.Broken = false;
        var operators = app.Anonymous();
        operators.DefaultRequestHeaders.Add("x-service-key", app.ServiceKey);
        await operators.PostAsync($"/api/v1/internal/users/{app.UserId("fb")}/memberships/invalidate", new { });
        (await app.As("fb").PullAll("todo", native)).Changes.ShouldHaveSingleItem().Text("recordId").ShouldBe("unseen");
        (await app.As("fb").Mana("todo", new { clientId = "m", since = mana }))["serverChanges"]!.AsArray().ShouldHaveSingleItem()!.Text("id").ShouldBe("unseen");
        // Once known, a failure takes nothing away.
        service.Broken = true;
        await operators.PostAsync($"/api/v1/internal/users/{app.UserId("fb")}/memberships/invalidate", new { });
        (await app.As("fb").Pull("todo", native))["removedScopes"]!.AsArray().ShouldBeEmpty();
    }
}
