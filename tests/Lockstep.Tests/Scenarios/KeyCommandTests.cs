using System.Net;
using System.Text.Json.Nodes;
using Lockstep.Crypto;
using Lockstep.Tests.Support;
using Lockstep.Tests.Vault;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Scenarios;

public sealed class KeyCommandTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_new_master_key_takes_over_beside_the_running_server_and_the_old_one_is_dropped()
    {
        await using var installation = new Installation();
        var server = await installation.ServeAsync();
        var token = await installation.TokenAsync("you@example.com");
        var client = server.Client(token);
        var ids = new List<Guid>();
        for (var i = 0; i < 3; i++)
            ids.Add((await client.StoreAsync($"k{i}", $"a-secret-value-{i}")).Id());
        await client.PostAsync("/v1/webhooks", new { url = "https://hooks.example.com/x", events = new[] { "credential.rotated" } }).ShouldBeAsync(HttpStatusCode.Created);
        (await server.StopAsync()).ShouldBe(0);

        // The nodes get both keys, the new one first; then everything is put under it.
        var old = (await File.ReadAllTextAsync(installation.MasterKeys, Ct)).Trim();
        using var next = MasterKey.Generate("next");
        using var setting = next.RevealSetting();
        await File.WriteAllTextAsync(installation.MasterKeys, $"{setting.RevealText()},{old}", Ct);
        server = await installation.ServeAsync();
        client = server.Client(token);
        (await CommandAsync(installation, 0, "rekey", "--dry-run")).Output.ShouldContain("1 data keys would be wrapped anew");
        var rekey = await CommandAsync(installation, 0, "rekey", "--data-keys", "--json");
        var report = JsonNode.Parse(rekey.Output)!;
        report["rewrapped"]!["rewrapped"]!.GetValue<int>().ShouldBe(1);
        report["resealed"]!["resealed"]!.GetValue<int>().ShouldBe(4, "three values and the key of a webhook");
        rekey.Errors.ShouldContain("--before");
        var uses = JsonNode.Parse((await CommandAsync(installation, 0, "keys", "--json")).Output)!.AsArray();
        uses.Single()!.Text("key").ShouldBe(next.Fingerprint);
        for (var i = 0; i < 3; i++)
            (await client.ValueAsync(ids[i])).ShouldBe($"a-secret-value-{i}");
        await client.StoreAsync("later", "a-secret-value");

        await File.WriteAllTextAsync(installation.MasterKeys, setting.RevealText(), Ct);
        (await server.StopAsync()).ShouldBe(0);
        server = await installation.ServeAsync();
        (await server.Client(token).ValueAsync(ids[2])).ShouldBe("a-secret-value-2");
        (await server.StopAsync()).ShouldBe(0);

        // Lost: the start is refused, the keys are named, and what they sealed is given up knowingly. Commands start the database themselves now.
        using var other = MasterKey.Generate("other");
        using var otherSetting = other.RevealSetting();
        await File.WriteAllTextAsync(installation.MasterKeys, otherSetting.RevealText(), Ct);
        (await CommandAsync(installation, 1, "keys")).Errors.ShouldContain(next.Fingerprint);
        var dry = await CommandAsync(installation, 1, "rekey", "--dry-run");
        (dry.Output.Contains("Nothing can be wrapped anew", StringComparison.Ordinal), dry.Errors.Contains(next.Fingerprint, StringComparison.Ordinal)).ShouldBe((true, true));
        (await CommandAsync(installation, 0, "rekey", "--give-up-lost", next.Fingerprint, "--dry-run")).Output.Split('\n').Length.ShouldBe(4);
        (await CommandAsync(installation, 2, "rekey", "--give-up-lost", next.Fingerprint)).Errors.ShouldContain("--yes");
        (await CommandAsync(installation, 0, "rekey", "--give-up-lost", next.Fingerprint, "--yes")).Output.ShouldContain("4 credentials");
        server = await installation.ServeAsync();
        await server.Client(token).RevealAsync(ids[0]).ShouldBeProblemAsync(404, "not_found");
        await server.Client(token).StoreAsync("k0", "begun again");
    }

    [Fact]
    public async Task Everything_of_one_user_is_revoked_and_then_shredded_by_one_command_each()
    {
        await using var installation = new Installation();
        var server = await installation.ServeAsync();
        var client = server.Client(await installation.TokenAsync("you@example.com"));
        var id = (await client.StoreAsync("k", "a-secret-value")).Id();
        var user = (await client.GetAsync($"/v1/activity?entityId={id}", Ct).ShouldBeAsync(HttpStatusCode.OK))["items"]![0]!.Text("userId");

        await client.PostAsync("/v1/webhooks", new { url = "https://hooks.example.com/x", events = new[] { "credential.rotated" } }).ShouldBeAsync(HttpStatusCode.Created);

        (await CommandAsync(installation, 0, "revoke", "--user", "you@example.com", "--reason", "laptop stolen")).Output.ShouldContain($"Revoked 1 credentials of user:{user}");
        await client.RevealAsync(id).ShouldBeProblemAsync(409, "credential_revoked");
        (await CommandAsync(installation, 2, "shred", "--user", user)).Errors.ShouldContain("--yes");
        (await CommandAsync(installation, 0, "shred", "--user", user, "--yes")).Output.ShouldContain("Shredded 1 credentials");
        await client.RevealAsync(id).ShouldBeProblemAsync(404, "not_found");
        await client.StoreAsync("k", "begun again");
        (await CommandAsync(installation, 1, "revoke", "--user", Guid.CreateVersion7().ToString())).Errors.ShouldContain("There is no user");
        (await CommandAsync(installation, 1, "revoke", "--user", "nobody@example.com")).Errors.ShouldContain("FROM auth.users");
        (await CommandAsync(installation, 2, "user", "delete", "you@example.com")).Errors.ShouldContain("--yes");
        (await CommandAsync(installation, 0, "user", "delete", "you@example.com", "--yes")).Output.ShouldContain(user);

        // A forgotten password: the operator gives another, or has one made.
        var created = await installation.RunWithAsync("the first password\n", "user", "create", "me@example.com", "--data-dir", installation.Data);
        (await created.Ended).ShouldBe(0, created.Errors);
        var reset = await installation.RunWithAsync("short\n", "user", "reset-password", "me@example.com", "--data-dir", installation.Data);
        (await reset.Ended, reset.Errors.Contains("Nothing was changed", StringComparison.Ordinal)).ShouldBe((1, true), reset.Errors);
        var made = (await CommandAsync(installation, 0, "user", "reset-password", "ME@example.com", "--temporary")).Output;
        await client.PostAsync("/v1/sign-in", new { email = "me@example.com", password = "the first password" }).ShouldBeProblemAsync(401, "sign_in_refused");
        await client.PostAsync("/v1/sign-in", new { email = "me@example.com", password = made }).ShouldBeAsync(HttpStatusCode.OK);
        var noAddress = await installation.RunWithAsync("the first password\n", "user", "create", "me", "--data-dir", installation.Data);
        (await noAddress.Ended).ShouldBe(2, noAddress.Errors);
        (await CommandAsync(installation, 1, "user", "reset-password", "nobody@example.com", "--temporary")).Output.ShouldBeEmpty();
        (await CommandAsync(installation, 2, "shred", "--workspace", "Acme", "--yes")).Errors.ShouldContain("is no id");
        await CommandAsync(installation, 2, "revoke");
        await CommandAsync(installation, 2, "revoke", "--user", user, "--workspace", user);
    }

    private static async Task<LockstepProcess> CommandAsync(Installation installation, int exit, string command, params string[] arguments)
    {
        var program = await installation.RunAsync([command, .. arguments, "--data-dir", installation.Data]);
        (await program.Ended).ShouldBe(exit, $"{command}: {program.Output} {program.Errors}");
        return program;
    }
}
