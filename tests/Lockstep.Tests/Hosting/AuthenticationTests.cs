using System.Net;
using Lockstep.Server.Tenancy.Jwt;
using Lockstep.Tests.Support;
using NodaTime;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Hosting;

public sealed class AuthenticationTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    [Fact]
    public async Task Without_a_token_every_call_of_the_api_is_401_and_says_how_to_get_one()
    {
        var problem = await app.Anonymous().GetAsync("/v1/workspaces").ShouldBeProblemAsync(401, "token_missing");
        problem.Text("detail").ShouldContain("lockstep token");
    }

    [Fact]
    public async Task A_token_of_another_secret_is_refused()
    {
        var foreign = new JwtIssuer(new JwtOptions("another secret of more than 32 bytes!!"u8.ToArray(), null, null, null), TimeProvider.System)
            .Issue("mallory@example.com", null, JwtClaims.Authenticated, Duration.FromHours(1));
        var client = app.Anonymous();
        client.DefaultRequestHeaders.Authorization = new("Bearer", foreign);
        await client.GetAsync("/v1/workspaces").ShouldBeProblemAsync(401, "token_invalid");
    }

    [Fact]
    public async Task The_service_role_without_a_user_is_kept_from_what_belongs_to_users() =>
        await app.AsService().GetAsync("/v1/workspaces").ShouldBeProblemAsync(403, "role_required");

    [Fact]
    public async Task The_service_role_works_for_the_user_that_it_names()
    {
        var made = await app.As("client").PostAsync("/v1/workspaces", new { name = "Client" }).ShouldBeAsync(HttpStatusCode.Created);
        var seen = await app.AsService(app.UserId("client")).GetAsync("/v1/workspaces").ShouldBeAsync(HttpStatusCode.OK);
        seen["items"]!.AsArray().Single()!.Id().ShouldBe(made.Id());
    }

    [Fact]
    public async Task A_user_cannot_claim_to_work_for_another()
    {
        await app.As("victim").PostAsync("/v1/workspaces", new { name = "Victim" }).ShouldBeAsync(HttpStatusCode.Created);
        var client = app.As("attacker");
        client.DefaultRequestHeaders.Add("Lockstep-On-Behalf-Of", app.UserId("victim").ToString());
        (await client.GetAsync("/v1/workspaces").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray().Count.ShouldBe(0);
    }

    [Fact]
    public async Task An_account_signs_in_with_its_password_alone()
    {
        var accounts = (Server.Tenancy.LocalAccounts)app.Services.GetService(typeof(Server.Tenancy.LocalAccounts))!;
        (await accounts.Create("local@example.com", "correct horse battery", CancellationToken.None)).ShouldBeOfType<Server.Tenancy.AccountOutcome.Created>();
        (await accounts.Create("LOCAL@example.com", "correct horse battery", CancellationToken.None)).ShouldBeOfType<Server.Tenancy.AccountOutcome.Refused>();
        var answer = await app.Anonymous().PostAsync("/v1/sign-in", new { email = "Local@example.com", password = "correct horse battery" }).ShouldBeAsync(HttpStatusCode.OK);
        var client = app.Anonymous();
        client.DefaultRequestHeaders.Authorization = new("Bearer", answer.Text("token"));
        await client.GetAsync("/v1/workspaces").ShouldBeAsync(HttpStatusCode.OK);
        await app.Anonymous().PostAsync("/v1/sign-in", new { email = "local@example.com", password = "wrong horse battery" }).ShouldBeProblemAsync(401, "sign_in_refused");
        await app.Anonymous().PostAsync("/v1/sign-in", new { email = "nobody@example.com", password = "wrong horse battery" }).ShouldBeProblemAsync(401, "sign_in_refused");
    }

    [Fact]
    public async Task Guessing_a_password_is_slowed_for_the_e_mail_that_is_guessed()
    {
        for (var i = 0; i < Server.Tenancy.SignInBrake.TriesAMinute; i++)
            await Guess("target@example.com").ShouldBeProblemAsync(401, "sign_in_refused");
        await Guess("TARGET@example.com").ShouldBeProblemAsync(429, "too_many_sign_ins");
    }

    [Fact]
    public async Task Work_on_behalf_of_nobody_is_refused_before_anything_is_done() =>
        await app.AsService(Guid.CreateVersion7()).PostAsync("/v1/workspaces", new { name = "Nobody's" }).ShouldBeProblemAsync(404, "unknown_user");

    [Theory]
    [InlineData("/v1/credentials?provider=%00")]
    [InlineData("/v1/activity?action=%00")]
    public async Task A_character_that_cannot_be_kept_is_the_callers_mistake(string path) =>
        (await app.As("nul").GetAsync(path)).StatusCode.ShouldBeOneOf(HttpStatusCode.BadRequest, HttpStatusCode.UnprocessableEntity);

    [Fact]
    public async Task An_expiry_that_the_database_would_round_out_of_the_calendar_is_refused()
    {
        var body = new { name = "n", provider = "p", type = "API_KEY", value = "v", expiresAt = "9999-12-31T23:59:59.999999999Z" };
        await app.As("eternal").PostAsync("/v1/credentials", body).ShouldBeProblemAsync(422, "invalid_request");
        (await app.As("eternal").GetAsync("/v1/credentials").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray().Count.ShouldBe(0);
    }

    [Fact]
    public async Task Health_and_metrics_need_no_token()
    {
        var health = await app.Anonymous().GetAsync("/health").ShouldBeAsync(HttpStatusCode.OK);
        health.Text("status").ShouldBe("ok");
        (await app.Anonymous().GetStringAsync("/metrics")).ShouldContain("http_server_request_duration_seconds_count");
    }

    private Task<HttpResponseMessage> Guess(string email) =>
        app.Anonymous().PostAsync("/v1/sign-in", new { email, password = "a wrong password" });
}
