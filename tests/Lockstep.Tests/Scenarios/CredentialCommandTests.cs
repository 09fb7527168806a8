using System.Net;
using System.Text.Json.Nodes;
using Lockstep.Tests.Support;
using Lockstep.Tests.Vault;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Scenarios;

public sealed class CredentialCommandTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_credential_lives_its_whole_life_by_commands_and_no_value_is_on_a_command_line()
    {
        await using var installation = new Installation();
        var server = await installation.ServeAsync();
        async Task<LockstepProcess> Command(int exit, string? input, params string[] arguments)
        {
            var program = await installation.RunWithAsync(input, ["credentials", .. arguments, "--url", server.Url.ToString(), "--user", "you@example.com", "--data-dir", installation.Data]);
            (await program.Ended).ShouldBe(exit, $"{arguments[0]}: {program.Output} {program.Errors}");
            return program;
        }

        var stored = await Command(0, "sk_live_the_first_value_1111\n", "store", "--provider", "stripe", "--name", "live", "--type", "API_KEY", "--json");
        var id = JsonNode.Parse(stored.Output)!.Text("id");
        stored.Output.ShouldNotContain("the_first");
        (await Command(0, null, "reveal", id, "--purpose", "deploy")).Output.ShouldBe("sk_live_the_first_value_1111");
        (await Command(1, "another\n", "store", "--provider", "stripe", "--name", "live")).Errors.ShouldContain("credential_exists");

        (await Command(0, "sk_live_the_second_value_2222", "rotate", id, "--expected-version", "1", "--grace-seconds", "600")).Output.ShouldContain("********2222");
        (await Command(0, null, "reveal", id, "--purpose", "deploy", "--version", "1")).Output.ShouldBe("sk_live_the_first_value_1111");
        (await Command(1, "x", "rotate", id, "--expected-version", "1")).Errors.ShouldContain("version_conflict");
        (await Command(0, null, "versions", id)).Output.Split('\n').Length.ShouldBe(3);
        (await Command(0, null, "rollback", id, "1")).Output.ShouldContain("\t3\tactive");
        (await Command(0, null, "update", id, "--description", "of the web shop", "--expires-at", "2100-01-01T00:00:00Z", "--metadata", """{"team":"web"}""")).Output.ShouldContain(id);
        var described = JsonNode.Parse((await Command(0, null, "update", id, "--expires-at", "never", "--json")).Output)!;
        (described.Text("description"), described["expiresAt"]?.ToString(), described["metadata"]!.Text("team")).ShouldBe(("of the web shop", null, "web"));
        (await Command(2, null, "update", id)).Errors.ShouldContain("--description");
        (await Command(2, null, "update", id, "--metadata", "{")).Errors.ShouldContain("--metadata");
        (await Command(0, null, "get", id, "--json")).Output.ShouldNotContain("the_");
        (await Command(0, null, "list", "--provider", "stripe", "--active", "true")).Output.ShouldContain(id);
        JsonNode.Parse((await Command(0, null, "list", "--json")).Output)!.AsArray().Count.ShouldBe(1);
        (await Command(0, null, "revoke", id)).Output.ShouldContain("revoked");
        (await Command(1, null, "reveal", id, "--purpose", "deploy")).Errors.ShouldContain("credential_revoked");
        (await Command(0, null, "delete", id)).Output.ShouldBe($"Deleted {id}.");
        (await Command(1, null, "get", id)).Errors.ShouldContain("not_found");
        (await Command(2, null, "reveal", id)).Errors.ShouldContain("--purpose");

        var strange = await installation.RunAsync("credentials", "list", "--url", server.Url.ToString());
        (await strange.Ended).ShouldBe(2);
        strange.Errors.ShouldContain("LOCKSTEP_TOKEN");
        installation.Environment["LOCKSTEP_TOKEN"] = "no token";
        (await (await installation.RunAsync("credentials", "list", "--url", server.Url.ToString())).Ended).ShouldBe(3);
        (await (await installation.RunAsync("credentials", "list", "--url", "http://127.0.0.1:1")).Ended).ShouldBe(4);
    }

    [Fact]
    public async Task What_other_software_sealed_is_opened_checked_and_imported_once()
    {
        const string Key = "00112233445566778899aabbccddeeff0f1e2d3c4b5a69788796a5b4c3d2e1f0";
        await using var installation = new Installation();
        var server = await installation.ServeAsync();
        var client = server.Client(await installation.TokenAsync("you@example.com"));
        var first = (await client.StoreAsync("first", "a-secret-value")).Id();
        var user = (await client.GetAsync($"/v1/activity?entityId={first}", Ct).ShouldBeAsync(HttpStatusCode.OK))["items"]![0]!.Text("userId");
        var workspace = (await client.PostAsync("/v1/workspaces", new { name = "firm" }).ShouldBeAsync(HttpStatusCode.Created)).Id();
        var kept = Guid.CreateVersion7();
        string[] good =
        [
            $$"""{"id":"{{kept}}","name":"hex","provider":"old","type":"API_KEY","userId":"{{user}}","encrypted":"cafebabefacedbaddecaf88800010203:ab2d931b3050da6ec81bcbab1a122cc8:944da3dbe2f6e806166a93f0847dede9d13bfb61db"}""",
            $$"""{"name":"bytea","provider":"old","type":"PASSWORD","userId":"{{user}}","encrypted":"\\xcafebabefacedbaddecaf888d8bba2fc1780dca3a66df57f26b67bcc6f355c3e751b8d8b31c0c8427aaa4851ad67b968ba","metadata":{"from":"bytea"} }""",
            $$"""{"name":"shared","provider":"old","type":"SECRET","userId":"{{user}}","workspaceId":"{{workspace}}","value":"in clear"}""",
            """{"name":"smtp","provider":"old","type":"SECRET","scope":"SYSTEM","value":"of the system"}""",
        ];
        string[] bad =
        [
            """{"name":"no owner","provider":"old","type":"SECRET","value":"x"}""",
            $$"""{"name":"broken","provider":"old","type":"SECRET","userId":"{{user}}","encrypted":"cafebabefacedbaddecaf888:00:00"}""",
            "not json",
            $$"""{"name":"unknown member","provider":"old","type":"SECRET","userId":"{{user}}","value":"a-marker-value","vlaue":"x"}""",
        ];
        var file = Path.Combine(installation.Folder, "old.ndjson");
        var keyFile = Path.Combine(installation.Folder, "old.key");
        await File.WriteAllTextAsync(keyFile, Key, Ct);
        await File.WriteAllLinesAsync(file, [.. good, "", .. bad], Ct);
        async Task<LockstepProcess> Import(int exit, params string[] arguments)
        {
            var program = await installation.RunAsync(["credentials", "import", file, "--data-dir", installation.Data, .. arguments]);
            (await program.Ended).ShouldBe(exit, $"{program.Output} {program.Errors}");
            return program;
        }

        var refused = await Import(1, "--key-file", keyFile);
        refused.Errors.ShouldSatisfyAllConditions(
            errors => errors.ShouldContain("line 6: userId is missing"), errors => errors.ShouldContain("line 7: the encrypted value does not open"),
            errors => errors.ShouldContain("line 8"), errors => errors.ShouldContain("line 9"), errors => errors.ShouldContain("Nothing was stored"),
            errors => errors.ShouldNotContain("a-marker-value"));
        (await Import(1)).Errors.ShouldContain("LOCKSTEP_IMPORT_KEY");
        await client.GetAsync($"/v1/credentials/{kept}", Ct).ShouldBeProblemAsync(404, "not_found");

        await File.WriteAllLinesAsync(file, good, Ct);
        (await Import(0, "--key-file", keyFile, "--dry-run")).Output.ShouldContain("4 lines open");
        (await Import(0, "--key-file", keyFile)).Output.ShouldBe("4 stored, 0 were there already, 0 cannot be stored.");
        (await Import(0, "--key-file", keyFile)).Output.ShouldBe("0 stored, 4 were there already, 0 cannot be stored.");
        (await client.ValueAsync(kept)).ShouldBe("sk_live_old_secret_ü");
        var listed = (await client.GetAsync("/v1/credentials?provider=old", Ct).ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray();
        listed.Select(item => item!.Text("name")).ShouldBe(["hex", "bytea", "shared"], ignoreOrder: true);
        foreach (var item in listed.Where(item => item!.Text("name") != "shared"))
            (await client.ValueAsync(item!.Id())).ShouldBe("sk_live_old_secret_ü");
        // Exactly as if they had been stored here: the audit says who and what.
        (await client.ActionsAsync(kept)).ShouldBe(["CREDENTIAL_CREATED", "CREDENTIAL_ACCESSED", "CREDENTIAL_ACCESSED"]);
    }
}
