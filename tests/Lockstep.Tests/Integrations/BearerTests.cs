using System.Globalization;
using System.Net;
using Lockstep.Tests.Calendaring.Caldav;
using Lockstep.Tests.Support;
using Lockstep.Tests.Support.OAuth;
using Lockstep.Tests.Vault.OAuth;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Integrations;

/// <summary>A calendar account that signs in with the access token of an OAuth credential (RFC 6750).</summary>
public sealed class BearerTests(SyncedApp synced) : IClassFixture<SyncedApp>
{
    private LockstepApp App => synced.App;

    [Fact]
    public async Task A_sync_brings_the_access_token_refreshed_when_it_is_due_or_was_refused()
    {
        await using var fake = await FakeTokenEndpoint.StartAsync(App);
        var client = App.As("bearer");
        var credential = await client.StoreGrantAsync(fake.Expired(fake.Grant()));
        var refused = "";
        var calendar = new FakeCalendar(synced.Fake, "/bearer/work/")
        {
            Instead = _ => LastToken().StartsWith("Bearer marker-access-", StringComparison.Ordinal) && LastToken() != refused ? null! : FakeAnswer.Empty(401),
        };
        calendar.Members["a.ics"] = ("\"1\"", DavProbe.Event("a@bearer", "By token"));

        var made = await client.PostAsync("/v1/integrations", new
        {
            integrationType = "caldav",
            config = new { url = calendar.Url, username = "alice@example.com", calendarPath = calendar.Url, auth = "bearer" },
            credentialId = credential,
            syncSchedule = new { intervalSeconds = 3600 },
        }).ShouldBeAsync(HttpStatusCode.Created);
        var id = made.Id();
        made["config"]!.Text("auth").ShouldBe("bearer");
        await client.SyncedAsync(id);

        (await client.SummariesAsync()).ShouldBe(["By token"]);
        fake.Calls.ShouldBe(1);
        synced.Fake.Requests.Where(request => request.Target.StartsWith("/bearer/", StringComparison.Ordinal))
            .ShouldAllBe(request => request.Authorization!.StartsWith("Bearer marker-access-", StringComparison.Ordinal));

        // The service ends the token before its time: one sync fails, the next one brings another.
        refused = LastToken();
        await App.ScalarAsync<object>("UPDATE lockstep.oauth_grants SET refreshed_at = now() - interval '10 minutes' WHERE credential_id = $1 RETURNING 1", credential);
        var entry = await client.SyncAsync(id).ShouldBeAsync(HttpStatusCode.OK);
        entry.Text("error").ShouldContain("refused the access token");
        (await client.IntegrationAsync(id))["pausedReason"].ShouldBeNull();
        await client.SyncedAsync(id);
        fake.Calls.ShouldBe(2);
        await client.PostAsync($"/v1/integrations/{id}/test", new { }).ShouldBeAsync(HttpStatusCode.OK);
    }

    [Fact]
    public async Task A_grant_that_is_refused_during_a_sync_pauses_the_integration_until_a_new_one_comes()
    {
        await using var fake = await FakeTokenEndpoint.StartAsync(App);
        var client = App.As("bearer-refused");
        var credential = await client.StoreGrantAsync(fake.Expired("a-token-that-nobody-gave"));
        var calendar = new FakeCalendar(synced.Fake, "/bearer/refused/");
        var id = (await client.PostAsync("/v1/integrations", new
        {
            integrationType = "caldav",
            config = new { url = calendar.Url, username = "alice", calendarPath = calendar.Url, auth = "bearer" },
            credentialId = credential,
            syncSchedule = new { intervalSeconds = 3600 },
        }).ShouldBeAsync(HttpStatusCode.Created)).Id();
        // The refused refresh says so at once; the run, with its line in the log, ends after it.
        var stopped = await client.UntilAsync(id, integration => integration["lastSyncErrorCode"]?.GetValue<string>() == "refresh_failed");
        await client.UntilLoggedAsync(id);
        stopped.Text("status").ShouldBe("error");
        stopped["nextSyncAt"].ShouldBeNull();
        stopped.Text("pausedReason").ShouldBe("credential_revoked");
        synced.Fake.To("/bearer/refused/").ShouldBeEmpty();

        await client.RotateGrantAsync(credential, fake.Expired(fake.Grant())).ShouldBeAsync(HttpStatusCode.OK);
        var again = await client.UntilAsync(id, integration => integration["lastSyncAt"] is not null);
        again.Text("status").ShouldBe("active");
    }

    [Fact]
    public async Task A_bearer_token_is_never_sent_in_clear()
    {
        var problem = await App.As("bearer-clear").PostAsync("/v1/integrations", new
        {
            integrationType = "caldav",
            config = new { url = "http://calendar.example.com/", username = "alice", auth = "bearer" },
            secret = "a-token",
        }).ShouldBeProblemAsync(422, "invalid_request");
        problem["errors"]!.AsObject().Select(error => error.Key).ShouldBe(["config.url"]);
    }

    private string LastToken() => synced.Fake.Requests.Last().Authorization ?? "";
}
