using System.Net;
using Lockstep.Tests.Support;
using Npgsql;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Vault;

public sealed class CredentialTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    private const string Key = "sk_live_51HxPlaintextMarker9wQ";

    [Fact]
    public async Task A_stored_credential_is_ciphertext_in_the_table_comes_back_by_reveal_alone_and_both_are_in_the_activity_log()
    {
        var client = app.As("main");
        var stored = await client.StoreAsync("payments", Key);
        stored.ToJsonString().ShouldNotContain("PlaintextMarker");
        stored.Text("maskedValue").ShouldBe("sk_live_********r9wQ");
        stored.Text("scope").ShouldBe("USER");
        stored["version"]!.GetValue<int>().ShouldBe(1);
        stored["isActive"]!.GetValue<bool>().ShouldBeTrue();
        stored["isExpired"]!.GetValue<bool>().ShouldBeFalse();

        var id = stored.Id();
        var text = await app.ScalarAsync<string>("SELECT encrypted_value FROM lockstep.credentials WHERE id = $1", id);
        text.Split(':').Length.ShouldBe(3);
        (await app.ScalarAsync<string>("SELECT c::text FROM lockstep.credentials c WHERE id = $1", id)).ShouldNotContain("PlaintextMarker");

        (await client.GetAsync($"/v1/credentials/{id}").ShouldBeAsync(HttpStatusCode.OK)).ToJsonString().ShouldNotContain("PlaintextMarker");
        (await client.GetAsync("/v1/credentials").ShouldBeAsync(HttpStatusCode.OK)).ToJsonString().ShouldNotContain("PlaintextMarker");
        (await client.GetAsync($"/v1/credentials/{id}/versions").ShouldBeAsync(HttpStatusCode.OK)).ToJsonString().ShouldNotContain("PlaintextMarker");

        (await client.ValueAsync(id)).ShouldBe(Key);
        (await client.ActionsAsync(id)).ShouldBe(["CREDENTIAL_CREATED", "CREDENTIAL_ACCESSED"]);
        var line = (await client.GetAsync($"/v1/activity?entityId={id}&action=CREDENTIAL_ACCESSED").ShouldBeAsync(HttpStatusCode.OK))["items"]![0]!;
        line.Text("actor").ShouldBe($"user:{app.UserId("main")}");
        line["details"]!.Text("purpose").ShouldBe("a test");
        line.Text("address").ShouldBe("127.0.0.1");
        (await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.activity_log l WHERE l::text LIKE '%PlaintextMarker%'")).ShouldBe(0);
    }

    [Fact]
    public async Task A_reveal_may_not_be_cached()
    {
        var client = app.As("cache");
        var id = (await client.StoreAsync("k", Key)).Id();
        using var answer = await client.RevealAsync(id);
        answer.Headers.CacheControl!.NoStore.ShouldBeTrue();
        using var refused = await client.RevealAsync(Guid.CreateVersion7());
        refused.Headers.CacheControl!.NoStore.ShouldBeTrue();
    }

    [Fact]
    public async Task A_second_one_of_the_same_provider_and_name_is_refused_and_another_users_is_not()
    {
        await app.As("twice").StoreAsync("same", Key);
        await app.As("twice").PostAsync("/v1/credentials", new { name = "same", provider = "stripe", type = "API_KEY", value = "x" })
            .ShouldBeProblemAsync(409, "credential_exists");
        await app.As("twice").StoreAsync("same", Key, provider: "paypal");
        await app.As("not-twice").StoreAsync("same", Key);
    }

    [Fact]
    public async Task What_describes_a_credential_can_be_changed_cleared_and_left_alone()
    {
        var client = app.As("patcher");
        var id = (await client.PostAsync("/v1/credentials", new
        {
            name = "p",
            provider = "stripe",
            type = "API_KEY",
            value = Key,
            description = "before",
            expiresAt = "2090-01-01T00:00:00Z",
            metadata = new { team = "billing" },
        }).ShouldBeAsync(HttpStatusCode.Created)).Id();
        var renamed = await client.SendRawAsync(HttpMethod.Patch, $"/v1/credentials/{id}", """{"name":"q","metadata":{"team":"ops"}}""").ShouldBeAsync(HttpStatusCode.OK);
        renamed.Text("name").ShouldBe("q");
        renamed.Text("description").ShouldBe("before");
        renamed.Text("expiresAt").ShouldBe("2090-01-01T00:00:00Z");
        renamed["metadata"]!.Text("team").ShouldBe("ops");
        var cleared = await client.SendRawAsync(HttpMethod.Patch, $"/v1/credentials/{id}", """{"description":null,"expiresAt":null}""").ShouldBeAsync(HttpStatusCode.OK);
        cleared["description"].ShouldBeNull();
        cleared["expiresAt"].ShouldBeNull();
        cleared.Text("name").ShouldBe("q");
        (await client.ValueAsync(id)).ShouldBe(Key);
        await client.StoreAsync("taken", Key);
        await client.SendRawAsync(HttpMethod.Patch, $"/v1/credentials/{id}", """{"name":"taken"}""").ShouldBeProblemAsync(409, "credential_exists");
    }

    [Fact]
    public async Task A_list_filters_and_pages()
    {
        var client = app.As("lister");
        for (var i = 0; i < 5; i++)
            await client.StoreAsync($"n{i}", Key, i < 3 ? "API_KEY" : "PASSWORD", i < 4 ? "stripe" : "caldav");
        var names = new List<string>();
        string? next = null;
        do
        {
            var page = await client.GetAsync($"/v1/credentials?provider=stripe&limit=3{(next is null ? "" : $"&after={next}")}").ShouldBeAsync(HttpStatusCode.OK);
            names.AddRange(page["items"]!.AsArray().Select(item => item!.Text("name")));
            next = page["next"]?.GetValue<string>();
        }
        while (next is not null);
        names.ShouldBe(["n0", "n1", "n2", "n3"]);
        var passwords = await client.GetAsync("/v1/credentials?type=PASSWORD").ShouldBeAsync(HttpStatusCode.OK);
        passwords["items"]!.AsArray().Count.ShouldBe(2);
        await client.GetAsync("/v1/credentials?limit=0").ShouldBeProblemAsync(422, "invalid_request");
        await client.GetAsync("/v1/credentials?type=NOTHING").ShouldBeProblemAsync(400, "bad_request");
    }

    [Fact]
    public async Task Deleting_takes_the_former_values_along_and_leaves_the_audit()
    {
        var client = app.As("deleter");
        var id = (await client.StoreAsync("gone", Key)).Id();
        await client.RotateAsync(id, "the-second-value").ShouldBeAsync(HttpStatusCode.OK);
        await client.DeleteAsync($"/v1/credentials/{id}").ShouldBeAsync(HttpStatusCode.NoContent);
        await client.DeleteAsync($"/v1/credentials/{id}").ShouldBeProblemAsync(404, "not_found");
        await client.RevealAsync(id).ShouldBeProblemAsync(404, "not_found");
        (await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.credential_versions WHERE credential_id = $1", id)).ShouldBe(0);
        (await client.ActionsAsync(id)).ShouldBe(["CREDENTIAL_CREATED", "CREDENTIAL_ROTATED", "CREDENTIAL_DELETED"]);
    }

    [Fact]
    public async Task A_user_who_goes_takes_credentials_and_data_keys_along()
    {
        var client = app.As("leaver");
        var id = (await client.StoreAsync("mine", Key)).Id();
        await client.RotateAsync(id, "the-second-value").ShouldBeAsync(HttpStatusCode.OK);
        var user = app.UserId("leaver");
        await client.DeleteAsync("/v1/users/me").ShouldBeAsync(HttpStatusCode.NoContent);
        (await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.credentials WHERE id = $1", id)).ShouldBe(0);
        (await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.data_keys WHERE user_id = $1", user)).ShouldBe(0);
        // The cached data key is shredded: who comes back with the same identity gets a new one.
        await app.As("leaver").StoreAsync("mine", Key);
        (await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.data_keys WHERE user_id = $1", user)).ShouldBe(1);
    }

    [Fact]
    public async Task One_that_an_integration_signs_in_with_is_not_deleted_and_the_answer_names_the_integration()
    {
        var client = app.As("connected");
        var id = (await client.StoreAsync("caldav", "a-password", "PASSWORD")).Id();
        var integration = Guid.CreateVersion7();
        await ExecuteAsync(
            "INSERT INTO lockstep.integrations (id, user_id, integration_type, label, credential_id, config) VALUES ($1, $2, 'caldav', 'Work calendar', $3, jsonb_build_object('url', 'https://example.com/', 'username', 'me', 'calendarPath', '', 'selectedCalendarIds', '[]'::jsonb))",
            integration, app.UserId("connected"), id);
        var problem = await client.DeleteAsync($"/v1/credentials/{id}").ShouldBeProblemAsync(409, "credential_in_use");
        problem["integrations"]!.AsArray().Single()!.GetValue<string>().ShouldBe($"Work calendar ({integration})");
        problem.Text("detail").ShouldContain("Work calendar");
        (await client.ActionsAsync(id)).ShouldBe(["CREDENTIAL_CREATED"]);
        // Whoever goes takes both along.
        await client.DeleteAsync("/v1/users/me").ShouldBeAsync(HttpStatusCode.NoContent);
        (await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.credentials WHERE id = $1", id)).ShouldBe(0);
    }

    private async Task ExecuteAsync(string sql, params object[] values)
    {
        await using var connection = await app.ConnectAsync();
#pragma warning disable CA2100 // Written in this class.
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        foreach (var value in values)
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        await command.ExecuteNonQueryAsync();
    }
}
