using System.Net;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Tenancy;

public sealed class WorkspaceTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    [Fact]
    public async Task Who_makes_a_workspace_owns_it()
    {
        var made = await app.As("founder").PostAsync("/v1/workspaces", new { name = "Acme" }).ShouldBeAsync(HttpStatusCode.Created);
        var listed = await app.As("founder").GetAsync("/v1/workspaces").ShouldBeAsync(HttpStatusCode.OK);
        listed["items"]!.AsArray().Count(item => item!.Id() == made.Id() && item!.Text("role") == "owner").ShouldBe(1);
    }

    [Fact]
    public async Task A_stranger_sees_nothing_and_gets_the_404_of_an_unknown_id_on_every_verb()
    {
        var made = await app.As("insider").PostAsync("/v1/workspaces", new { name = "Secret" }).ShouldBeAsync(HttpStatusCode.Created);
        var stranger = app.As("stranger");
        (await stranger.GetAsync("/v1/workspaces").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray().Count.ShouldBe(0);
        foreach (var id in new[] { made.Id(), Guid.CreateVersion7() })
        {
            await stranger.GetAsync($"/v1/workspaces/{id}/members").ShouldBeProblemAsync(404, "not_found");
            await stranger.DeleteAsync($"/v1/workspaces/{id}").ShouldBeProblemAsync(404, "not_found");
            await stranger.GetAsync($"/v1/workspaces/{id}/invitations").ShouldBeProblemAsync(404, "not_found");
            await stranger.DeleteAsync($"/v1/workspaces/{id}/invitations/{Guid.CreateVersion7()}").ShouldBeProblemAsync(404, "not_found");
            await stranger.PostAsync($"/v1/workspaces/{id}/members", new { userId = app.UserId("stranger"), role = "owner" }).ShouldBeProblemAsync(404, "not_found");
            await stranger.PostAsync($"/v1/workspaces/{id}/members", new { email = "x@example.com", role = "admin" }).ShouldBeProblemAsync(404, "not_found");
            await stranger.DeleteAsync($"/v1/workspaces/{id}/members/{app.UserId("insider")}").ShouldBeProblemAsync(404, "not_found");
        }
    }

    [Fact]
    public async Task Only_owners_make_owners_and_the_last_one_stays()
    {
        var owner = app.As("o1");
        var id = (await owner.PostAsync("/v1/workspaces", new { name = "Roles" }).ShouldBeAsync(HttpStatusCode.Created)).Id();
        await app.As("a1").GetAsync("/v1/workspaces").ShouldBeAsync(HttpStatusCode.OK);
        await owner.PostAsync($"/v1/workspaces/{id}/members", new { userId = app.UserId("a1"), role = "admin" }).ShouldBeAsync(HttpStatusCode.OK);
        var admin = app.As("a1");
        await admin.PostAsync($"/v1/workspaces/{id}/members", new { userId = app.UserId("a1"), role = "owner" }).ShouldBeProblemAsync(403, "role_required");
        await admin.DeleteAsync($"/v1/workspaces/{id}/members/{app.UserId("o1")}").ShouldBeProblemAsync(403, "role_required");
        await owner.DeleteAsync($"/v1/workspaces/{id}/members/{app.UserId("o1")}").ShouldBeProblemAsync(409, "last_owner");
        await owner.DeleteAsync("/v1/users/me").ShouldBeProblemAsync(409, "last_owner");
        await admin.DeleteAsync($"/v1/workspaces/{id}/members/{app.UserId("a1")}").ShouldBeAsync(HttpStatusCode.NoContent);
    }

    [Fact]
    public async Task Members_know_each_other_by_e_mail_and_admins_take_invitations_back()
    {
        var owner = app.As("inviter");
        var id = (await owner.PostAsync("/v1/workspaces", new { name = "Names" }).ShouldBeAsync(HttpStatusCode.Created)).Id();
        await app.As("colleague").GetAsync("/v1/workspaces").ShouldBeAsync(HttpStatusCode.OK);
        await owner.PostAsync($"/v1/workspaces/{id}/members", new { userId = app.UserId("colleague"), role = "member" }).ShouldBeAsync(HttpStatusCode.OK);
        var colleague = app.As("colleague");
        (await colleague.GetAsync($"/v1/workspaces/{id}/members").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray().Select(item => item!.Text("email"))
            .ShouldBe(["inviter@example.com", "colleague@example.com"]);

        await owner.PostAsync($"/v1/workspaces/{id}/members", new { email = "misspelt@example.com", role = "admin" }).ShouldBeAsync(HttpStatusCode.Accepted);
        await colleague.GetAsync($"/v1/workspaces/{id}/invitations").ShouldBeProblemAsync(403, "role_required");
        var invitation = (await owner.GetAsync($"/v1/workspaces/{id}/invitations").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray().Single()!;
        invitation.Text("email").ShouldBe("misspelt@example.com");
        await colleague.DeleteAsync($"/v1/workspaces/{id}/invitations/{invitation.Id()}").ShouldBeProblemAsync(403, "role_required");
        await owner.DeleteAsync($"/v1/workspaces/{id}/invitations/{invitation.Id()}").ShouldBeAsync(HttpStatusCode.NoContent);
        await owner.DeleteAsync($"/v1/workspaces/{id}/invitations/{invitation.Id()}").ShouldBeProblemAsync(404, "not_found");
        (await app.As("misspelt").GetAsync("/v1/workspaces").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray().Count.ShouldBe(0);
    }

    [Fact]
    public async Task An_invitation_answers_alike_for_known_and_unknown_addresses_and_is_accepted_by_a_verified_one()
    {
        var owner = app.As("host");
        var id = (await owner.PostAsync("/v1/workspaces", new { name = "Party" }).ShouldBeAsync(HttpStatusCode.Created)).Id();
        await app.As("known").GetAsync("/v1/workspaces").ShouldBeAsync(HttpStatusCode.OK);
        foreach (var guest in new[] { "known@example.com", "unknown@example.com" })
            (await owner.PostAsync($"/v1/workspaces/{id}/members", new { email = guest, role = "member" }).ShouldBeAsync(HttpStatusCode.Accepted))
                .ToJsonString().ShouldBe("""{"status":"invited"}""");
        var arrived = await app.As("unknown").GetAsync("/v1/workspaces").ShouldBeAsync(HttpStatusCode.OK);
        arrived["items"]!.AsArray().Single()!.Text("role").ShouldBe("member");
    }

    [Fact]
    public async Task Deleting_a_user_takes_the_workspaces_that_were_the_users_alone()
    {
        var loner = app.As("loner");
        var id = (await loner.PostAsync("/v1/workspaces", new { name = "Alone" }).ShouldBeAsync(HttpStatusCode.Created)).Id();
        await loner.DeleteAsync("/v1/users/me").ShouldBeAsync(HttpStatusCode.NoContent);
        (await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.workspaces WHERE id = $1", id)).ShouldBe(0);
        (await app.ScalarAsync<long>("SELECT count(*) FROM auth.users WHERE id = $1", app.UserId("loner"))).ShouldBe(0);
    }

    [Theory]
    [InlineData("""{"name":"A","slug":"No Good"}""", 422, "invalid_request")]
    [InlineData("""{"name":""}""", 422, "invalid_request")]
    [InlineData("""{"name":"A","unknown":1}""", 400, "invalid_json")]
    [InlineData("""{"name":"A","name":"B"}""", 400, "invalid_json")]
    [InlineData("""{"name":"A"} trailing""", 400, "invalid_json")]
    [InlineData("""{"name":null}""", 400, "invalid_json")]
    [InlineData("""{}""", 400, "invalid_json")]
    [InlineData("""[]""", 400, "invalid_json")]
    [InlineData("", 400, "bad_request")]
    public async Task Bad_input_is_refused_with_a_reason_and_nothing_is_stored(string body, int status, string code)
    {
        var client = app.As("clumsy");
        await client.SendRawAsync(HttpMethod.Post, "/v1/workspaces", body).ShouldBeProblemAsync(status, code);
        (await client.GetAsync("/v1/workspaces").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray().Count.ShouldBe(0);
    }

    [Theory]
    [InlineData("/v1/workspaces", """{"name":"A" """, "invalid_json", "at $, line 1, it ends too early")]
    [InlineData("/v1/workspaces", """{"name":"A",,}""", "invalid_json", "the JSON itself is broken, at byte 13")]
    [InlineData("/v1/workspaces", """{"name":5}""", "invalid_json", "at $.name, line 1, the value has the wrong type")]
    [InlineData("/v1/workspaces", """{"name":null}""", "invalid_json", "may not be null")]
    [InlineData("/v1/workspaces", "", "bad_request", "needs a body of JSON")]
    [InlineData("/v1/credentials", "{}", "invalid_json", "a required member is missing: name, provider, type.")]
    public async Task What_is_wrong_with_a_body_is_said(string path, string body, string code, string says) =>
        (await app.As("clumsy").SendRawAsync(HttpMethod.Post, path, body).ShouldBeProblemAsync(400, code)).Text("detail").ShouldContain(says);

    [Fact]
    public async Task Who_was_deleted_elsewhere_is_told_and_may_begin_anew()
    {
        var client = app.As("deleted-elsewhere");
        await client.GetAsync("/v1/workspaces").ShouldBeAsync(HttpStatusCode.OK);
        await app.ScalarAsync<Guid>("DELETE FROM auth.users WHERE id = $1 RETURNING id", app.UserId("deleted-elsewhere"));
        await client.PostAsync("/v1/matters", new { title = "x" }).ShouldBeProblemAsync(409, "user_deleted");
        await client.PostAsync("/v1/matters", new { title = "x" }).ShouldBeAsync(HttpStatusCode.Created);
    }

    [Fact]
    public async Task What_is_wrong_with_a_parameter_or_a_type_of_body_is_said()
    {
        var client = app.As("clumsy");
        (await client.GetAsync("/v1/credentials?limit=hunter2").ShouldBeProblemAsync(400, "bad_request")).Text("detail").ShouldStartWith("limit cannot be read as it was sent.");
        (await client.PostAsync("/v1/import", new { }).ShouldBeProblemAsync(415, "json_expected")).Text("detail").ShouldContain("/v1/import");
        using var nothing = new HttpRequestMessage(HttpMethod.Post, "/v1/events");
        await client.SendAsync(nothing).ShouldBeProblemAsync(422, "invalid_request");
    }

    [Fact]
    public async Task Deep_nesting_and_large_bodies_are_refused_before_the_database()
    {
        var client = app.As("bomber");
        await client.SendRawAsync(HttpMethod.Post, "/v1/workspaces", new string('[', 10_000)).ShouldBeProblemAsync(400, "invalid_json");
        await client.SendRawAsync(HttpMethod.Post, "/v1/workspaces", $$"""{"name":"{{new string('x', 2 << 20)}}"}""").ShouldBeProblemAsync(413, "body_too_large");
    }
}
