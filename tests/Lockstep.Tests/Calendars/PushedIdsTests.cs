using System.Net;
using System.Text.Json.Nodes;
using Lockstep.Tests.ChangeSync;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;
using static Lockstep.Tests.ChangeSync.SyncCalls;

namespace Lockstep.Tests.Calendars;

/// <summary>Ids of events are chosen by clients; what a client says about an id that is somebody else's, through the front door.</summary>
public sealed class PushedIdsTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    private const string At = "2026-03-01T09:00:00.000Z";

    [Fact]
    public async Task An_id_of_another_tenant_is_refused_alone_and_the_rest_of_the_push_is_stored()
    {
        var (alice, mallory) = (app.As("alice"), app.As("mallory"));
        var theirs = (await alice.PostAsync("/v1/events", Event("Secret")).ShouldBeAsync(HttpStatusCode.Created)).Text("id");
        var (first, last) = (Guid.CreateVersion7().ToString(), Guid.CreateVersion7().ToString());

        (await mallory.Push("calendar", "phone", Insert(1, first, "First"), Insert(2, theirs, "Mine now"), Insert(3, last, "Last")))
            .ShouldBe(["applied", "rejected: id_unavailable", "applied"]);

        (await mallory.PullAll("calendar")).Changes.Select(change => change.Text("recordId")).ShouldBe([first, last]);
        await mallory.GetAsync($"/v1/events/{theirs}").ShouldBeAsync(HttpStatusCode.NotFound);
        (await alice.GetAsync($"/v1/events/{theirs}").ShouldBeAsync(HttpStatusCode.OK)).Text("summary").ShouldBe("Secret");
    }

    [Fact]
    public async Task A_delete_of_another_tenants_event_looks_like_that_of_an_unknown_one_and_does_nothing()
    {
        var (alice, mallory) = (app.As("anna"), app.As("mike"));
        var theirs = (await alice.PostAsync("/v1/events", Event("Stays")).ShouldBeAsync(HttpStatusCode.Created)).Text("id");

        var answers = await mallory.Push("calendar", "phone", Delete(1, theirs), Delete(2, Guid.CreateVersion7().ToString()));

        answers[0].ShouldBe(answers[1]);
        await alice.GetAsync($"/v1/events/{theirs}").ShouldBeAsync(HttpStatusCode.OK);
    }

    [Fact]
    public async Task An_event_of_another_of_ones_own_spaces_is_refused_with_the_same_words_as_a_strangers()
    {
        var (alice, mallory) = (app.As("amy"), app.As("max"));
        var space = (await mallory.PostAsync("/v1/workspaces", new { name = "Max's" }).ShouldBeAsync(HttpStatusCode.Created)).Text("id");
        var shared = (await mallory.PostAsync("/v1/events", Event("Shared", space)).ShouldBeAsync(HttpStatusCode.Created)).Text("id");
        var theirs = (await alice.PostAsync("/v1/events", Event("Secret")).ShouldBeAsync(HttpStatusCode.Created)).Text("id");

        var results = (await mallory.TryPush("calendar", "phone", Insert(1, shared, "Moved"), Insert(2, theirs, "Taken"))
            .ShouldBeAsync(HttpStatusCode.OK))["results"]!.AsArray();

        results[0]!.Text("code").ShouldBe("id_unavailable");
        results[0]!.ToJsonString().Replace("\"id\":1", "", StringComparison.Ordinal)
            .ShouldBe(results[1]!.ToJsonString().Replace("\"id\":2", "", StringComparison.Ordinal));
        (await mallory.GetAsync($"/v1/events/{shared}").ShouldBeAsync(HttpStatusCode.OK)).Text("summary").ShouldBe("Shared");
    }

    [Fact]
    public async Task An_event_of_a_workspace_takes_no_matter_of_its_writer_and_the_rest_of_the_push_is_stored()
    {
        var nina = app.As("nina");
        var space = (await nina.PostAsync("/v1/workspaces", new { name = "Nina's" }).ShouldBeAsync(HttpStatusCode.Created)).Text("id");
        var matter = (await nina.PostAsync("/v1/matters", new { title = "Private" }).ShouldBeAsync(HttpStatusCode.Created)).Text("id");

        (await nina.Push("calendar", "phone",
            Insert(1, Guid.CreateVersion7().ToString(), "Wrong", matter, space), Insert(2, Guid.CreateVersion7().ToString(), "Right", matter)))
            .ShouldBe(["rejected: invalid_event", "applied"]);
    }

    private static object Event(string summary, string? workspaceId = null) => new
    {
        summary,
        start = new { dateTime = "2026-03-02T09:00:00Z" },
        end = new { dateTime = "2026-03-02T10:00:00Z" },
        workspaceId,
    };

    private static JsonObject Insert(long id, string record, string summary, string? matter = null, string? space = null) => Mutation(id, record, new
    {
        summary = Field(summary, At),
        start = Field(new { dateTime = "2026-03-02T09:00:00Z" }, At),
        end = Field(new { dateTime = "2026-03-02T10:00:00Z" }, At),
        matterId = Field(matter, At),
    }, "insert", space, table: "events");

    private static JsonObject Delete(long id, string record) => Mutation(id, record, op: "delete", at: At, table: "events");
}
