using System.Net;
using System.Text.Json.Nodes;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;
using static Lockstep.Tests.ChangeSync.SyncCalls;

namespace Lockstep.Tests.ChangeSync;

/// <summary>Spaces whose values are sealed: what the server holds to without being able to open anything. The clients' side: TypeScriptClientTests.</summary>
public sealed class SealedSpaceTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    [Fact]
    public async Task Plaintext_is_refused_once_an_admin_has_switched_sealing_on_and_a_stale_key_once_there_is_another()
    {
        var (ann, bo, space) = await SpaceAsync("sa", "sb");
        var (laptop, phone) = (Device("a1", "sa"), Device("b1", "sb"));
        (await ann.Push("todo", "a", Mutation(1, "old", new { v = new { value = "plain" } }, space: space))).ShouldBe(["applied"]);
        await ann.Push("todo", "a", laptop.Published(2, space), laptop.KeyOf(3, 1, space));
        await bo.Push("todo", "b", phone.Published(1, space));
        var first = laptop.Sign(space, 1, 1, null, laptop, phone);
        (await Seal(ann, space, first).ShouldBeProblemAsync(409, "keys_missing"))["devices"]!.ToJsonString().ShouldBe("""["b1"]""");
        await ann.Push("todo", "a", phone.KeyOf(4, 1, space));
        await Seal(bo, space, first).ShouldBeProblemAsync(403, "role_required");
        (await Seal(ann, space, first).ShouldBeAsync(HttpStatusCode.OK)).ToJsonString().ShouldBe("""{"epoch":1,"number":1,"waiting":[]}""");

        (await bo.Push("todo", "b", Mutation(2, "r", new { v = new { value = "plain" } }, space: space), Mutation(3, "r", new { v = new { value = 5 } }, space: space),
            Mutation(4, "r", new { v = new { value = Sealed(1) } }, space: space), Mutation(5, "r", new { v = new { value = Sealed(2) } }, space: space)))
            .ShouldBe(["rejected: plaintext_refused", "rejected: plaintext_refused", "applied", "rejected: key_epoch_stale"]);
        var mana = await bo.Mana("todo", new { clientId = "m", changes = new[] { new { table = "items", id = "m", op = "insert", data = new { title = "plain" }, spaceId = space } } });
        mana["rejected"]!.AsArray().ShouldHaveSingleItem()!.Text("code").ShouldBe("plaintext_refused");
        (await bo.Mana("todo", new { clientId = "m", changes = new[] { new { table = "items", id = "m", op = "insert", data = new { title = Sealed(1), spaceId = space } } } }))["rejected"].ShouldBeNull();
        (await bo.Push("todo", "b", Mutation(6, "old", op: "delete", space: space), Mutation(7, "own", new { v = new { value = "plain" } }))).ShouldBe(["applied", "applied"]);

        // Who was removed has the old key alone: a new one is not for that device.
        await ann.DeleteAsync($"/v1/workspaces/{space}/members/{app.UserId("sb")}").ShouldBeAsync(HttpStatusCode.NoContent);
        await ann.Push("todo", "a", laptop.KeyOf(5, 2, space), phone.KeyOf(6, 2, space));
        (await Seal(ann, space, laptop.Sign(space, 2, 2, first.List, laptop, phone)).ShouldBeProblemAsync(409, "devices_changed"))["devices"]!.ToJsonString().ShouldBe("""["b1"]""");
        var second = laptop.Sign(space, 2, 2, first.List, laptop);
        (await Seal(ann, space, second).ShouldBeProblemAsync(409, "keys_of_strangers"))["devices"]!.ToJsonString().ShouldBe("""["b1"]""");
        await ann.Push("todo", "a", Mutation(7, "2.b1", op: "delete", space: space, table: "_space_keys"));
        await Seal(ann, space, second).ShouldBeAsync(HttpStatusCode.OK);
        (await ann.Push("todo", "a", Mutation(8, "r", new { v = new { value = Sealed(1) } }, space: space), Mutation(9, "r", new { v = new { value = Sealed(2) } }, space: space)))
            .ShouldBe(["rejected: key_epoch_stale", "applied"]);
        (await ann.GetAsync($"/v1/sync/todo/spaces/{space}/encryption").ShouldBeAsync(HttpStatusCode.OK))["epoch"]!.GetValue<int>().ShouldBe(2);
        // The lists are records like any other, as they were signed.
        (await ann.PullAll("todo")).Changes.Where(change => change.Text("table") == "_members").Select(change => (change.Text("recordId"), change.Value("list")!.GetValue<string>(), change.Value("signature")!.GetValue<string>()))
            .ShouldBe([("1", first.List, first.Signature), ("2", second.List, second.Signature)]);
    }

    [Fact]
    public async Task A_list_of_members_is_taken_from_a_device_that_the_list_before_names_and_as_it_was_signed()
    {
        var (ann, bo, space) = await SpaceAsync("si", "sj");
        await ann.PostAsync($"/v1/workspaces/{space}/members", new { userId = app.UserId("sj"), role = "admin" }).ShouldBeAsync(HttpStatusCode.OK);
        var (laptop, phone, forged) = (Device("i1", "si"), Device("j1", "sj"), Device("i1", "si"));
        await ann.Push("todo", "a", laptop.Published(1, space), laptop.KeyOf(2, 1, space), laptop.KeyOf(3, 2, space));
        await bo.Push("todo", "b", phone.Published(1, space), phone.KeyOf(2, 2, space));
        await Seal(ann, space, forged.Sign(space, 1, 1, null, laptop)).ShouldBeProblemAsync(422, "signature_invalid");
        await Seal(ann, space, laptop.Sign(space, 1, 1, null, forged)).ShouldBeProblemAsync(409, "devices_changed");
        await Seal(bo, space, laptop.Sign(space, 1, 1, null, laptop)).ShouldBeProblemAsync(409, "signer_unknown");
        await Seal(ann, space, laptop.Sign("another", 1, 1, null, laptop)).ShouldBeProblemAsync(422, "invalid_request");
        await Seal(ann, space, laptop.Sign(space, 2, 1, null, laptop)).ShouldBeProblemAsync(409, "members_list_conflict");
        foreach (var text in new[] { "", "{}", "null", """{"app":"todo","devices":[null]}""" })
            await Seal(ann, space, (text, "x")).ShouldBeProblemAsync(422, "invalid_request");
        var (first, signature) = laptop.Sign(space, 1, 1, null, laptop);
        await Seal(ann, space, (first + " ", signature)).ShouldBeProblemAsync(422, "signature_invalid");
        (await Seal(ann, space, (first, signature)).ShouldBeAsync(HttpStatusCode.OK))["waiting"]!.ToJsonString().ShouldBe("""["j1"]""");

        // Another admin goes on from it only when it names that admin's device, and does not begin anew beside it.
        await Seal(bo, space, phone.Sign(space, 2, 2, first, laptop, phone)).ShouldBeProblemAsync(409, "signer_not_listed");
        await Seal(bo, space, phone.Sign(space, 2, 2, null, laptop, phone)).ShouldBeProblemAsync(409, "members_list_conflict");
        await Seal(ann, space, laptop.Sign(space, 2, 3, first, laptop)).ShouldBeProblemAsync(409, "key_epoch_conflict");
        await Seal(ann, space, laptop.Sign(space, 2, 2, "another list", laptop)).ShouldBeProblemAsync(409, "members_list_conflict");
        await ann.Push("todo", "a", phone.KeyOf(4, 1, space));
        var second = laptop.Sign(space, 2, 1, first, laptop, phone);
        await Seal(ann, space, second).ShouldBeAsync(HttpStatusCode.OK);
        await Seal(bo, space, phone.Sign(space, 3, 2, second.List, laptop, phone)).ShouldBeAsync(HttpStatusCode.OK);

        // Neither a list nor somebody else's device is pushed.
        (await bo.Push("todo", "b", Mutation(3, "4", new { list = new { value = first }, signature = new { value = signature } }, "insert", space, table: "_members"),
            Mutation(4, "3", op: "delete", space: space, table: "_members"))).ShouldBe(["rejected: members_signed_only", "rejected: members_signed_only"]);
        await ann.PostAsync($"/v1/workspaces/{space}/members", new { userId = app.UserId("sj"), role = "member" }).ShouldBeAsync(HttpStatusCode.OK);
        (await bo.Push("todo", "b", Mutation(5, "i1", new { point = new { value = "mine" } }, space: space, table: "_devices"), Mutation(6, "1.i1", op: "delete", space: space, table: "_space_keys"),
            Mutation(7, "j1", new { name = new { value = "my phone" } }, space: space, table: "_devices"))).ShouldBe(["rejected: not_yours", "rejected: not_yours", "applied"]);
        (await ann.Push("todo", "a", Mutation(5, "j1", op: "delete", space: space, table: "_devices"))).ShouldBe(["applied"]);
    }

    [Fact]
    public async Task What_is_sealed_goes_through_as_it_came_and_an_export_comes_back_under_its_old_keys()
    {
        var (ann, _, space) = await SpaceAsync("sc", "sd");
        var laptop = Device("c1", "sc");
        await ann.Push("todo", "a", laptop.Published(1, space), laptop.KeyOf(2, 1, space), laptop.KeyOf(3, 2, space));
        var first = laptop.Sign(space, 1, 1, null, laptop);
        await Seal(ann, space, first).ShouldBeAsync(HttpStatusCode.OK);
        var value = Sealed(1);
        await ann.Push("todo", "a", Mutation(4, "r", new { v = new { value } }, space: space));
        (await ann.PullAll("todo", query: "&collections=items")).Changes.ShouldHaveSingleItem().Value("v")!.GetValue<string>().ShouldBe(value);
        var export = await ann.GetStringAsync("/v1/export");
        await Seal(ann, space, laptop.Sign(space, 2, 2, first.List, laptop)).ShouldBeAsync(HttpStatusCode.OK);
        var content = new StringContent(export);
        content.Headers.ContentType = new("application/x-ndjson");
        var answer = await ann.PostAsync("/v1/import", content).ShouldBeAsync(HttpStatusCode.OK);
        answer["rejected"]!.AsArray().ShouldBeEmpty();
    }

    [Fact]
    public async Task Records_move_neither_into_nor_out_of_a_sealed_space_and_no_edit_in_plain_follows_one_there()
    {
        var (ann, bo, space) = await SpaceAsync("sk", "sl");
        var laptop = Device("k1", "sk");
        await ann.Push("todo", "a", laptop.Published(1, space), laptop.KeyOf(2, 1, space));
        await Seal(ann, space, laptop.Sign(space, 1, 1, null, laptop)).ShouldBeAsync(HttpStatusCode.OK);
        var (leaves, enters, device) = (Mutation(6, "r"), Mutation(7, "p", space: space), Mutation(8, "k1", table: "_devices"));
        (leaves["fromSpaceId"], enters["fromSpaceId"], device["fromSpaceId"]) = (space, "", space);
        (await ann.Push("todo", "a", Mutation(3, "r", new { v = new { value = Sealed(1) } }, "insert", space), Mutation(4, "p", new { v = new { value = "plain" } }, "insert"),
            Mutation(5, "hidden", new { v = new { value = Sealed(1) }, visibility = new { value = "private" } }, "insert", space), leaves, enters, device))
            .ShouldBe(["applied", "applied", "applied", "rejected: sealed_move", "rejected: sealed_move", "rejected: move_forbidden"]);
        var mana = await ann.Mana("todo", new { clientId = "m", changes = new[] { new { table = "items", id = "r", op = "update", fields = new { v = new { value = "plain" } } } } });
        mana["rejected"]!.AsArray().ShouldHaveSingleItem()!.Text("code").ShouldBe("plaintext_refused");
        (await bo.GetStringAsync("/v1/export")).ShouldNotContain("hidden");
    }

    [Fact]
    public async Task A_private_record_takes_no_plaintext_once_its_space_is_sealed_and_is_shared_sealed_or_not_at_all()
    {
        var (ann, bo, space) = await SpaceAsync("sm", "sn");
        var laptop = Device("m1", "sm");
        object plain = new { value = "in plain" }, hidden = new { value = "private" }, shared = new { value = "space" };
        await ann.Push("todo", "a", laptop.Published(1, space), laptop.KeyOf(2, 1, space), Mutation(3, "before", new { v = plain, visibility = hidden }, "insert", space));
        await Seal(ann, space, laptop.Sign(space, 1, 1, null, laptop)).ShouldBeAsync(HttpStatusCode.OK);

        (await ann.Push("todo", "a", Mutation(4, "new", new { v = plain, visibility = hidden }, "insert", space), Mutation(5, "before", new { w = plain }, space: space), Mutation(6, "before", new { visibility = shared }, space: space)))
            .ShouldBe(["rejected: plaintext_refused", "rejected: plaintext_refused", "rejected: plaintext_refused"]);
        (await ByIdAsync(ann, "before", new { w = plain }, new { visibility = shared }, new { v = plain, visibility = shared })).ShouldBe(["plaintext_refused", "plaintext_refused", "plaintext_refused"]);
        (await bo.GetStringAsync("/v1/export")).ShouldNotContain("before");

        (await ann.Push("todo", "a", Mutation(7, "before", new { v = new { value = Sealed(1) }, visibility = shared }, space: space))).ShouldBe(["applied"]);
        var arrived = (await bo.PullAll("todo", query: "&collections=items")).Changes.ShouldHaveSingleItem();
        (arrived.Text("recordId"), arrived.Value("v")!.GetValue<string>()).ShouldBe(("before", Sealed(1)));
    }

    [Fact]
    public async Task A_private_record_of_a_sealed_space_goes_nowhere_else_by_its_id_alone_and_by_who_has_left_the_space_neither()
    {
        var (ann, bo, space) = await SpaceAsync("so", "sp");
        var (_, _, open) = await SpaceAsync("so", "sp");
        var laptop = Device("o1", "so");
        object mine = new { value = "_personal:guest" }, hidden = new { value = "private" };
        await ann.Push("todo", "a", laptop.Published(1, space), laptop.KeyOf(2, 1, space));
        await Seal(ann, space, laptop.Sign(space, 1, 1, null, laptop)).ShouldBeAsync(HttpStatusCode.OK);
        (await bo.Push("todo", "b", Mutation(1, "r", new { v = new { value = Sealed(1) }, visibility = hidden }, "insert", space), Mutation(2, "p", new { v = new { value = "in plain" }, visibility = hidden }, "insert", open)))
            .ShouldBe(["applied", "applied"]);
        object[] moves = [new { spaceId = mine }, new { spaceId = new { value = (string?)null } }, new { spaceId = new { value = open } }];
        (await ByIdAsync(bo, "r", moves)).ShouldBe(["sealed_move", "sealed_move", "sealed_move"]);
        (await ByIdAsync(bo, "r", new { v = new { value = Sealed(1) + "A" } })).ShouldBeEmpty();

        foreach (var left in new[] { space, open })
            await ann.DeleteAsync($"/v1/workspaces/{left}/members/{app.UserId("sp")}").ShouldBeAsync(HttpStatusCode.NoContent);
        (await ByIdAsync(bo, "r", moves[..2])).ShouldBe(["sealed_move", "sealed_move"]);
        (await ByIdAsync(bo, "p", new { spaceId = mine })).ShouldBeEmpty();
        (await app.ScalarAsync<string[]>($"SELECT ARRAY(SELECT r.record_id || ' ' || r.space_id FROM lockstep.sync_records r JOIN lockstep.sync_scopes s USING (scope_id) WHERE s.user_id = '{app.UserId("sp")}' AND NOT r.deleted ORDER BY 1)"))
            .ShouldBe(["p _personal:guest", $"r {space}"]);
    }

    [Fact]
    public async Task Nobody_but_its_author_or_an_admin_writes_a_device_or_a_key_before_the_first_list_of_members_either()
    {
        var (ann, bo, space) = await SpaceAsync("sq", "sr");
        var (laptop, phone) = (Device("q1", "sq"), Device("r1", "sr"));
        await ann.Push("todo", "a", laptop.Published(1, space), laptop.KeyOf(2, 1, space));
        object point = new { point = new { value = "a point of bo's" } };
        (await bo.Push("todo", "b", phone.Published(1, space), Mutation(2, "q1", point, space: space, table: "_devices"), Mutation(3, "q1", point, "insert", space, table: "_devices"), Mutation(4, "q1", op: "delete", space: space, table: "_devices"),
            Mutation(5, "1.q1", new { wrapped = new { value = "lsw1.y" } }, space: space, table: "_space_keys"), Mutation(6, "1.q1", op: "delete", space: space, table: "_space_keys"), Mutation(7, "r1", new { name = new { value = "my phone" } }, space: space, table: "_devices")))
            .ShouldBe(["applied", .. Enumerable.Repeat("rejected: not_yours", 5), "applied"]);
        (await ByIdAsync(bo, "q1", "_devices", point)).ShouldBe(["not_yours"]);

        (await ann.Push("todo", "a", Mutation(3, "r1", op: "delete", space: space, table: "_devices"))).ShouldBe(["applied"], "an admin");
        await Seal(ann, space, laptop.Sign(space, 1, 1, null, laptop)).ShouldBeAsync(HttpStatusCode.OK);
    }

    /// <summary>Updates by the mana protocol, which name no space beside the record.</summary>
    /// <returns>Why they were rejected; nothing of those that were not.</returns>
    private static Task<string[]> ByIdAsync(HttpClient client, string id, params object[] fields) => ByIdAsync(client, id, "items", fields);

    private static async Task<string[]> ByIdAsync(HttpClient client, string id, string table, params object[] fields) =>
        [.. ((await client.Mana("todo", new { clientId = "m", changes = fields.Select(each => new { table, id, op = "update", fields = each }).ToArray() }))["rejected"]?.AsArray() ?? []).Select(refusal => refusal!.Text("code"))];

    [Fact]
    public async Task Other_spaces_and_apps_stay_in_plain_and_strangers_learn_nothing()
    {
        var (ann, _, space) = await SpaceAsync("se", "sf");
        var laptop = Device("e1", "se");
        await ann.Push("todo", "a", laptop.Published(1, space), laptop.KeyOf(2, 1, space));
        var list = laptop.Sign(space, 1, 1, null, laptop);
        await Seal(app.As("sg"), space, list).ShouldBeProblemAsync(404, "not_found");
        await Seal(ann, space, list).ShouldBeAsync(HttpStatusCode.OK);
        (await ann.Push("notes", "a", Mutation(1, "r", new { v = new { value = "plain" } }, space: space))).ShouldBe(["applied"]);
        await app.As("sg").GetAsync($"/v1/sync/todo/spaces/{space}/encryption").ShouldBeProblemAsync(404, "not_found");
        await Seal(ann, "no-such-space", list).ShouldBeProblemAsync(404, "not_found");
        await ann.SendRawAsync(HttpMethod.Put, $"/v1/sync/calendar/spaces/{space}/encryption", """{"list":"","signature":""}""").ShouldBeProblemAsync(422, "invalid_request");
    }

    private async Task<(HttpClient Admin, HttpClient Member, string Space)> SpaceAsync(string admin, string member)
    {
        await app.As(member).GetAsync("/v1/sync/todo/pull").ShouldBeAsync(HttpStatusCode.OK);
        var space = (await app.As(admin).PostAsync("/v1/workspaces", new { name = admin }).ShouldBeAsync(HttpStatusCode.Created)).Text("id");
        await app.As(admin).PostAsync($"/v1/workspaces/{space}/members", new { userId = app.UserId(member), role = "member" }).ShouldBeAsync(HttpStatusCode.OK);
        return (app.As(admin), app.As(member), space);
    }

    private SealingDevice Device(string id, string user) => new(id, app.UserId(user));

    private static Task<HttpResponseMessage> Seal(HttpClient client, string space, (string List, string Signature) signed) =>
        client.SendRawAsync(HttpMethod.Put, $"/v1/sync/todo/spaces/{space}/encryption", new JsonObject { ["list"] = signed.List, ["signature"] = signed.Signature }.ToJsonString());

    private static string Sealed(int epoch) => $"lse1.{epoch}.{new string('A', 60)}";
}
