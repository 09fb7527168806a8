using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;
using static Lockstep.Tests.ChangeSync.SyncCalls;

namespace Lockstep.Tests.ChangeSync;

/// <summary>Data goes out whole, says so, and comes in again as often as one likes.</summary>
public sealed class ExportTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    private const string At = "2026-03-01T09:00:00.000Z";

    [Fact]
    public async Task An_export_has_every_record_with_its_times_and_ends_with_the_hash_of_its_lines()
    {
        await Fill("exp");
        var lines = (await Export("exp")).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var records = lines[..^1].Select(line => JsonNode.Parse(line)!).ToList();
        records.Select(record => $"{record.Text("app")}/{record.Text("recordId")}").ShouldBe(["notes/gone", "notes/n", "todo/back"], ignoreOrder: true);
        var note = records.Single(record => record.Text("recordId") == "n");
        var title = note["fields"]!["title"]!;
        (title.Text("value"), title.Text("at"), title.Text("clientId")).ShouldBe(("Hello 😀 9", At, "d"));
        records.Single(record => record.Text("recordId") == "gone").Text("deletedAt").ShouldBe("2026-03-01T09:00:02.000Z");
        var manifest = JsonNode.Parse(lines[^1])!;
        manifest.Text("sha256").ShouldBe(Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Concat(lines[..^1].Select(line => line + "\n"))))));
        manifest["recordCount"]!.GetValue<long>().ShouldBe(3);
        manifest["apps"]!.AsArray().Select(name => name!.GetValue<string>()).ShouldBe(["notes", "todo"]);
    }

    [Fact]
    public async Task An_export_is_merged_once_however_often_it_is_imported_and_comes_out_the_same()
    {
        await Fill("from");
        var text = await Export("from");
        var first = await Import("to", text);
        (first["records"]!.GetValue<long>(), first["complete"]!.GetValue<bool>()).ShouldBe((3, true));
        first["rejected"]!.AsArray().ShouldBeEmpty();
        var changes = (await app.As("to").PullAll("notes")).Changes.Count;
        (await Import("to", text))["applied"]!.GetValue<long>().ShouldBe(0);
        (await app.As("to").PullAll("notes")).Changes.Count.ShouldBe(changes);
        Records(await Export("to")).ShouldBe(Records(text));
        // What was written here since is newer and stays.
        await app.As("to").Push("notes", "e", Mutation(1, "n", new { title = Field("Newer", "2026-04-01T09:00:00.000Z") }));
        await Import("to", text);
        (await app.As("to").PullAll("notes")).Changes[^1].Value("title")!.GetValue<string>().ShouldBe("Newer");

        static IEnumerable<string> Records(string export) => export.Split('\n').Where(line => line.Contains("\"record\"", StringComparison.Ordinal)).Order(StringComparer.Ordinal);
    }

    [Fact]
    public async Task What_is_cut_off_or_changed_is_told_and_what_is_no_record_is_named_by_its_line()
    {
        await Fill("cut");
        var text = await Export("cut");
        (await Import("cut-to", text[..text.LastIndexOf("{\"type\":\"manifest\"", StringComparison.Ordinal)]))["complete"]!.GetValue<bool>().ShouldBeFalse();
        (await Import("cut-to", text.Replace("Hello", "Hullo", StringComparison.Ordinal)))["complete"]!.GetValue<bool>().ShouldBeFalse();
        var answer = await Import("cut-to", """
            {"type":"record","app":"notes","table":"items","recordId":"x","schemaVersion":1,"writtenAt":"soon","writtenBy":"d","fields":{}}
            {"type":"record","app":"notes","table":"items","recordId":"y","spaceId":"no-such-space","schemaVersion":1,"writtenAt":"2026-03-01T09:00:00.000Z","writtenBy":"d","fields":{}}
            {"type":"record","app":"calendar","table":"events","recordId":"z","schemaVersion":1,"writtenAt":"2026-03-01T09:00:00.000Z","writtenBy":"d","fields":{}}
            """);
        answer["rejected"]!.AsArray().Select(rejected => $"{rejected!["line"]} {rejected.Text("code")}").ShouldBe(["1 invalid_record", "2 space_forbidden", "3 bad_record_id"]);
        await Send("cut-to", "nonsense").ShouldBeProblemAsync(400, "invalid_json");
        await Send("cut-to", "").ShouldBeProblemAsync(400, "import_empty");
        await Send("cut-to", "\n\n").ShouldBeProblemAsync(400, "import_empty");
    }

    [Fact]
    public async Task Events_come_in_again_where_they_were_and_as_copies_where_their_ids_are_taken_once_however_often()
    {
        var (from, to) = (app.As("events-from"), app.As("events-to"));
        var kept = await Make(from, "Standup", ["RRULE:FREQ=WEEKLY;BYDAY=MO"]);
        var gone = await Make(from, "Cancelled");
        (await from.DeleteAsync($"/v1/events/{gone.Text("id")}")).StatusCode.ShouldBe(HttpStatusCode.NoContent);
        var text = await Export("events-from");

        // (1) Where it is already: nothing happens.
        var again = await Import("events-from", text);
        (again["records"]!.GetValue<long>(), again["applied"]!.GetValue<long>(), again["rejected"]!.AsArray().Count).ShouldBe((2, 0, 0));
        // (2) For somebody else of the same installation, whose ids they cannot be.
        var first = await Import("events-to", text);
        first["rejected"]!.AsArray().ShouldBeEmpty(first.ToJsonString());
        (await Import("events-to", text))["applied"]!.GetValue<long>().ShouldBe(0);
        var copy = (await Events(to)).ShouldHaveSingleItem();
        (copy.Text("summary"), copy.Text("uid"), copy.Text("id") == kept.Text("id")).ShouldBe(("Standup", kept.Text("uid"), false));
        (await to.GetStringAsync($"/v1/events/{copy.Text("id")}/ics")).ShouldBe(await from.GetStringAsync($"/v1/events/{kept.Text("id")}/ics"));
        (await Events(from)).ShouldHaveSingleItem().Text("etag").ShouldBe(kept.Text("etag"));
        // (3) What was written there since is later, and stays.
        await to.PatchAsJsonAsync($"/v1/events/{copy.Text("id")}", new { summary = "Moved on" }).ShouldBeAsync(HttpStatusCode.OK);
        await Import("events-to", text);
        (await Events(to)).ShouldHaveSingleItem().Text("summary").ShouldBe("Moved on");

        async Task<JsonNode> Make(HttpClient client, string summary, string[]? recurrence = null) => await client.PostAsync("/v1/events", new
        {
            summary,
            start = new { dateTime = "2026-03-02T09:00:00Z" },
            end = new { dateTime = "2026-03-02T10:00:00Z" },
            recurrence = recurrence ?? [],
        }).ShouldBeAsync(HttpStatusCode.Created);

        async Task<List<JsonNode>> Events(HttpClient client) => [.. (await client.GetAsync("/v1/events?from=2026-03-01T00:00:00Z&to=2026-03-04T00:00:00Z")
            .ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray().Select(item => item!)];
    }

    [Fact]
    public async Task Nobody_exports_what_is_anothers()
    {
        await Fill("mine");
        (await Export("other")).Split('\n', StringSplitOptions.RemoveEmptyEntries).ShouldHaveSingleItem();
        (await app.Anonymous().GetAsync("/v1/export")).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        (await app.Anonymous().GetAsync("/backup/export")).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task A_backup_is_a_zip_of_ones_own_changes_in_order_and_last_of_a_manifest()
    {
        await Fill("zip");
        var response = await app.As("zip").GetAsync("/backup/export");
        response.Content.Headers.ContentType!.MediaType.ShouldBe("application/zip");
        using var zip = new ZipArchive(await response.Content.ReadAsStreamAsync());
        zip.Entries.Select(entry => entry.Name).ShouldBe(["events.jsonl", "manifest.json"]);
        var events = await Text(zip.Entries[0]);
        var lines = events.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!).ToList();
        lines.Select(line => line.Text("createdAt")).ShouldBeInOrder();
        lines[0].AsObject().Select(member => member.Key)
            .ShouldBe(["eventId", "schemaVersion", "appId", "table", "id", "op", "data", "fieldTimestamps", "clientId", "createdAt"]);
        var manifest = JsonNode.Parse(await Text(zip.Entries[1]))!;
        (manifest["eventCount"]!.GetValue<int>(), manifest.Text("eventsSha256")).ShouldBe((lines.Count, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(events)))));
        manifest.Text("userId").ShouldBe(app.UserId("zip").ToString());

        static async Task<string> Text(ZipArchiveEntry entry)
        {
            using var reader = new StreamReader(await entry.OpenAsync());
            return await reader.ReadToEndAsync();
        }
    }

    private async Task Fill(string user)
    {
        await app.As(user).Push("notes", "d",
            Mutation(1, "n", new { title = Field("Hello 😀 9", At) }, "insert"),
            Mutation(2, "gone", new { title = Field("x", At) }, "insert"),
            Mutation(3, "gone", op: "delete", at: "2026-03-01T09:00:02.000Z"));
        await app.As(user).Push("todo", "d",
            Mutation(1, "back", new { a = Field(1, At) }, "insert"),
            Mutation(2, "back", op: "delete", at: "2026-03-01T09:00:01.000Z"),
            Mutation(3, "back", new { b = Field(2, "2026-03-01T09:00:02.000Z") }));
    }

    private Task<string> Export(string user) => app.As(user).GetStringAsync("/v1/export");

    private Task<JsonNode> Import(string user, string text) => Send(user, text).ShouldBeAsync(HttpStatusCode.OK);

    private Task<HttpResponseMessage> Send(string user, string text)
    {
        var content = new StringContent(text);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/x-ndjson");
        return app.As(user).PostAsync("/v1/import", content);
    }
}
