using System.Net;
using Lockstep.Server.Tenancy.ApiTokens;
using Lockstep.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Tenancy.ApiTokens;

public sealed class ApiTokenLookupTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    private static readonly IPAddress Address = IPAddress.Parse("192.0.2.1");

    private readonly FakeTime time = new(TimeProvider.System.GetUtcNow());

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Another_node_notices_a_revocation_within_thirty_seconds()
    {
        var owner = app.As("two-nodes");
        var made = await owner.MakeTokenAsync(new { name = "n", scopes = new[] { "sync" } });
        var node = Node();
        (await node.Find(made.Text("token"), Address, Ct)).ShouldBeOfType<ApiTokenOutcome.Valid>().Token.User!.Value.Value.ShouldBe(app.UserId("two-nodes"));
        await owner.DeleteAsync($"/v1/api-tokens/{made["apiToken"]!.Id()}").ShouldBeAsync(HttpStatusCode.NoContent);
        time.Advance(ApiTokenLookup.Fresh - TimeSpan.FromSeconds(1));
        (await node.Find(made.Text("token"), Address, Ct)).ShouldBeOfType<ApiTokenOutcome.Valid>();
        time.Advance(TimeSpan.FromSeconds(1));
        (await node.Find(made.Text("token"), Address, Ct)).ShouldBeOfType<ApiTokenOutcome.Revoked>();
    }

    [Fact]
    public async Task Guessing_is_braked_by_address_and_a_token_that_was_good_before_gets_past_the_brake()
    {
        var good = (await app.As("braked").MakeTokenAsync(new { name = "n", scopes = new[] { "sync" } })).Text("token");
        var node = Node();
        (await node.Find(good, Address, Ct)).ShouldBeOfType<ApiTokenOutcome.Valid>();
        for (var i = 0; i < ApiTokenLookup.UnknownAMinute; i++)
            (await node.Find(ApiTokenText.New(), Address, Ct)).ShouldBeOfType<ApiTokenOutcome.Unknown>();
        (await node.Find(ApiTokenText.New(), Address, Ct)).ShouldBeOfType<ApiTokenOutcome.Braked>().RetryAfter.ShouldBe(TimeSpan.FromMinutes(1));
        (await node.Find(ApiTokenText.New(), IPAddress.Parse("192.0.2.2"), Ct)).ShouldBeOfType<ApiTokenOutcome.Unknown>();
        time.Advance(ApiTokenLookup.Fresh);
        (await node.Find(good, Address, Ct)).ShouldBeOfType<ApiTokenOutcome.Valid>();
        (await node.Find(ApiTokenText.New(), Address, Ct)).ShouldBeOfType<ApiTokenOutcome.Braked>();
        time.Advance(TimeSpan.FromSeconds(30));
        (await node.Find(ApiTokenText.New(), Address, Ct)).ShouldBeOfType<ApiTokenOutcome.Unknown>();
    }

    private ApiTokenLookup Node() => new(app.Services.GetRequiredService<Server.Postgres.Database>(), time);
}
