using System.Text.Json.Nodes;
using Lockstep.Server.Hosting.Adoption;
using Lockstep.Tests.ChangeSync;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Hosting.Adoption;

/// <summary>A log of changes that another server has kept: taken over row by row, and its clients go on where they were.</summary>
public sealed class ChangeAdoptionTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    [Fact]
    public async Task A_log_is_taken_over_under_its_ids_in_its_order_at_its_times_and_once()
    {
        var log = await NewAsync("once");
        var ids = new List<Guid>
        {
            await log.AddAsync(0, "ada@example.com", "insert", "n1", """{"title": "Eins 🗝", "size": 9007199254740993, "updatedAt": "2026-01-01T00:00:00Z"}"""),
            await log.AddAsync(1, "ada@example.com", "update", "n1", new { title = "Zwei" }, new { title = log.Time(1) }),
            await log.AddAsync(2, "bob@example.com", "insert", "n1", new { title = "of Bob" }),
            await log.AddAsync(3, "ada@example.com", "insert", "n2", new { a = 1 }),
            await log.AddAsync(4, "ada@example.com", "delete", "n2", new { deletedAt = log.Time(4) }),
        };
        var late = await log.AddAsync(5, "ada@example.com", "update", "n1", new { title = "too late" }, new { title = log.Time(0.5) });
        var retry = await log.AddAsync(6, "ada@example.com", "update", "n1", new { title = "Zwei" }, new { title = log.Time(1) });

        var dry = await log.AdoptAsync(store: false, verify: false);
        (dry.Found, dry.Stored, dry.BadRows).ShouldBe((7, 0, 0), Words(dry));
        (await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.sync_changes WHERE app = 'notes' AND event_id = ANY ($1)", ids.ToArray())).ShouldBe(0);

        var done = await log.AdoptAsync();
        (done.Stored, done.WithoutEffect, done.AlreadyThere, done.Verified, done.SourceMayGo).ShouldBe((7, 2, 0, 7, true), Words(done));
        done.ChangesSha256.ShouldBe(dry.ChangesSha256);
        (await app.ScalarAsync<string>(
            "SELECT string_agg(event_id::text, ' ' ORDER BY created_at) FROM lockstep.sync_changes WHERE event_id = ANY ($1)", ids.ToArray())).ShouldBe(string.Join(' ', ids));
        (await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.sync_changes WHERE event_id = ANY ($1)", (object)new[] { late, retry })).ShouldBe(0);
        (await app.ScalarAsync<DateTime>("SELECT created_at FROM lockstep.sync_changes WHERE event_id = $1", ids[1])).ShouldBe(log.At(1).ToDateTimeUtc());
        var (changes, _) = await app.As("ada").PullAll("notes");
        changes.Select(change => $"{change.Text("op")} {change.Text("recordId")}").ShouldBe(["insert n1", "update n1", "insert n2", "delete n2"]);
        changes[0].Value("size")!.ToJsonString().ShouldBe("9007199254740993");
        changes[1]["fields"]!["title"]!.ToJsonString().ShouldBe($$"""{"value":"Zwei","at":"{{log.Time(1)}}","clientId":"phone"}""");
        changes[1]["actor"]!.ToJsonString().ShouldBe("""{"kind":"person"}""");
        (await app.As("bob").PullAll("notes")).Changes.ShouldHaveSingleItem().Value("title")!.GetValue<string>().ShouldBe("of Bob");

        var again = await log.AdoptAsync();
        (again.Stored, again.AlreadyThere, again.Verified, again.SourceMayGo).ShouldBe((0, 7, 7, true), Words(again));
        (await app.As("ada").PullAll("notes")).Changes.Count.ShouldBe(4);

        // What the old server got meanwhile comes by running it again; what it changed is said.
        var more = await log.AddAsync(7, "ada@example.com", "update", "n1", new { title = "Drei" }, new { title = log.Time(7) });
        (await log.AdoptAsync(store: false)).Bad.ShouldHaveSingleItem().Why.ShouldBe("it is not here");
        (await log.AdoptAsync()).Stored.ShouldBe(1);
        await log.ExecuteAsync("UPDATE once.sync_changes SET data = '{\"title\": \"forged\"}' WHERE id = $1", more);
        var changed = await log.AdoptAsync(store: false);
        (changed.Verified, changed.SourceMayGo).ShouldBe((7, false));
        changed.Bad.ShouldHaveSingleItem().ShouldBe(new BadRow($"once.sync_changes {more}", "it has changed at the source since it was taken over"));

        // So is what has been lost here.
        await app.ScalarAsync<string>("UPDATE lockstep.sync_records SET data = data - 'size', field_times = field_times - 'size' WHERE record_id = 'n1' AND data ? 'size' RETURNING record_id");
        (await log.AdoptAsync(store: false)).Bad.ShouldContain(bad => bad.Row.EndsWith(ids[0].ToString()) && bad.Why == "its record does not have what it wrote");
    }

    [Fact]
    public async Task A_client_of_the_old_server_goes_on_with_its_cursor_and_misses_nothing()
    {
        var log = await NewAsync("cursors");
        await log.SpaceAsync("team-7");
        await log.JoinAsync("team-7", "cleo@example.com", "owner");
        await log.JoinAsync("team-7", "dora@example.com");
        for (var i = 0; i < 8; i++)
        {
            await log.AddAsync(i * 10, "cleo@example.com", "insert", $"own{i}", new { i });
            await log.AddAsync(i * 10 + 1, "dora@example.com", "insert", $"ours{i}", new { i }, space: "team-7", client: "dora's");
        }
        (await log.AdoptAsync()).SourceMayGo.ShouldBeTrue();
        var cleo = app.As("cleo");

        // Pulled at minute 41.5 at the old server, so it has own4 and ours4. A row that was committed late there may be up to five minutes older: those come once more.
        var cursor = log.Cursor(46.5);
        var page = await cleo.Mana("notes", new { clientId = "phone", since = cursor });
        Records(page["serverChanges"]!).ShouldBe(["ours5", "ours6", "ours7"], "its own changes are not told to it");
        page = await cleo.Mana("notes", new { clientId = "tablet", since = cursor });
        Records(page["serverChanges"]!).ShouldBe(["ours5", "ours6", "ours7", "own5", "own6", "own7"]);
        Records((await cleo.Mana("notes", new { clientId = "tablet", since = log.Cursor(41.5) }))["serverChanges"]!).ShouldBe(
            ["ours4", "ours5", "ours6", "ours7", "own4", "own5", "own6", "own7"], "five minutes before its cursor, and nothing older");
        string.CompareOrdinal(page.Text("syncedUntil"), cursor).ShouldBeGreaterThan(0);
        Records((await cleo.Mana("notes", new { clientId = "tablet", since = page.Text("syncedUntil") }))["serverChanges"]!).ShouldBeEmpty();
        Records((await cleo.ManaPull("notes", "items", cursor))["changes"]!).Count.ShouldBe(6);

        // One that has all of it, and a cursor that is later than the last change: what it gets next is later as a string too, and new changes come once.
        var upToDate = log.Cursor(1000);
        var nothing = await cleo.Mana("notes", new { clientId = "tablet", since = upToDate });
        nothing["serverChanges"]!.AsArray().ShouldBeEmpty();
        string.CompareOrdinal(nothing.Text("syncedUntil"), upToDate).ShouldBeGreaterThan(0);
        await app.As("dora").Mana("notes", new { clientId = "dora's", changes = new object[] { new { table = "items", id = "ours5", op = "update", spaceId = "team-7", fields = new { i = new { value = 99 } } } } });
        var next = await cleo.Mana("notes", new { clientId = "tablet", since = nothing.Text("syncedUntil") });
        Records(next["serverChanges"]!).ShouldBe(["ours5"]);
        Records((await cleo.Mana("notes", new { clientId = "tablet", since = next.Text("syncedUntil") }))["serverChanges"]!).ShouldBeEmpty();

        // A wiped device gets everything, each record once.
        var (all, _) = await cleo.PullAll("notes");
        all.Select(change => change.Text("recordId")).Distinct().Count().ShouldBe(16);
    }

    [Fact]
    public async Task Records_are_where_their_spaces_say_and_what_was_private_stays_its_authors()
    {
        var log = await NewAsync("places");
        var team = Guid.CreateVersion7().ToString();
        await log.SpaceAsync(team);
        await log.JoinAsync(team, "emil@example.com", "owner");
        await log.JoinAsync(team, "fay@example.com");
        // Gus has left the space; what he wrote there stays.
        await log.AddAsync(0, "gus@example.com", "insert", "of-gus", new { a = 1 }, space: team);
        await log.AddAsync(1, "emil@example.com", "update", "of-gus", new { b = 2 }, new { b = log.Time(1) }, team);
        // Written for himself and then shared: the members get all of it, and nothing that was written over before.
        await log.AddAsync(2, "emil@example.com", "insert", "shared", new { title = "draft", text = "all" });
        await log.AddAsync(3, "emil@example.com", "update", "shared", new { title = "final" }, new { title = log.Time(3) });
        await log.AddAsync(4, "emil@example.com", "update", "shared", new { done = true }, new { done = log.Time(4) }, team);
        // A client that does not repeat the space means the record where it is.
        await log.AddAsync(5, "emil@example.com", "update", "shared", new { stars = 5 }, new { stars = log.Time(5) });
        await log.AddAsync(6, "emil@example.com", "insert", "diary", new { visibility = "private", text = "mine" }, space: team);
        await log.AddAsync(7, "emil@example.com", "insert", "personal", new { a = 1 }, space: "_personal:emil@example.com");
        var done = await log.AdoptAsync();
        (done.Stored, done.Verified, done.SourceMayGo).ShouldBe((8, 8, true), Words(done));

        var seen = await Pulled(app.As("fay"));
        seen.Keys.Order(StringComparer.Ordinal).ShouldBe(["of-gus", "shared"]);
        seen["shared"].ShouldBe("""done=true stars=5 text="all" title="final" """.Trim());
        seen["of-gus"].ShouldBe("a=1 b=2");
        (await app.As("fay").ManaPull("notes", "items", "1970-01-01T00:00:00Z"))["changes"]!.ToJsonString().ShouldNotContain("draft");
        (await Pulled(app.As("emil"))).Keys.Order(StringComparer.Ordinal).ShouldBe(["diary", "of-gus", "personal", "shared"]);
        (await Pulled(app.As("gus"))).ShouldBeEmpty();
        (await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.workspace_members WHERE workspace_id = $1::text::uuid", team)).ShouldBe(2);
        (await app.ScalarAsync<bool>("SELECT bool_and(x.n = s.head) FROM lockstep.sync_scopes s JOIN LATERAL (SELECT count(*) AS n FROM lockstep.sync_changes c WHERE c.scope_id = s.scope_id) x ON true"))
            .ShouldBeTrue("numbers are dense");
        var again = await log.AdoptAsync();
        (again.Stored, again.AlreadyThere, again.SourceMayGo).ShouldBe((0, 8, true), Words(again));
    }

    [Fact]
    public async Task Broken_off_anywhere_it_goes_on_and_ends_as_if_it_had_not_been()
    {
        var log = await NewAsync("broken");
        await log.ExecuteAsync("""
            INSERT INTO broken.sync_changes (app_id, table_name, record_id, user_id, op, data, field_timestamps, client_id, created_at)
            SELECT 'bulk', 'items', 'r' || n % 200, 'user' || n % 20 || '@example.com', CASE WHEN n < 200 THEN 'insert' ELSE 'update' END, jsonb_build_object('v', n),
                   jsonb_build_object('v', to_char($1 + n * interval '1 second', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')), 'c', $1 + n * interval '1 second'
            FROM   generate_series(0, 2999) n
            """, log.Beginning.ToDateTimeUtc());
        var map = log.Map with { Spaces = null, Members = null };
        for (var stop = 700; stop < 3000; stop += 1100)
        {
            using var source = new CancellationTokenSource();
            await Should.ThrowAsync<OperationCanceledException>(log.AdoptAsync(map, progress: (seen, _) =>
            {
                if (seen == stop)
                    source.Cancel();
            }, ct: source.Token));
        }
        var done = await log.AdoptAsync(map);
        (done.Stored + done.AlreadyThere, done.Verified, done.SourceMayGo).ShouldBe((3000, 3000, true), Words(done));
        done.AlreadyThere.ShouldBeGreaterThan(1500);
        (await app.ScalarAsync<bool>("SELECT count(*) = 3000 AND count(DISTINCT event_id) = 3000 FROM lockstep.sync_changes WHERE app = 'bulk'")).ShouldBeTrue();
        (await app.ScalarAsync<long>("""
            SELECT count(*) FROM (
                SELECT c.created_at, lag(c.created_at) OVER (PARTITION BY c.scope_id ORDER BY c.seq) AS before, c.created_at = o.created_at AS kept
                FROM   lockstep.sync_changes c JOIN broken.sync_changes o ON o.id = c.event_id) x
            WHERE  x.before >= x.created_at OR NOT x.kept
            """)).ShouldBe(0, "in order, at their times");
        (await app.ScalarAsync<string>("SELECT data ->> 'v' FROM lockstep.sync_records WHERE app = 'bulk' AND record_id = 'r199'")).ShouldBe("2999");
    }

    [Fact]
    public async Task What_does_not_fit_is_named_and_nothing_is_stored()
    {
        var log = await NewAsync("wrong");
        var good = await log.AddAsync(0, "kim@example.com", "insert", "w", new { a = 1 }, appId: "wrong");
        (Guid Id, string Why)[] bad =
        [
            (await log.AddAsync(1, "kim@example.com", "upsert", "w", new { a = 1 }, appId: "wrong"), "invalid op \"upsert\""),
            (await log.AddAsync(2, "kim@example.com", "update", "w", new { a = 1 }, new { a = "yesterday" }, appId: "wrong"), "fields.a.at is not RFC 3339."),
            (await log.AddAsync(3, "kim@example.com", "update", "w", new { a = 2 }, new { a = "2099-01-01T00:00:00Z" }, appId: "wrong"), "one of its times is in the future; \"lateTimesCountAsArrival\": true in the mapping takes the time of its arrival instead"),
            (await log.AddAsync(4, "kim@example.com", "insert", "w", new { a = 1 }, space: "nowhere", appId: "wrong"), "there is no such space: name the table of spaces in the mapping, or make the workspace first with this external id"),
            (await log.AddAsync(5, "kim@example.com", "insert", "w", "[1]", appId: "wrong"), "data is no JSON object"),
            (await log.AddAsync(6, "kim@example.com", "insert", "w", new { a = 1 }, appId: "calendar"), "the records of app 'calendar' are the calendar's own here; take its integrations over instead"),
        ];
        var refused = await log.AdoptAsync();
        refused.Bad.OrderBy(row => row.Row, StringComparer.Ordinal).ShouldBe(bad.Select(row => new BadRow($"wrong.sync_changes {row.Id}", row.Why)).OrderBy(row => row.Row, StringComparer.Ordinal));
        (refused.Stored, refused.SourceMayGo).ShouldBe((0, false));
        (await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.adopted_changes WHERE event_id = $1", good)).ShouldBe(0);

        await log.ExecuteAsync("DELETE FROM wrong.sync_changes WHERE id = ANY ($1)", (object)bad.Where((_, i) => i != 2).Select(row => row.Id).ToArray());
        var taken = await log.AdoptAsync(log.Map with { Changes = [new ChangeSource("wrong.sync_changes", LateTimesCountAsArrival: true)] });
        (taken.Stored, taken.SourceMayGo).ShouldBe((2, true), Words(taken));
        (await app.ScalarAsync<decimal>("SELECT (field_times -> 'a' ->> 0)::numeric FROM lockstep.sync_records WHERE app = 'wrong'")).ShouldBe(log.At(3).ToUnixTimeMilliseconds());

        (await Refusal(log.Map with { Changes = [new ChangeSource("wrong.changes")] })).ShouldBe(
            "The table wrong.changes of the mapping cannot be read: relation \"wrong.changes\" does not exist. Nothing was stored. Write it with its schema, as in public.sync_changes.");
        (await Refusal(log.Map with { Changes = [new ChangeSource("wrong.sync_changes", new ChangeColumns(ClientId: "device"))] })).ShouldStartWith("The table wrong.sync_changes has no column 'device'; it has id, app_id,");
        (await Refusal(log.Map with { Changes = [new ChangeSource("wrong.spaces")] })).ShouldStartWith("The table wrong.spaces has no column 'app_id'; it has id, name. Nothing was stored. Name the one that is meant as \"app\"");

        async Task<string> Refusal(AdoptionMap map)
        {
            var refusal = await Should.ThrowAsync<AdoptionRefusedException>(log.AdoptAsync(map));
            refusal.Refusal.ShouldBe(AdoptionRefusal.Mapping);
            return refusal.Message;
        }
    }

    private async Task<OldLog> NewAsync(string schema)
    {
        var log = new OldLog(app, schema);
        await log.MakeAsync();
        return log;
    }

    private static List<string> Records(JsonNode changes) => [.. changes.AsArray().Select(change => change!.Text("id")).Order(StringComparer.Ordinal)];

    /// <summary>What a device that begins anew has of each live record.</summary>
    private static async Task<SortedDictionary<string, string>> Pulled(HttpClient client)
    {
        var lines = (await client.GetStringAsync("/v1/sync/notes/snapshot")).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!);
        return new(lines.Where(line => line["changes"] is not null).SelectMany(line => line["changes"]!.AsArray()).ToDictionary(
            record => record!.Text("recordId"),
            record => string.Join(' ', record!["fields"]!.AsObject().Where(field => field.Key.Length > 0).OrderBy(field => field.Key, StringComparer.Ordinal)
                .Select(field => $"{field.Key}={field.Value!["value"]!.ToJsonString()}"))), StringComparer.Ordinal);
    }

    private static string Words(AdoptionReport report) => string.Join('\n', report.Bad);
}
