using System.Globalization;
using System.Net;
using Lockstep.Tests.Support;
using Lockstep.Tests.Support.OAuth;
using Microsoft.AspNetCore.Http;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Vault.OAuth;

/// <summary>What a token endpoint says or does instead of giving a token. RFC 6749 section 5.2.</summary>
public sealed class OAuthFailureTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_refused_refresh_token_marks_the_credential_tells_its_owner_stops_its_integrations_and_a_new_grant_mends_it()
    {
        await using var fake = await FakeTokenEndpoint.StartAsync(app);
        var client = app.As("refused");
        var grant = fake.Grant();
        fake.End(grant);
        // Not yet expired, but due: a refused grant is not used to its last second.
        var id = await client.StoreGrantAsync(fake.Expired(grant, expiredFor: -3600));
        await app.DueAsync(id, "30 seconds");
        var integration = (await client.PostAsync("/v1/integrations", new
        {
            integrationType = "caldav",
            config = new { url = fake.Url, username = "alice" },
            credentialId = id,
            syncSchedule = new { intervalSeconds = 3600 },
        }).ShouldBeAsync(HttpStatusCode.Created)).Id();

        var problem = await client.RevealAsync(id).ShouldBeProblemAsync(409, "refresh_failed");
        problem.Text("detail").ShouldContain("rotate this credential with oauth");
        problem.ToJsonString().ShouldNotContain("marker-");
        for (var i = 0; i < 5; i++)
            await client.RevealAsync(id).ShouldBeProblemAsync(409, "refresh_failed");
        fake.Calls.ShouldBe(1);
        (await client.GrantAsync(id)).Text("state").ShouldBe("refresh_failed");
        (await client.GrantAsync(id)).Text("failureCode").ShouldBe("invalid_grant");
        (await client.ActionsAsync(id)).ShouldBe(["CREDENTIAL_CREATED", "CREDENTIAL_REFRESH_FAILED"]);
        var stopped = await client.GetAsync($"/v1/integrations/{integration}", Ct).ShouldBeAsync(HttpStatusCode.OK);
        stopped.Text("status").ShouldBe("error");
        stopped.Text("lastSyncErrorCode").ShouldBe("refresh_failed");
        stopped.Text("pausedReason").ShouldBe("credential_revoked");

        await client.RotateGrantAsync(id, fake.Expired(fake.Grant())).ShouldBeAsync(HttpStatusCode.OK);

        (await client.ValueAsync(id)).ShouldStartWith("marker-access-");
        (await client.GrantAsync(id)).Text("state").ShouldBe("active");
        (await client.ActionsAsync(id)).ShouldBe(
            ["CREDENTIAL_CREATED", "CREDENTIAL_REFRESH_FAILED", "CREDENTIAL_ROTATED", "CREDENTIAL_RECOVERED", "CREDENTIAL_REFRESHED", "CREDENTIAL_ACCESSED"]);
        (await client.GetAsync($"/v1/integrations/{integration}", Ct).ShouldBeAsync(HttpStatusCode.OK))["pausedReason"].ShouldBeNull();
    }

    [Fact]
    public async Task The_admins_of_a_workspace_see_that_its_grant_was_refused()
    {
        await using var fake = await FakeTokenEndpoint.StartAsync(app);
        var owner = app.As("told-owner");
        var workspace = (await owner.PostAsync("/v1/workspaces", new { name = "W", slug = "w-told" }).ShouldBeAsync(HttpStatusCode.Created)).Id();
        var id = (await owner.PostAsync("/v1/credentials", new
        {
            name = "g",
            provider = "p",
            type = "OAUTH_TOKEN",
            scope = "WORKSPACE",
            workspaceId = workspace,
            oauth = fake.Expired("a-token-that-nobody-gave"),
        }).ShouldBeAsync(HttpStatusCode.Created)).Id();
        await owner.RevealAsync(id).ShouldBeProblemAsync(409, "refresh_failed");
        var line = (await owner.GetAsync($"/v1/activity?entityId={id}&action=CREDENTIAL_REFRESH_FAILED", Ct).ShouldBeAsync(HttpStatusCode.OK))["items"]![0]!;
        line["details"]!.Text("reason").ShouldBe("invalid_grant");
        (await app.ScalarAsync<Guid>("SELECT workspace_id FROM lockstep.activity_log WHERE entity_id = $1 AND action = 'CREDENTIAL_REFRESH_FAILED'", id)).ShouldBe(workspace);
    }

    [Theory]
    [InlineData(401, """{"error":"invalid_client"}""", "invalid_client")]
    [InlineData(400, """{"error":"unauthorized_client"}""", "unauthorized_client")]
    [InlineData(400, """{"error":"invalid_scope"}""", "invalid_scope")]
    [InlineData(200, """{"error":"incorrect_client_credentials"}""", "incorrect_client_credentials")]
    [InlineData(400, """{"error":"marker-echo-5Tz"}""", "unknown_error")]
    [InlineData(401, "", "http_401")]
    public async Task A_client_that_is_refused_is_a_fault_of_the_configuration_told_once_and_not_tried_at_every_reveal(int status, string body, string code)
    {
        await using var fake = await FakeTokenEndpoint.StartAsync(app);
        fake.Instead = context => AnswerAsync(context, status, body);
        var client = app.As($"config-{code}");
        var id = await client.StoreGrantAsync(fake.Expired(fake.Grant()));
        for (var i = 0; i < 3; i++)
        {
            var problem = await client.RevealAsync(id).ShouldBeProblemAsync(409, "oauth_misconfigured");
            problem.Text("failure").ShouldBe(code);
            problem.ToJsonString().ShouldNotContain("marker-");
        }
        fake.Calls.ShouldBe(1);
        (await client.ActionsAsync(id)).ShouldBe(["CREDENTIAL_CREATED", "CREDENTIAL_REFRESH_FAILED"]);

        fake.Instead = null;
        await app.DueAsync(id);
        (await client.ValueAsync(id)).ShouldStartWith("marker-access-");
        (await client.GrantAsync(id)).Text("state").ShouldBe("active");
    }

    [Theory]
    [InlineData(503, null)]
    [InlineData(500, null)]
    [InlineData(429, "120")]
    [InlineData(400, null)]
    public async Task While_the_endpoint_is_away_a_token_that_holds_is_served_and_an_expired_one_asks_for_patience(int status, string? retryAfter)
    {
        await using var fake = await FakeTokenEndpoint.StartAsync(app);
        fake.Instead = context =>
        {
            if (retryAfter is not null)
                context.Response.Headers.RetryAfter = retryAfter;
            return AnswerAsync(context, status, status == 400 ? """{"error":"temporarily_unavailable"}""" : "<html>busy</html>");
        };
        var client = app.As($"away-{status}");
        var id = await client.StoreGrantAsync(fake.Expired(fake.Grant(), "the-old-token", expiredFor: -3600));
        await app.DueAsync(id, "30 seconds");

        (await client.ValueAsync(id)).ShouldBe("the-old-token");
        (await client.ValueAsync(id)).ShouldBe("the-old-token");
        fake.Calls.ShouldBe(1);
        await app.DueAsync(id);
        for (var i = 0; i < 3; i++)
        {
            using var answer = await client.RevealAsync(id);
            await Task.FromResult(answer).ShouldBeProblemAsync(503, "token_endpoint_unavailable");
            var wait = int.Parse(answer.Headers.GetValues("Retry-After").Single(), CultureInfo.InvariantCulture);
            wait.ShouldBeInRange(1, 120);
            if (retryAfter is not null)
                wait.ShouldBeGreaterThan(100);
        }
        fake.Calls.ShouldBe(2);

        fake.Instead = null;
        await app.DueAsync(id);
        (await client.ValueAsync(id)).ShouldStartWith("marker-access-");
    }

    [Theory]
    [InlineData(200, "<!DOCTYPE html><title>Sign in</title>", "not_json")]
    [InlineData(200, """{"token_type":"bearer"}""", "no_access_token")]
    [InlineData(200, """{"access_token":"","token_type":"bearer"}""", "no_access_token")]
    [InlineData(200, """{"access_token":"a","token_type":"mac"}""", "token_type")]
    [InlineData(200, """{"access_token":"a\r\nX-Injected: 1","token_type":"bearer"}""", "token_characters")]
    [InlineData(200, """["access_token"]""", "not_json")]
    [InlineData(302, "", "redirect")]
    [InlineData(404, "<html>not here</html>", "http_404")]
    public async Task An_answer_that_is_no_token_is_the_other_servers_fault_and_nothing_of_it_is_kept(int status, string body, string code)
    {
        await using var fake = await FakeTokenEndpoint.StartAsync(app);
        fake.Instead = context =>
        {
            if (status == 302)
                context.Response.Headers.Location = fake.Address.AbsoluteUri;
            return AnswerAsync(context, status, body);
        };
        var client = app.As("malformed");
        var id = await client.StoreGrantAsync(fake.Expired(fake.Grant()), $"m-{status}-{code}-{body.Length}");
        var problem = await client.RevealAsync(id).ShouldBeProblemAsync(502, "token_answer_malformed");
        problem.Text("failure").ShouldBe(code);
        fake.Calls.ShouldBe(1);
        (await app.VersionAsync(id)).ShouldBe(1);
    }

    [Fact]
    public async Task An_endless_answer_is_cut_off()
    {
        await using var fake = await FakeTokenEndpoint.StartAsync(app);
        fake.Instead = async context =>
        {
            await context.Response.WriteAsync("{\"access_token\":\"", Ct);
            var chunk = new string('a', 8_192);
            while (!context.RequestAborted.IsCancellationRequested)
                await context.Response.WriteAsync(chunk, context.RequestAborted);
            return true;
        };
        var client = app.As("endless");
        var id = await client.StoreGrantAsync(fake.Expired(fake.Grant()));
        (await client.RevealAsync(id).ShouldBeProblemAsync(502, "token_answer_malformed")).Text("failure").ShouldBe("too_large");
    }

    [Fact]
    public async Task An_endpoint_that_hangs_up_is_asked_again_after_a_while()
    {
        await using var fake = await FakeTokenEndpoint.StartAsync(app);
        fake.Instead = context =>
        {
            context.Abort();
            return Task.FromResult(true);
        };
        var client = app.As("hangs-up");
        var id = await client.StoreGrantAsync(fake.Expired(fake.Grant()));
        await client.RevealAsync(id).ShouldBeProblemAsync(503, "token_endpoint_unavailable");
        fake.Calls.ShouldBe(1);
        (await client.GrantAsync(id)).Text("failureCode").ShouldBe("no_connection");
        fake.Instead = null;
        await OAuthCalls.UntilAsync(async () =>
        {
            using var answer = await client.RevealAsync(id);
            return answer.StatusCode == HttpStatusCode.OK;
        }, "a token after the pause");
        fake.Calls.ShouldBe(2);
    }

    [Fact]
    public async Task An_endpoint_that_never_answers_holds_nobody_for_longer_than_its_ten_seconds()
    {
        await using var fake = await FakeTokenEndpoint.StartAsync(app);
        fake.HoldFirst = new TaskCompletionSource();
        var client = app.As("silent");
        var id = await client.StoreGrantAsync(fake.Expired(fake.Grant()));
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => client.RevealAsync(id)));
        foreach (var answer in answers)
            await Task.FromResult(answer).ShouldBeProblemAsync(503, "token_endpoint_unavailable");
        fake.Calls.ShouldBe(1);
        (await client.GrantAsync(id)).Text("failureCode").ShouldBe("timeout");
    }

    [Fact]
    public async Task An_access_token_without_a_refresh_token_is_released_until_it_expires()
    {
        var client = app.As("alone");
        var id = await client.StoreGrantAsync(new { accessToken = "alone", expiresAt = "2100-01-01T00:00:00Z" });
        (await client.ValueAsync(id)).ShouldBe("alone");
        await app.DueAsync(id, "30 seconds");
        (await client.ValueAsync(id)).ShouldBe("alone");
        await app.DueAsync(id);
        (await client.RevealAsync(id).ShouldBeProblemAsync(409, "credential_expired")).Text("detail").ShouldContain("refresh token");
    }

    [Fact]
    public async Task A_token_without_a_known_end_is_refreshed_after_an_hour_and_served_while_that_fails()
    {
        await using var fake = await FakeTokenEndpoint.StartAsync(app);
        fake.ExpiresIn = null;
        var client = app.As("endless-token");
        var id = await client.StoreGrantAsync(fake.Expired(fake.Grant()));
        var answer = await client.RevealAsync(id).ShouldBeAsync(HttpStatusCode.OK);
        answer.AsObject().ContainsKey("expiresAt").ShouldBeFalse();
        await app.ScalarAsync<object>("UPDATE lockstep.oauth_grants SET refresh_at = now() WHERE credential_id = $1 RETURNING 1", id);
        fake.Instead = context => AnswerAsync(context, 503, "");
        (await client.ValueAsync(id)).ShouldBe(answer.Text("value"));
        fake.Calls.ShouldBe(2);
    }

    [Fact]
    public async Task An_address_that_is_not_allowed_any_more_gets_no_token()
    {
        await using var fake = await FakeTokenEndpoint.StartAsync(app);
        var client = app.As("moved");
        var id = await client.StoreGrantAsync(fake.Expired(fake.Grant()));
        foreach (var address in new[] { "http://127.0.0.1:9/token", "http://example.com/token", "https://169.254.169.254/token" })
        {
            await app.ScalarAsync<object>("UPDATE lockstep.oauth_grants SET token_endpoint = $2 WHERE credential_id = $1 RETURNING 1", id, address);
            await app.DueAsync(id);
            (await client.RevealAsync(id).ShouldBeProblemAsync(409, "oauth_misconfigured")).Text("failure").ShouldBe("endpoint_not_allowed");
        }
        fake.Calls.ShouldBe(0);
    }

    private static async Task<bool> AnswerAsync(HttpContext context, int status, string body)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = body.StartsWith('{') ? "application/json" : "text/html";
        await context.Response.WriteAsync(body, context.RequestAborted);
        return true;
    }
}
