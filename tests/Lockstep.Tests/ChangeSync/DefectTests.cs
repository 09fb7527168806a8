using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Lockstep.Tests.Support;
using Npgsql;
using Shouldly;
using Xunit;
using static Lockstep.Tests.ChangeSync.SyncCalls;

namespace Lockstep.Tests.ChangeSync;

/// <summary>What sync servers get wrong, each as a test of ours that says it does not happen here. Others have theirs: 1 TailingReaderTests; 6, 7, 9, 12, 14, 15, 19
/// ManaSyncTests; 10, 16, 17 NativeSyncTests; 22 and 24 ManaSocketTests; 27 PushBoundsTests.</summary>
public sealed class DefectTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    [Fact]
    public async Task Defects_3_and_4_twelve_thousand_changes_of_few_moments_come_whole_through_push_deltas()
    {
        var client = app.As("d3");
        for (var i = 0; i < 2; i++)
            await client.Mana("notes", new { clientId = "w", changes = Enumerable.Range(0, 6000).Select(n => new { table = "items", id = $"{i}-{n}", op = "insert", data = new { n } }) });
        var (ids, cursor, more) = (new List<string>(), "", true);
        while (more)
        {
            var page = await client.Mana("notes", new { clientId = "r", since = cursor });
            ids.AddRange(page["serverChanges"]!.AsArray().Select(change => change!.Text("id")));
            string.CompareOrdinal(page.Text("syncedUntil"), cursor).ShouldBeGreaterThan(0);
            cursor = page.Text("syncedUntil");
            more = page["hasMore"]?.GetValue<bool>() == true;
        }
        (ids.Count, ids.Distinct().Count()).ShouldBe((12_000, 12_000));
    }

    [Fact]
    public async Task Defect_5_a_cursor_does_not_pass_what_its_reader_could_not_see()
    {
        var (ann, bo) = (app.As("d5a"), app.As("d5b"));
        var space = (await ann.PostAsync("/v1/workspaces", new { name = "Five" }).ShouldBeAsync(HttpStatusCode.Created)).Text("id");
        await ann.Push("todo", "c", Mutation(1, "before", new { a = new { value = 1 } }, space: space));
        await bo.Push("todo", "c", Mutation(1, "own", new { a = new { value = 1 } }));
        var (_, cursor) = await bo.PullAll("todo");
        await Member(ann, space, "d5b");
        // Away and back: everything of the space comes again, since who has left forgets it.
        (await bo.PullAll("todo", cursor)).Changes.ShouldHaveSingleItem().Text("recordId").ShouldBe("before");
        await ann.DeleteAsync($"/v1/workspaces/{space}/members/{app.UserId("d5b")}").ShouldBeAsync(HttpStatusCode.NoContent);
        (_, cursor) = await bo.PullAll("todo", cursor);
        await Member(ann, space, "d5b");
        (await bo.PullAll("todo", cursor)).Changes.ShouldHaveSingleItem().Text("recordId").ShouldBe("before");
    }

    [Fact]
    public async Task Defect_11_a_push_is_stored_whole_or_not_at_all()
    {
        var client = app.As("d11");
        await client.TryMana("notes", new
        {
            clientId = "c",
            changes = new object[]
            {
                new { table = "items", id = "a", op = "insert", data = new { v = 1 } },
                new { table = "items", id = "b", op = "insert", data = new { v = 1 }, spaceId = "not-mine" },
            },
        }).ShouldBeProblemAsync(403, "space_forbidden");
        (await client.PullAll("notes")).Changes.ShouldBeEmpty();
        await client.TryPush("notes", "c", Mutation(1, "a", new { v = new { value = 1 } }), Mutation(3, "b", new { v = new { value = 1 } })).ShouldBeProblemAsync(422, "invalid_request");
        (await client.PullAll("notes")).Changes.ShouldBeEmpty();
    }

    [Fact]
    public async Task Defect_13_whatever_could_be_stored_can_be_read()
    {
        var client = app.As("d13");
        string[] values = ["1e400", "-0.0", "123456789012345678901234567890.123456789", "\"\\u0001\\u001f\\u2028\"", "[[[[[[[[1]]]]]]]]", "{\"\":{\"\":null}}", "\"\\ud83d\\ude00\"", "1E-300"];
        var mutations = string.Join(',', values.Select((value, i) => $$$"""{"id":{{{i + 1}}},"table":"items","recordId":"r{{{i}}}","op":"insert","fields":{"v":{"value":{{{value}}} } } }"""));
        var results = (await client.SendRawAsync(HttpMethod.Post, "/v1/sync/odd/push", $$"""{"clientId":"c","mutations":[{{mutations}}]}""").ShouldBeAsync(HttpStatusCode.OK))["results"]!.AsArray();
        var stored = results.Count(result => result!.Text("status") == "applied");
        stored.ShouldBeGreaterThan(6);
        (await client.PullAll("odd")).Changes.Count.ShouldBe(stored);
        var mana = await client.Mana("odd", new { clientId = "x" });
        mana["serverChanges"]!.AsArray().Count.ShouldBe(stored);
        (await client.GetStringAsync("/v1/export")).Split('\n', StringSplitOptions.RemoveEmptyEntries).Length.ShouldBe(stored + 1);
    }

    [Fact]
    public async Task Defect_20_who_is_removed_gets_nothing_more_by_any_way()
    {
        var (ann, bo) = (app.As("d20a"), app.As("d20b"));
        await bo.GetAsync("/v1/sync/todo/pull").ShouldBeAsync(HttpStatusCode.OK);
        var space = (await ann.PostAsync("/v1/workspaces", new { name = "Twenty" }).ShouldBeAsync(HttpStatusCode.Created)).Text("id");
        await Member(ann, space, "d20b");
        await ann.Push("todo", "c", Mutation(1, "r", new { a = new { value = 1 } }, space: space));
        var cursor = (await bo.Mana("todo", new { clientId = "b" })).Text("syncedUntil");
        await ann.DeleteAsync($"/v1/workspaces/{space}/members/{app.UserId("d20b")}").ShouldBeAsync(HttpStatusCode.NoContent);
        await ann.Push("todo", "c", Mutation(2, "secret", new { a = new { value = 1 } }, space: space));
        (await bo.Mana("todo", new { clientId = "b", since = cursor }))["serverChanges"]!.AsArray().ShouldBeEmpty();
        (await bo.Mana("todo", new { clientId = "b" }))["serverChanges"]!.AsArray().ShouldBeEmpty();
        (await bo.GetStringAsync("/v1/export")).ShouldNotContain("secret");
        (await bo.Push("todo", "b", Mutation(1, "mine", new { a = new { value = 1 } }, space: space))).ShouldBe(["rejected: space_forbidden"]);
    }

    [Fact]
    public async Task Defect_23_a_database_that_refuses_is_not_quoted()
    {
        await using var connection = await app.ConnectAsync();
        await using (var sabotage = new NpgsqlCommand("ALTER TABLE lockstep.sync_records ADD CONSTRAINT a_very_private_name CHECK (record_id <> 'forbidden by the test')", connection))
            await sabotage.ExecuteNonQueryAsync();
        var response = await app.As("d23").TryPush("todo", "c", Mutation(1, "forbidden by the test", new { a = new { value = "a very private value" } }));
        var text = await response.Content.ReadAsStringAsync();
        ((int)response.StatusCode).ShouldBeGreaterThanOrEqualTo(500);
        text.ShouldNotContain("private");
        JsonNode.Parse(text)!.Text("code").ShouldNotBeEmpty();
        (await app.As("d23").PullAll("todo")).Changes.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("push")]
    [InlineData("pull")]
    [InlineData("pull by app")]
    public async Task Defect_25_reads_of_the_shape_of_push_and_pull_go_by_index(string which)
    {
        await using var connection = await app.ConnectAsync();
        await Execute(connection,
            """
            INSERT INTO lockstep.sync_scopes (scope_id, user_id) SELECT u.id, u.id FROM auth.users u ON CONFLICT DO NOTHING;
            INSERT INTO auth.users (id) SELECT gen_random_uuid() FROM generate_series(1, 500);
            INSERT INTO lockstep.sync_scopes (scope_id, user_id, head) SELECT u.id, u.id, 40 FROM auth.users u WHERE NOT EXISTS (SELECT 1 FROM lockstep.sync_scopes s WHERE s.user_id = u.id);
            INSERT INTO lockstep.sync_changes (scope_id, seq, event_id, app, table_name, record_id, op, data, field_times, user_id, client_id, schema_version, bytes, created_at)
            SELECT s.scope_id, n, gen_random_uuid(), 'big', 'items', 'r' || n, 'insert', '{"a":1}', '{"a":[1,0,"x"]}', s.user_id, 'x', 1, 20, now()
            FROM   lockstep.sync_scopes s, generate_series(1, 40) n WHERE s.head = 40 ON CONFLICT DO NOTHING;
            INSERT INTO lockstep.sync_records (scope_id, app, table_name, record_id, data, field_times, field_seq, deleted, last_seq, user_id, schema_version)
            SELECT c.scope_id, c.app, c.table_name, c.record_id, c.data, c.field_times, '{"a":1}', false, c.seq, c.user_id, 1 FROM lockstep.sync_changes c WHERE c.app = 'big' ON CONFLICT DO NOTHING;
            ANALYZE lockstep.sync_scopes, lockstep.sync_changes, lockstep.sync_records;
            """);
        var plan = new StringBuilder();
        await using var command = new NpgsqlCommand(
            $"EXPLAIN (COSTS OFF) {which switch
            {
                "push" => "SELECT x.* FROM unnest(ARRAY['big'], ARRAY['items'], ARRAY['r1']) k(app, t, r), LATERAL (SELECT y.* FROM lockstep.sync_records y WHERE y.scope_id = (SELECT s.scope_id FROM lockstep.sync_scopes s WHERE s.user_id = gen_random_uuid()) AND y.app = k.app AND y.table_name = k.t AND y.record_id = k.r LIMIT 1) x",
                "pull" => "SELECT ch.* FROM lockstep.sync_changes ch WHERE ch.scope_id = ANY ((SELECT lockstep.visible_scopes())::uuid[]) AND ch.app = 'big' AND ch.seq > 10 ORDER BY ch.seq LIMIT 501",
                _ => "SELECT ch.seq FROM lockstep.sync_scopes s, LATERAL (SELECT c.seq FROM lockstep.sync_changes c WHERE c.scope_id = s.scope_id AND c.app = 'big' AND c.seq > 10 ORDER BY c.seq LIMIT 501) ch WHERE s.scope_id = ANY ((SELECT lockstep.visible_scopes())::uuid[])",
            }}", connection);
        await using var reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync())
            plan.AppendLine(reader.GetString(0));
        plan.ToString().ShouldContain("Index");
        plan.ToString().ShouldNotContain("Seq Scan on sync_changes");
        plan.ToString().ShouldNotContain("Seq Scan on sync_records");
    }

    private async Task Member(HttpClient admin, string space, string user) =>
        await admin.PostAsync($"/v1/workspaces/{space}/members", new { userId = app.UserId(user), role = "member" }).ShouldBeAsync(HttpStatusCode.OK);

    private static async Task Execute(NpgsqlConnection connection, string sql)
    {
#pragma warning disable CA2100 // Written in this file.
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        await command.ExecuteNonQueryAsync();
    }
}
