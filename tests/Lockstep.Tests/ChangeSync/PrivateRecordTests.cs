using System.IO.Compression;
using System.Net;
using System.Text.Json.Nodes;
using Lockstep.Tests.Support;
using Npgsql;
using Shouldly;
using Xunit;
using static Lockstep.Tests.ChangeSync.SyncCalls;

namespace Lockstep.Tests.ChangeSync;

/// <summary>Records of a space whose field <c>visibility</c> is <c>private</c>: they are their author's alone, whichever way another member looks.</summary>
public sealed class PrivateRecordTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    private const string Beginning = "1970-01-01T00:00:00Z";

    [Fact]
    public async Task Defect_21_a_private_record_leaves_its_author_by_no_way()
    {
        var (ann, bo, space) = await SpaceAsync("pa", "pb");
        await using var native = await StreamTests.Listen(bo, "/v1/sync/todo/stream");
        await using var mana = await StreamTests.Listen(bo, "/sync/todo/stream?collections=items");
        (await ann.Push("todo", "a", Mutation(1, "hidden-1", Private("a secret"), "insert", space))).ShouldBe(["applied"]);
        await ann.Mana("todo", new { clientId = "m", changes = new object[] { new { table = "items", id = "hidden-2", op = "insert", data = new { v = "a secret", visibility = "private", spaceId = space } } } });
        (await ann.Push("todo", "a", Mutation(2, "seen", Shared(1), "insert", space), Mutation(3, "hidden-1", new { w = new { value = "a secret too" } }, space: space))).ShouldBe(["applied", "applied"]);

        (await native.Next("changes")).Changed.ShouldBe(["seen"]);
        (await mana.Next("changes")).Data["changes"]!.AsArray().Select(change => change!.Text("id")).ShouldBe(["seen"]);
        foreach (var (way, text) in await EveryWayAsync(bo))
        {
            text.ShouldContain("seen", customMessage: way);
            text.ShouldNotContain("hidden", customMessage: way);
            text.ShouldNotContain("secret", customMessage: way);
        }
        foreach (var (way, text) in await EveryWayAsync(ann))
        {
            text.ShouldContain("hidden-1", customMessage: way);
            text.ShouldContain("hidden-2", customMessage: way);
            text.ShouldContain(space, customMessage: way);
        }
        var hidden = (await ann.PullAll("todo")).Changes.Where(change => change.Text("recordId") == "hidden-1").ToList();
        hidden.Select(change => change.Text("spaceId")).ShouldAllBe(label => label == space);
        hidden[^1].Value("w")!.GetValue<string>().ShouldBe("a secret too", "an edit that does not say the visibility leaves it as it is");
        // Row-level security says the same to whoever asks the database as bo.
        (await app.ScalarAsync<long>($"SELECT count(*) FROM lockstep.sync_records r JOIN lockstep.sync_scopes s USING (scope_id) WHERE s.workspace_id = '{space}' AND r.record_id LIKE 'hidden%'")).ShouldBe(0);
    }

    [Fact]
    public async Task What_becomes_private_is_forgotten_by_the_others_and_comes_whole_when_it_is_shared_again()
    {
        var (ann, bo, space) = await SpaceAsync("pc", "pd");
        SharpPeer[] anns = [Reader(ann, "a1"), Reader(ann, "a2")], bos = [Reader(bo, "b1")];
        await ann.Push("todo", "a", Mutation(1, "r", new { title = new { value = "Plan" }, visibility = new { value = "space" } }, "insert", space));
        await ShouldShow(anns, "r");
        await ShouldShow(bos, "r");
        for (var i = 0; i < 2; i++)
        {
            var hide = Mutation(2 + 3 * i, "r", new { visibility = new { value = "private" } }, space: space);
            (await ann.Push("todo", "a", hide)).ShouldBe(["applied"]);
            (await ann.Push("todo", "a", hide)).ShouldBe(["applied"], "a retry has the same answer");
            await ShouldShow(bos);
            await ShouldShow(anns, "r");
            (await ann.Push("todo", "a", Mutation(3 + 3 * i, "r", new { title = new { value = $"Plan {i}" } }, space: space))).ShouldBe(["applied"]);
            await ShouldShow(bos);
            await ShouldShow([Reader(bo, "new")]);
            (await ann.Push("todo", "a", Mutation(4 + 3 * i, "r", new { visibility = new { value = "space" } }, space: space))).ShouldBe(["applied"]);
            await ShouldShow(bos, "r");
            await ShouldShow(anns, "r");
            var state = await bos[0].StateAsync();
            state.Single().Value!["title"]!.GetValue<string>().ShouldBe($"\"Plan {i}\"");
            JsonNode.DeepEquals(state, await anns[1].StateAsync()).ShouldBeTrue();
        }

        async Task ShouldShow(SharpPeer[] peers, params string[] ids)
        {
            foreach (var peer in peers)
            {
                await peer.SyncAsync(cut: false);
                (await peer.StateAsync()).Select(record => record.Key).ShouldBe(ids.Select(id => $"{space}/{id}"));
            }
        }
    }

    [Fact]
    public async Task Who_joins_after_a_record_became_private_does_not_find_it_in_the_history()
    {
        var (ann, bo, space) = await SpaceAsync("pe", "pf");
        await ann.Push("todo", "a", Mutation(1, "r", new { v = new { value = "confidential" } }, "insert", space), Mutation(2, "r", new { v = new { value = "confidential as well" } }, space: space), Mutation(3, "s", Shared(1), "insert", space));
        var mana = (await bo.Mana("todo", new { clientId = "b" })).Text("syncedUntil");
        await ann.Push("todo", "a", Mutation(4, "r", new { visibility = new { value = "private" } }, space: space));
        var deletion = (await bo.Mana("todo", new { clientId = "b", since = mana }))["serverChanges"]!.AsArray().ShouldHaveSingleItem()!;
        (deletion.Text("op"), deletion.Text("id")).ShouldBe(("delete", "r"));
        await app.As("pg").GetAsync("/v1/sync/todo/pull").ShouldBeAsync(HttpStatusCode.OK);
        await ann.PostAsync($"/v1/workspaces/{space}/members", new { userId = app.UserId("pg"), role = "member" }).ShouldBeAsync(HttpStatusCode.OK);
        foreach (var (way, text) in (await EveryWayAsync(app.As("pg"))).Concat(await EveryWayAsync(bo)))
            text.ShouldNotContain("confidential", customMessage: way);
        (await ann.GetStringAsync("/v1/export")).ShouldContain("confidential as well");
    }

    [Fact]
    public async Task Only_its_author_makes_a_record_private_and_nobody_else_writes_it_then()
    {
        var (ann, bo, space) = await SpaceAsync("ph", "pi");
        await bo.Push("todo", "b", Mutation(1, "bos", Shared(1), "insert", space));
        await ann.Push("todo", "a", Mutation(1, "anns", Shared(1), "insert", space));
        (await bo.Push("todo", "b", Mutation(2, "anns", new { visibility = new { value = "private" } }, space: space))).ShouldBe(["rejected: visibility_forbidden"]);
        (await ann.Push("todo", "a", Mutation(2, "bos", new { visibility = new { value = "private" } }, space: space))).ShouldBe(["rejected: visibility_forbidden"], "an admin neither");
        var refused = await bo.Mana("todo", new { clientId = "m", changes = new object[] { new { table = "items", id = "anns", op = "update", spaceId = space, fields = new { visibility = new { value = "private" } } } } });
        refused["rejected"]!.AsArray().ShouldHaveSingleItem()!.Text("code").ShouldBe("visibility_forbidden");

        (await ann.Push("todo", "a", Mutation(3, "anns", new { visibility = new { value = "private" } }, space: space))).ShouldBe(["applied"]);
        (await bo.Push("todo", "b", Mutation(3, "anns", new { v = new { value = "mine now" } }, space: space), Mutation(4, "anns", new { v = Field("older", "2026-01-01T00:00:00.000Z") }, space: space)))
            .ShouldBe(["rejected: record_moved", "superseded"]);
        (await bo.GetStringAsync("/v1/export")).ShouldNotContain("mine now");
        // A device of the author that has not heard of it yet.
        await ann.Mana("todo", new { clientId = "n", changes = new object[] { new { table = "items", id = "anns", op = "update", spaceId = space, fields = new { w = new { value = "late" } } } } });
        (await ann.GetStringAsync("/v1/export")).ShouldContain("late");
        (await bo.GetStringAsync("/v1/export")).ShouldNotContain("late");
    }

    [Fact]
    public async Task Private_records_are_exported_imported_and_deleted_by_their_author()
    {
        var (ann, bo, space) = await SpaceAsync("pj", "pk");
        await ann.Push("todo", "a", Mutation(1, "r", Private("secret"), "insert", space), Mutation(2, "q", Private("secret"), "insert", space));
        var export = await ann.GetStringAsync("/v1/export");
        (await ann.Push("todo", "a", Mutation(3, "r", op: "delete", space: space))).ShouldBe(["applied"]);
        (await ann.PullAll("todo")).Changes[^1].Text("op").ShouldBe("delete");
        var content = new StringContent(export);
        content.Headers.ContentType = new("application/x-ndjson");
        (await ann.PostAsync("/v1/import", content).ShouldBeAsync(HttpStatusCode.OK))["rejected"]!.AsArray().ShouldBeEmpty();
        foreach (var (way, text) in await EveryWayAsync(bo))
            text.ShouldNotContain("secret", customMessage: way);
        // One's own data and private records share their ids.
        (await ann.Push("todo", "a", Mutation(4, "q", new { v = new { value = 1 } }), Mutation(5, "own", new { v = new { value = 1 } }), Mutation(6, "own", Private("x"), "insert", space)))
            .ShouldBe(["rejected: record_id_taken", "applied", "rejected: record_id_taken"]);
    }

    private static SharpPeer Reader(HttpClient client, string name) => new(client, "todo", name, 0, TimeProvider.System);

    [Fact]
    public async Task What_became_private_outlives_a_deletion_by_who_had_it_and_an_export_that_comes_in_again()
    {
        var (ann, bo, space) = await SpaceAsync("pk", "pl");
        await ann.Push("todo", "a", Mutation(1, "r", Shared(1), "insert", space));
        (await ann.Push("todo", "a", Mutation(2, "r", Private("mine"), space: space))).ShouldBe(["applied"]);
        (await bo.Push("todo", "b", Mutation(1, "r", op: "delete", space: space))).ShouldBe(["superseded"]);
        await ann.Push("todo", "a", Mutation(3, "gone", Private("x"), "insert", space), Mutation(4, "gone", op: "delete", space: space));
        await ImportedAsync();
        (await bo.GetStringAsync("/v1/export")).ShouldNotContain("gone");

        (await ann.Push("todo", "a", Mutation(5, "r", new { visibility = new { value = "shared" } }, space: space))).ShouldBe(["applied"]);
        await ImportedAsync();
        (await bo.GetStringAsync("/v1/export")).ShouldContain("mine");

        async Task ImportedAsync()
        {
            var export = await ann.GetStringAsync("/v1/export");
            export.ShouldContain("mine");
            await ann.PostAsync("/v1/import", new StringContent(export, System.Text.Encoding.UTF8, "application/x-ndjson")).ShouldBeAsync(HttpStatusCode.OK);
            (await ann.GetStringAsync("/v1/export")).ShouldContain("mine");
        }
    }

    private static object Private(string value) => new { v = new { value }, visibility = new { value = "private" } };

    private static object Shared(int value) => new { v = new { value } };

    private async Task<(HttpClient Ann, HttpClient Bo, string Space)> SpaceAsync(string admin, string member)
    {
        await app.As(member).GetAsync("/v1/sync/todo/pull").ShouldBeAsync(HttpStatusCode.OK);
        var space = (await app.As(admin).PostAsync("/v1/workspaces", new { name = admin }).ShouldBeAsync(HttpStatusCode.Created)).Text("id");
        await app.As(admin).PostAsync($"/v1/workspaces/{space}/members", new { userId = app.UserId(member), role = "member" }).ShouldBeAsync(HttpStatusCode.OK);
        return (app.As(admin), app.As(member), space);
    }

    private static async Task<List<(string Way, string Text)>> EveryWayAsync(HttpClient client)
    {
        var ways = new List<(string, string)>
        {
            ("pull", string.Concat((await client.PullAll("todo")).Changes.Select(change => change.ToJsonString()))),
            ("snapshot", await client.GetStringAsync("/v1/sync/todo/snapshot")),
            ("mana push delta", (await client.Mana("todo", new { clientId = "reader" })).ToJsonString()),
            ("mana pull", (await client.ManaPull("todo", "items", Beginning)).ToJsonString()),
            ("export", await client.GetStringAsync("/v1/export")),
        };
        using var zip = new ZipArchive(await client.GetStreamAsync("/backup/export"));
        using var events = new StreamReader(await zip.GetEntry("events.jsonl")!.OpenAsync());
        var own = await events.ReadToEndAsync();
        own.Length.ShouldBeGreaterThanOrEqualTo(0);
        ways.AddRange(own.Length == 0 ? [] : [("backup", own)]);
        return ways;
    }
}
