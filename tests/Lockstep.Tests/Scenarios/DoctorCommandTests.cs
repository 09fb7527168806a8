using System.Text.Json.Nodes;
using Lockstep.Tests.Support;
using Lockstep.Tests.Vault;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Scenarios;

/// <summary><c>lockstep doctor</c> as a program: what it prints, and its exit codes.</summary>
public sealed class DoctorCommandTests
{
    [Fact]
    public async Task It_looks_over_an_installation_that_runs_and_one_that_does_not_and_leaves_nothing_behind()
    {
        await using var installation = new Installation();
        var server = await installation.ServeAsync();
        await server.Client(await installation.TokenAsync("you@example.com")).StoreAsync("mail", "a-secret-value");
        (await ShownAsync(installation, 0)).ShouldNotContain("FAULT");

        File.SetUnixFileMode(installation.MasterKeys, (UnixFileMode)0b110_100_100);
        var shown = await ShownAsync(installation, 1);
        shown.ShouldContain("FAULT    data");
        shown.ShouldContain($"-> chmod 600 '{installation.MasterKeys}'");
        File.SetUnixFileMode(installation.MasterKeys, (UnixFileMode)0b110_000_000);

        (await server.StopAsync()).ShouldBe(0, server.Errors);
        (await ShownAsync(installation, 0)).ShouldContain("row-level security, policies, triggers and grants are as they made them");
        await installation.NothingRunsAsync();

        // Nobody is locked out by a command: what was lost is named, and made anew by a start alone.
        var secret = Path.Combine(installation.Data, "jwt-secret");
        File.Move(secret, secret + ".away");
        var refused = await installation.RunAsync("keys", "--data-dir", installation.Data);
        (await refused.Ended).ShouldBe(1, refused.Output + refused.Errors);
        refused.Errors.ShouldContain("no jwt-secret");
        File.Exists(secret).ShouldBeFalse();
        File.Move(secret + ".away", secret);

        var right = await File.ReadAllTextAsync(installation.MasterKeys, TestContext.Current.CancellationToken);
        File.Delete(installation.MasterKeys);
        var json = JsonNode.Parse(await ShownAsync(installation, 1, "--json"))!;
        json["faults"]!.GetValue<int>().ShouldBe(1);
        var fault = json["checks"]!.AsArray().Single(check => check!.Text("condition") == "fault")!;
        (fault.Text("area"), fault.Text("code")).ShouldBe(("keys", "key_none"));
        fault.Text("mend").ShouldContain(installation.MasterKeys);
        json.ToJsonString().ShouldNotContain(right.Trim());
    }

    [Fact]
    public async Task A_database_that_cannot_be_reached_has_an_exit_code_of_its_own()
    {
        await using var installation = new Installation();
        installation.Environment["LOCKSTEP_JWT_SECRET"] = "a secret that signs the tokens of tests alone";
        installation.Environment["LOCKSTEP_DATABASE_URL"] = $"postgres://admin:hunter2@127.0.0.1:{ServerProcess.FreePort()}/app";
        var shown = await ShownAsync(installation, 4);
        shown.ShouldContain("cannot be reached");
        shown.ShouldNotContain("hunter2");
        Directory.Exists(installation.Data).ShouldBeFalse();
    }

    private static async Task<string> ShownAsync(Installation installation, int exit, params string[] more)
    {
        var program = await installation.RunAsync(["doctor", "--data-dir", installation.Data, .. more]);
        (await program.Ended).ShouldBe(exit, program.Output + program.Errors);
        return program.Output;
    }
}
