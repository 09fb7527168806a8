using System.CommandLine;
using System.Diagnostics;
using System.Text.Json.Nodes;
using Lockstep.Cli;
using Lockstep.Server;
using Lockstep.Server.Hosting;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Tenancy.Jwt;
using Lockstep.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Cli;

public sealed class CommandsTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    /// <summary>What they print is JSON in any case, or is the server's log, a script for a shell, or one sentence.</summary>
    private static readonly string[] WithoutJson = ["serve", "completion", "ics expand", "audit checkpoint", "audit export", "repair cursors"];

    [Fact]
    public void Every_command_that_says_a_result_says_it_as_JSON_too()
    {
        var without = Leaves(Commands.Create(), "").Where(leaf => leaf.Command.Options.All(option => option.Name != "--json")).Select(leaf => leaf.Name);
        without.ShouldBe(WithoutJson, ignoreOrder: true);
    }

    [Fact]
    public async Task The_exit_codes_stand_in_the_help()
    {
        var help = await Run(null, "--help");
        foreach (var code in new[] { "0 done", "1 failed", "2 wrong usage", "3 not allowed", "4 not reachable", "5 a search found something" })
            help.Output.ShouldContain(code);
        // The list fits on a screen; examples are in the help of each command.
        help.Output.Split('\n').Length.ShouldBeLessThan(50);
        Leaves(Commands.Create(), "").Where(leaf => !leaf.Command.Description!.Contains("Example:\n  ", StringComparison.Ordinal)).Select(leaf => leaf.Name).ShouldBeEmpty();
    }

    [Fact]
    public async Task What_is_no_command_is_refused_in_a_few_lines()
    {
        var mistyped = await Said("srve");
        (mistyped.Exit, mistyped.Output).ShouldBe((2, ""));
        mistyped.Errors.ShouldContain("serve");
        mistyped.Errors.Trim().Split('\n').Length.ShouldBeLessThan(6);
        var noId = await Said("credentials", "reveal", "mail", "--purpose", "x");
        foreach (var words in new[] { "credentials list", "api-token list --user a@example.com --url nowhere" })
        {
            var wrong = await Said(words.Split(' '));
            (wrong.Exit, wrong.Errors.Trim().Split('\n').Length).ShouldBe((2, 1), $"{words}: {wrong.Errors}");
        }
        (noId.Exit, noId.Errors.Trim()).ShouldBe((2, "error: Cannot parse argument 'mail' for command 'reveal' as an id.\nSee 'lockstep credentials reveal --help'."));
    }

    [Fact]
    public async Task Nobody_is_revoked_or_deleted_by_an_address_that_two_users_have()
    {
        var ct = TestContext.Current.CancellationToken;
        var database = app.Services.GetRequiredService<Database>();
        var folder = Directory.CreateTempSubdirectory("lockstep-two-");
        try
        {
            await File.WriteAllTextAsync(Path.Combine(folder.FullName, DataDirectoryFiles.JwtSecretFile), new string('s', 48), ct);
            (await UserOption.Resolve("two@example.com", folder.FullName, database, ct)).ShouldBe(UserOption.Named("two@example.com", folder.FullName));
            var account = (await new LocalAccounts(database).Create("two@example.com", "a long password", ct)).ShouldBeOfType<AccountOutcome.Created>().User;
            (await UserOption.Resolve("two@example.com", folder.FullName, database, ct)).ShouldBe(account);
            var named = UserOption.Named("two@example.com", folder.FullName);
            await app.ScalarAsync<Guid>("INSERT INTO auth.users (id, email) VALUES ($1, 'two@example.com') RETURNING id", named.Value);
            var refused = await Should.ThrowAsync<StartRefusedException>(() => UserOption.Resolve("two@example.com", folder.FullName, database, ct));
            (refused.Message.Contains(account.ToString(), StringComparison.Ordinal), refused.Message.Contains(named.ToString(), StringComparison.Ordinal)).ShouldBe((true, true));
            (await UserOption.Resolve(named.ToString(), folder.FullName, database, ct)).ShouldBe(named);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task Every_call_of_the_API_can_be_made_with_the_sign_in_of_the_commands()
    {
        var listed = JsonNode.Parse((await Run(null, "api", "--json")).Output)!.AsArray().Select(one => $"{one!.Text("method")} {one!.Text("path")}").ToList();
        var document = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(Repository.Root, "docs", "openapi.json"), TestContext.Current.CancellationToken))!;
        var documented = document["paths"]!.AsObject().SelectMany(path => path.Value!.AsObject().Select(method => $"{method.Key.ToUpperInvariant()} {path.Key}")).ToList();
        listed.ShouldBe(documented, ignoreOrder: true);

        (await Run("""{"name":"By the shell"}""", "api", "post", "/v1/workspaces", "--input", "-")).Exit.ShouldBe(0);
        var workspaces = JsonNode.Parse((await Run(null, "api", "GET", "/v1/workspaces", "--json")).Output)!;
        workspaces["items"]!.AsArray().Select(one => one!.Text("name")).ShouldContain("By the shell");
        var missing = await Run(null, "api", "GET", $"/v1/integrations/{Guid.CreateVersion7()}");
        (missing.Exit, JsonNode.Parse(missing.Output)!.Text("code")).ShouldBe((1, "not_found"));
        (await Run(null, "api", "DELETE", $"/v1/workspaces/{workspaces["items"]![0]!.Text("id")}")).Exit.ShouldBe(0);
        (await Run(null, "api", "GET", "/v1/export", "--on-behalf-of", "x")).Exit.ShouldBe(0);
        (await Run(null, "api", "FETCH", "/v1/workspaces")).Exit.ShouldBe(2);
        (await Run(null, "api", "GET", "v1/workspaces")).Exit.ShouldBe(2);
        (await Run(null, "api", "POST", "/v1/workspaces", "--data", "{}", "--input", "-")).Exit.ShouldBe(2);
        (await Run(null, [new("LOCKSTEP_TOKEN", "no token")], "api", "GET", "/v1/workspaces")).Exit.ShouldBe(3);
        (await Run(null, "api", "GET", "/v1/workspaces", "--url", "http://127.0.0.1:1")).Exit.ShouldBe(4);
    }

    [Theory]
    [InlineData("au", "audit")]
    [InlineData("audit ", "verify")]
    [InlineData("credentials st", "store")]
    [InlineData("serve --u", "--urls")]
    [InlineData("completion ", "zsh")]
    public async Task The_shell_is_told_what_fits(string line, string expected) =>
        (await Run(null, $"[suggest:{line.Length}]", line)).Output.Split('\n').ShouldContain(expected);

    [Fact]
    public async Task Bash_completes_by_the_script_that_is_printed()
    {
        var script = (await Run(null, "completion", "bash")).Output;
        var program = Path.Combine(AppContext.BaseDirectory, "lockstep.dll");
        var dotnet = Path.GetFullPath(Path.Combine(System.Runtime.InteropServices.RuntimeEnvironment.GetRuntimeDirectory(), "../../../dotnet"));
        var test = $$"""
            lockstep() { "{{dotnet}}" "{{program}}" "$@"; }
            {{script}}
            COMP_LINE='lockstep user cr'; COMP_POINT=${#COMP_LINE}; COMP_WORDS=(lockstep user cr); COMP_CWORD=2
            _lockstep; echo "${COMPREPLY[@]}"
            """;
        using var bash = Process.Start(new ProcessStartInfo("bash", ["-c", test]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var said = await bash.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        said.Trim().ShouldBe("create", await bash.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken));
        foreach (var shell in new[] { "zsh", "fish" })
            (await Run(null, "completion", shell)).Output.ShouldContain("suggest:");
    }

    private static IEnumerable<(string Name, Command Command)> Leaves(Command command, string path) => command.Subcommands.Count == 0
        ? [(path, command)]
        : command.Subcommands.SelectMany(one => Leaves(one, path.Length == 0 ? one.Name : $"{path} {one.Name}"));

    private Task<(int Exit, string Output)> Run(string? input, params string[] arguments) => Run(input, [], arguments);

    private async Task<(int Exit, string Output)> Run(string? input, KeyValuePair<string, string>[] environment, params string[] arguments)
    {
        var settings = new Dictionary<string, string> { ["LOCKSTEP_URL"] = app.Url.ToString(), ["LOCKSTEP_TOKEN"] = app.Token("shell", JwtClaims.Authenticated) };
        foreach (var (name, value) in environment)
            settings[name] = value;
        await using var program = await LockstepProcess.RunAsync(settings, input, arguments);
        return (await program.Ended, program.Output);
    }

    private static async Task<(int Exit, string Output, string Errors)> Said(params string[] arguments)
    {
        await using var program = await LockstepProcess.RunAsync(new Dictionary<string, string>(), null, arguments);
        return (await program.Ended, program.Output, program.Errors);
    }
}
