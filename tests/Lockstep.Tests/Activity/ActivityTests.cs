using System.Net;
using Lockstep.Tests.Support;
using Lockstep.Tests.Vault;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Activity;

public sealed class ActivityTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    [Fact]
    public async Task The_newest_comes_first_and_pages_follow_without_gap_or_repetition()
    {
        var client = app.As("reader");
        for (var i = 0; i < 7; i++)
            await client.StoreAsync($"k{i}", "a-secret-value");
        var names = new List<string>();
        string? next = null;
        do
        {
            var page = await client.GetAsync($"/v1/activity?action=CREDENTIAL_CREATED&limit=3{(next is null ? "" : $"&after={next}")}").ShouldBeAsync(HttpStatusCode.OK);
            names.AddRange(page["items"]!.AsArray().Select(line => line!["details"]!.Text("name")));
            next = page["next"]?.GetValue<string>();
        }
        while (next is not null);
        names.ShouldBe(["k6", "k5", "k4", "k3", "k2", "k1", "k0"]);
        await client.GetAsync("/v1/activity?limit=201").ShouldBeProblemAsync(422, "invalid_request");
        await client.GetAsync("/v1/activity?after=x").ShouldBeProblemAsync(400, "bad_request");
    }

    [Fact]
    public async Task A_user_reads_no_other_users_lines_and_nobody_reads_without_a_token()
    {
        await app.As("private").StoreAsync("k", "a-secret-value");
        (await app.As("curious").GetAsync("/v1/activity").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray().ShouldBeEmpty();
        await app.Anonymous().GetAsync("/v1/activity").ShouldBeProblemAsync(401, "token_missing");
    }

    [Fact]
    public async Task The_service_role_without_a_user_reads_every_line()
    {
        var id = (await app.As("watched").StoreAsync("k", "a-secret-value")).Id();
        (await app.AsService().ActionsAsync(id)).ShouldBe(["CREDENTIAL_CREATED"]);
        await app.As("reader-of-none").GetAsync("/v1/credentials").ShouldBeAsync(System.Net.HttpStatusCode.OK);
        (await app.AsService(app.UserId("reader-of-none")).ActionsAsync(id)).ShouldBeEmpty();
    }
}
