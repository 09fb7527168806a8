using System.Net;
using System.Text.Json.Nodes;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;
using static Lockstep.Tests.ChangeSync.SyncCalls;

namespace Lockstep.Tests.ChangeSync;

/// <summary>What the operator's software declares of tables, and what becomes of changes that do not fit.</summary>
public sealed class SchemaTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    private const string Beginning = "1970-01-01T00:00:00Z";

    [Fact]
    public async Task A_record_that_would_not_fit_the_schema_of_its_table_is_rejected_alone_by_both_protocols()
    {
        await Declare("shop", "items", """{"schema":{"type":"object","required":["title"],"properties":{"title":{"type":"string","maxLength":5},"count":{"type":"integer","minimum":0}},"additionalProperties":false}}""");
        var client = app.As("sca");
        var answer = await client.TryPush("shop", "c",
            Mutation(1, "a", new { title = new { value = "Milk" } }, "insert"), Mutation(2, "b", new { count = new { value = 1 } }, "insert"), Mutation(3, "a", new { count = new { value = -1 } }),
            Mutation(4, "a", new { count = new { value = 2 } }), Mutation(5, "a", new { color = new { value = "white" } }), Mutation(6, "a", new { title = new { value = "Oat milk" } }),
            Mutation(7, "x", new { color = new { value = "white" } }, table: "others"), Mutation(8, "a", op: "delete")).ShouldBeAsync(HttpStatusCode.OK);
        var results = answer["results"]!.AsArray();
        results.Select(result => result!["code"]?.GetValue<string>() ?? result.Text("status")).ShouldBe(
            ["applied", "schema_violation", "schema_violation", "applied", "schema_violation", "schema_violation", "applied", "applied"]);
        results[1]!.Text("detail").ShouldStartWith("'title' is missing.");
        results[2]!.Text("detail").ShouldStartWith("'count' is beyond minimum 0.");
        var mana = await client.Mana("shop", new { clientId = "m", changes = new object[] { new { table = "items", id = "c", op = "insert", data = new { title = 5 } }, new { table = "items", id = "d", op = "insert", data = new { title = "Eggs" } } } });
        mana["rejected"]!.AsArray().ShouldHaveSingleItem()!.Text("code").ShouldBe("schema_violation");
        (await client.GetStringAsync("/v1/export")).ShouldContain("Eggs");
        await app.AsService().DeleteAsync("/v1/sync/shop/schemas/items").ShouldBeAsync(HttpStatusCode.NoContent);
        (await client.Push("shop", "c", Mutation(9, "e", new { anything = new { value = true } }))).ShouldBe(["applied"]);
    }

    [Fact]
    public async Task Changes_of_former_versions_are_read_as_the_newest_has_them_and_versions_beyond_it_are_refused()
    {
        var client = app.As("scb");
        await client.Push("notes", "c", Mutation(1, "r", new { titel = new { value = "Plan" }, junk = new { value = 1 } }, "insert"), Mutation(2, "r", new { titel = new { value = "Plan B" } }));
        (await client.Push("notes", "c", Versioned(Mutation(3, "r", new { title = new { value = "C" } }), 2))).ShouldBe(["rejected: schema_too_new"]);
        await client.TryMana("notes", new { clientId = "m", schemaVersion = 2 }).ShouldBeProblemAsync(400, "schema_too_new");
        await Declare("notes", "items", """{"version":3,"steps":[{"rename":{"titel":"title"}},{"drop":["junk"],"defaults":{"done":false}}],"schema":{"required":["title","done"]}}""");

        (await client.Push("notes", "c", Versioned(Mutation(4, "s", new { titel = new { value = "Old device" } }, "insert"), 1), Versioned(Mutation(5, "t", new { title = new { value = "New device" }, done = new { value = true } }, "insert"), 3),
            Versioned(Mutation(6, "u", new { title = new { value = "Tomorrow's" } }, "insert"), 4), Versioned(Mutation(7, "r", new { title = new { value = "Plan C" } }), 3))).ShouldBe(["applied", "applied", "rejected: schema_too_new", "applied"]);
        var changes = (await client.PullAll("notes")).Changes;
        changes.ShouldAllBe(change => change["schemaVersion"]!.GetValue<int>() == 3);
        changes.Select(change => change.Value("title")!.GetValue<string>()).ShouldBe(["Plan", "Plan B", "Old device", "New device", "Plan C"]);
        changes[0]["fields"]!.AsObject().Select(field => field.Key).Order(StringComparer.Ordinal).ShouldBe(["done", "title"]);
        changes[1]["fields"]!.AsObject().Select(field => field.Key).ShouldBe(["title"], "an update brings what was written, no defaults");
        foreach (var text in new[] { await client.GetStringAsync("/v1/sync/notes/snapshot"), await client.GetStringAsync("/v1/export"), (await client.ManaPull("notes", "items", Beginning)).ToJsonString() })
        {
            text.ShouldContain("Plan C");
            text.ShouldContain("Old device");
            text.ShouldNotContain("titel");
            text.ShouldNotContain("junk");
        }
        (await client.Mana("notes", new { clientId = "m", schemaVersion = 3 }))["hasMore"].ShouldBeNull();
        await client.TryMana("notes", new { clientId = "m", schemaVersion = 4 }).ShouldBeProblemAsync(400, "schema_too_new");
        await client.TryMana("notes", new { clientId = "m", changes = new object[] { new { table = "others", id = "o", op = "insert", schemaVersion = 3, data = new { v = 1 } } } }).ShouldBeProblemAsync(400, "schema_too_new");

        // What was taken out at version 1 comes in again.
        var line = """{"type":"record","app":"notes","table":"items","recordId":"imported","schemaVersion":1,"writtenAt":"2026-03-01T09:00:00.000Z","writtenBy":"x","fields":{"titel":{"value":"From a file","at":"2026-03-01T09:00:00.000Z","clientId":"x"}}}""";
        var content = new StringContent(line + "\n");
        content.Headers.ContentType = new("application/x-ndjson");
        (await client.PostAsync("/v1/import", content).ShouldBeAsync(HttpStatusCode.OK))["applied"]!.GetValue<int>().ShouldBe(1);
        (await client.PullAll("notes")).Changes[^1].Value("title")!.GetValue<string>().ShouldBe("From a file");
    }

    [Theory]
    [InlineData("""{"schema":{"type":"text"}}""", "schema.type: 'text' is not one of")]
    [InlineData("""{"schema":{"properties":{"a":{"$ref":"#/x"}}}}""", "schema.properties.a.$ref: this keyword is not known here")]
    [InlineData("""{"schema":{"pattern":"(?=a)"}}""", "schema.pattern is not a regular expression")]
    [InlineData("""{"version":3,"steps":[{}]}""", "There are 1 for version 3")]
    public async Task A_schema_that_would_not_be_checked_as_it_reads_is_refused(string declaration, string fault) =>
        (await app.AsService().SendRawAsync(HttpMethod.Put, "/v1/sync/refused/schemas/items", declaration).ShouldBeProblemAsync(422, "invalid_request")).Text("detail").ShouldContain(fault);

    [Fact]
    public async Task Schemas_are_the_operators_and_known_to_other_nodes()
    {
        await app.As("scc").SendRawAsync(HttpMethod.Put, "/v1/sync/own/schemas/items", "{}").ShouldBeAsync(HttpStatusCode.Forbidden);
        await app.AsService().SendRawAsync(HttpMethod.Put, "/v1/sync/calendar/schemas/events", "{}").ShouldBeProblemAsync(422, "invalid_request");
        await Declare("kept", "items", """{"schema":{"maxProperties":1}}""");
        var listed = await app.AsService().GetAsync("/v1/sync/kept/schemas").ShouldBeAsync(HttpStatusCode.OK);
        listed["items"]!.AsArray().ShouldHaveSingleItem()!["declaration"]!["schema"]!["maxProperties"]!.GetValue<int>().ShouldBe(1);
        await using var other = new LockstepApp(app.Postgres) { ExistingDatabase = app.Database };
        await other.InitializeAsync();
        (await other.As("scc").Push("kept", "c", Mutation(1, "r", new { a = new { value = 1 }, b = new { value = 1 } }))).ShouldBe(["rejected: schema_violation"]);
    }

    private async Task Declare(string name, string table, string declaration) =>
        await app.AsService().SendRawAsync(HttpMethod.Put, $"/v1/sync/{name}/schemas/{table}", declaration).ShouldBeAsync(HttpStatusCode.OK);

    private static JsonObject Versioned(JsonObject mutation, int version)
    {
        mutation["schemaVersion"] = version;
        return mutation;
    }
}
