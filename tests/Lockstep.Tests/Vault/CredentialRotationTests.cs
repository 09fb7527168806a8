using System.Net;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Vault;

public sealed class CredentialRotationTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    [Fact]
    public async Task Rotation_replaces_the_value_and_rollback_brings_a_former_one_back_as_a_new_version()
    {
        var client = app.As("rotator");
        var id = (await client.StoreAsync("k", "value-number-one-0001")).Id();
        var second = await client.RotateAsync(id, "value-number-two-0002", expectedVersion: 1).ShouldBeAsync(HttpStatusCode.OK);
        second["version"]!.GetValue<int>().ShouldBe(2);
        second.Text("maskedValue").ShouldBe("********0002");
        second["rotatedAt"].ShouldNotBeNull();
        (await client.ValueAsync(id)).ShouldBe("value-number-two-0002");

        var third = await client.PostAsync($"/v1/credentials/{id}/rollback", new { version = 1 }).ShouldBeAsync(HttpStatusCode.OK);
        third["version"]!.GetValue<int>().ShouldBe(3);
        (await client.ValueAsync(id)).ShouldBe("value-number-one-0001");
        var versions = (await client.GetAsync($"/v1/credentials/{id}/versions").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray();
        versions.Select(v => v!["version"]!.GetValue<int>()).ShouldBe([3, 2, 1]);
        versions.Select(v => v!["isCurrent"]!.GetValue<bool>()).ShouldBe([true, false, false]);
        (await client.ActionsAsync(id)).ShouldBe(
            ["CREDENTIAL_CREATED", "CREDENTIAL_ROTATED", "CREDENTIAL_ACCESSED", "CREDENTIAL_ROLLED_BACK", "CREDENTIAL_ACCESSED"]);
    }

    [Fact]
    public async Task The_expected_version_must_be_the_current_one_and_the_version_to_go_back_to_must_be_kept()
    {
        var client = app.As("expecting");
        var id = (await client.StoreAsync("k", "value-number-one-0001")).Id();
        var problem = await client.RotateAsync(id, "never", expectedVersion: 7).ShouldBeProblemAsync(409, "version_conflict");
        problem.Text("detail").ShouldContain("Version 1 is current");
        await client.PostAsync($"/v1/credentials/{id}/rollback", new { version = 1 }).ShouldBeProblemAsync(422, "invalid_request");
        (await client.ValueAsync(id)).ShouldBe("value-number-one-0001");
    }

    [Fact]
    public async Task Of_a_hundred_parallel_rotations_each_version_has_one_winner_and_the_rest_are_conflicts()
    {
        var client = app.As("racer");
        var id = (await client.StoreAsync("k", "value-0000")).Id();
        var answers = await Task.WhenAll(Enumerable.Range(1, 100).Select(async i =>
        {
            // Half of them say which version they expect.
            using var answer = await client.RotateAsync(id, $"value-{i:0000}", i % 2 == 0 ? 1 : null);
            return (Value: $"value-{i:0000}", answer.StatusCode, Body: await answer.Content.ReadAsStringAsync());
        }));
        var won = answers.Where(answer => answer.StatusCode == HttpStatusCode.OK).ToList();
        answers.Except(won).ShouldAllBe(answer => answer.StatusCode == HttpStatusCode.Conflict && answer.Body.Contains("version_conflict"));
        var versions = won.Select(answer => System.Text.Json.Nodes.JsonNode.Parse(answer.Body)!["version"]!.GetValue<int>()).Order().ToList();
        versions.ShouldBe(Enumerable.Range(2, won.Count));
        var current = await client.GetAsync($"/v1/credentials/{id}").ShouldBeAsync(HttpStatusCode.OK);
        current["version"]!.GetValue<int>().ShouldBe(won.Count + 1);
        var last = won.Single(answer => System.Text.Json.Nodes.JsonNode.Parse(answer.Body)!["version"]!.GetValue<int>() == won.Count + 1);
        (await client.ValueAsync(id)).ShouldBe(last.Value);
        (await client.ActionsAsync(id)).Count(action => action == "CREDENTIAL_ROTATED").ShouldBe(won.Count);
    }

    [Fact]
    public async Task The_last_ten_former_values_are_kept()
    {
        var client = app.As("keeper");
        var id = (await client.StoreAsync("k", "value-0")).Id();
        for (var i = 1; i <= 13; i++)
            await client.RotateAsync(id, $"value-{i}").ShouldBeAsync(HttpStatusCode.OK);
        var versions = (await client.GetAsync($"/v1/credentials/{id}/versions").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray();
        versions.Select(v => v!["version"]!.GetValue<int>()).ShouldBe(Enumerable.Range(4, 11).Reverse());
    }

    [Fact]
    public async Task A_revoked_credential_is_neither_revealed_nor_rotated_and_revoking_twice_is_audited_once()
    {
        var client = app.As("revoker");
        var id = (await client.StoreAsync("k", "a-secret-value")).Id();
        (await client.PostAsync($"/v1/credentials/{id}/revoke", null).ShouldBeAsync(HttpStatusCode.OK))["isActive"]!.GetValue<bool>().ShouldBeFalse();
        await client.PostAsync($"/v1/credentials/{id}/revoke", null).ShouldBeAsync(HttpStatusCode.OK);
        await client.RevealAsync(id).ShouldBeProblemAsync(409, "credential_revoked");
        await client.RotateAsync(id, "another").ShouldBeProblemAsync(409, "credential_revoked");
        await client.PostAsync($"/v1/credentials/{id}/rollback", new { version = 1 }).ShouldBeProblemAsync(409, "credential_revoked");
        (await client.ActionsAsync(id)).ShouldBe(["CREDENTIAL_CREATED", "CREDENTIAL_REVOKED", "CREDENTIAL_REFUSED"]);
    }

    [Fact]
    public async Task An_expired_credential_is_not_revealed_until_its_expiry_is_moved()
    {
        var client = app.As("expired");
        var id = (await client.StoreAsync("k", "a-secret-value")).Id();
        var expired = await client.SendRawAsync(HttpMethod.Patch, $"/v1/credentials/{id}", """{"expiresAt":"2020-01-01T00:00:00Z"}""").ShouldBeAsync(HttpStatusCode.OK);
        expired["isExpired"]!.GetValue<bool>().ShouldBeTrue();
        await client.RevealAsync(id).ShouldBeProblemAsync(409, "credential_expired");
        (await client.ActionsAsync(id)).ShouldBe(["CREDENTIAL_CREATED", "CREDENTIAL_UPDATED", "CREDENTIAL_REFUSED"]);
        await client.SendRawAsync(HttpMethod.Patch, $"/v1/credentials/{id}", """{"expiresAt":"2090-01-01T00:00:00Z"}""").ShouldBeAsync(HttpStatusCode.OK);
        (await client.ValueAsync(id)).ShouldBe("a-secret-value");
    }

    [Fact]
    public async Task Rotating_revealing_patching_and_deleting_at_once_answer_for_what_they_found_and_never_fail()
    {
        var client = app.As("storm");
        for (var round = 0; round < 5; round++)
        {
            var id = (await client.StoreAsync("k", "a-secret-value")).Id();
            var calls = Enumerable.Range(0, 8).SelectMany(i => new[]
            {
                client.RotateAsync(id, $"value-{i}"),
                client.RevealAsync(id),
                client.SendRawAsync(HttpMethod.Patch, $"/v1/credentials/{id}", $$"""{"description":"{{i}}"}"""),
            }).Append(client.DeleteAsync($"/v1/credentials/{id}"));
            foreach (var answer in await Task.WhenAll(calls))
            {
                using (answer)
                    answer.StatusCode.ShouldBeOneOf(HttpStatusCode.OK, HttpStatusCode.NoContent, HttpStatusCode.NotFound, HttpStatusCode.Conflict);
            }
            await client.GetAsync($"/v1/credentials/{id}").ShouldBeProblemAsync(404, "not_found");
        }
    }
}
