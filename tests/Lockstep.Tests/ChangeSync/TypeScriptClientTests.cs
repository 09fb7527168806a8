using System.Text.Json;
using System.Text.RegularExpressions;
using Lockstep.Server.Tenancy.Jwt;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.ChangeSync;

/// <summary>The tests of clients/typescript by Node's own runner; those of its folder <c>server</c> against this server.</summary>
public sealed partial class TypeScriptClientTests(LockstepApp app, TypeScriptClient client) : IClassFixture<LockstepApp>
{
    [Fact]
    public async Task The_client_passes_its_own_tests_and_the_shared_vectors() =>
        (await RunAsync("unit", new Dictionary<string, string>())).ShouldBeGreaterThan(200);

    [Fact]
    public async Task The_client_works_with_a_real_server()
    {
        string[] users = ["ada", "bob", "cat", "dee", "eve", "flo", "gus", "hal"];
        (await RunAsync("server", new Dictionary<string, string>
        {
            ["LOCKSTEP_TEST_URL"] = app.Url.ToString().TrimEnd('/'),
            ["LOCKSTEP_TEST_TOKENS"] = JsonSerializer.Serialize(users.ToDictionary(
                user => user, user => new { token = app.Token(user, JwtClaims.Authenticated), id = app.UserId(user) })),
        })).ShouldBeGreaterThan(15);
    }

    /// <returns>How many tests passed; one that failed shows all that the runner said.</returns>
    private async Task<int> RunAsync(string folder, IReadOnlyDictionary<string, string> environment)
    {
        await client.Built;
        // As files: a folder means another thing to each version of Node.
        var files = Directory.EnumerateFiles(Path.Combine(TypeScriptClient.Folder, "test", folder), "*.test.ts")
            .Select(file => Path.Combine("build", folder, Path.ChangeExtension(Path.GetFileName(file), "js")));
        var (exit, output) = await TypeScriptClient.RunAsync(environment, "node", ["--test", "--test-reporter=tap", .. files]);
        exit.ShouldBe(0, output);
        return int.Parse(Passed().Match(output).Groups[1].ValueSpan, System.Globalization.CultureInfo.InvariantCulture);
    }

    [GeneratedRegex("^# pass ([0-9]+)$", RegexOptions.Multiline)]
    private static partial Regex Passed();
}
