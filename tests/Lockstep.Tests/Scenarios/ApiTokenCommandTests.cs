using System.Net;
using Lockstep.Tests.Support;
using Lockstep.Tests.Vault;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Scenarios;

public sealed class ApiTokenCommandTests
{
    [Fact]
    public async Task A_token_made_by_the_command_works_is_listed_without_itself_and_ends_when_revoked()
    {
        await using var installation = new Installation();
        var server = await installation.ServeAsync();
        string[] target = ["--user", "you@example.com", "--server", server.Url.ToString(), "--data-dir", installation.Data];
        var id = (await server.Client(await installation.TokenAsync("you@example.com")).StoreAsync("mail", "a-secret-value")).Id();

        var made = await installation.RunAsync(["api-token", "create", "deploy", "--scope", "credentials:reveal", "--credential", id.ToString(), "--expires-in-days", "30", .. target]);
        (await made.Ended).ShouldBe(0, made.Errors);
        var token = made.Output.Trim();
        var service = server.Client(token);
        (await service.ValueAsync(id)).ShouldBe("a-secret-value");
        await service.GetAsync("/v1/credentials").ShouldBeProblemAsync(403, "scope_required");

        var listed = await installation.RunAsync(["api-token", "list", .. target]);
        listed.Output.ShouldContain("deploy");
        listed.Output.ShouldContain("[credentials:reveal]");
        listed.Output.ShouldNotContain(token);
        var revoked = await installation.RunAsync(["api-token", "revoke", listed.Output.Split(' ')[0], .. target]);
        (await revoked.Ended).ShouldBe(0, revoked.Errors);
        await service.RevealAsync(id).ShouldBeProblemAsync(401, "token_revoked");

        var refused = await installation.RunAsync(["api-token", "create", "deploy", "--scope", "everything", .. target]);
        (await refused.Ended).ShouldBe(1);
        refused.Errors.ShouldContain("is no scope");
        var nowhere = await installation.RunAsync(["api-token", "list", "--user", "you@example.com", "--server", "http://127.0.0.1:1", "--data-dir", installation.Data]);
        (await nowhere.Ended).ShouldBe(4);
        (await server.StopAsync()).ShouldBe(0, server.Errors);
        server.Output.ShouldNotContain(token);
        server.Errors.ShouldNotContain(token);
    }
}
