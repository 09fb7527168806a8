using System.Net;
using System.Text.Json.Nodes;
using Lockstep.Server.Outbound;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Vault.Keys;
using Lockstep.Server.Vault.Webhooks;
using Lockstep.Tests.Support;
using Lockstep.Tests.Tenancy.ApiTokens;
using Microsoft.Extensions.DependencyInjection;
using NodaTime;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Vault.Webhooks;

public sealed class WebhookTests(LockstepApp app, PostgresServer postgres) : IClassFixture<LockstepApp>
{
    private const string Value = "sk_live_51HxWebhookMarker9wQ";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_happens_to_a_credential_is_told_signed_once_each_and_nothing_secret_is_in_it()
    {
        var owner = app.As("told");
        await using var receiver = await ReceiverAsync();
        var (id, secret) = await HookAsync(owner, receiver);
        var credential = (await owner.StoreAsync("payments", Value)).Id();
        await owner.ValueAsync(credential);
        await owner.SendRawAsync(HttpMethod.Patch, $"/v1/credentials/{credential}", """{"description":"x"}""").ShouldBeAsync(HttpStatusCode.OK);
        await owner.RotateAsync(credential, Value + "2").ShouldBeAsync(HttpStatusCode.OK);
        await owner.PostAsync($"/v1/credentials/{credential}/revoke", new { }).ShouldBeAsync(HttpStatusCode.OK);
        await owner.DeleteAsync($"/v1/credentials/{credential}").ShouldBeAsync(HttpStatusCode.NoContent);
        // A deed that does not happen leaves no message: it is written in the same transaction.
        await owner.StoreAsync("twice", Value);
        await owner.PostAsync("/v1/credentials", new { name = "twice", provider = "stripe", type = "API_KEY", value = Value }).ShouldBeProblemAsync(409, "credential_exists");

        var messages = await receiver.TakenAsync(app, 5);
        messages.Select(message => message.Type).ShouldBe(
            ["credential.created", "credential.rotated", "credential.revoked", "credential.deleted", "credential.created"], ignoreOrder: true);
        messages.Select(message => message.Id).Distinct().Count().ShouldBe(5);
        messages.ShouldAllBe(message => message.SignedBy(secret) && !message.SignedBy("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
        messages.ShouldAllBe(message => !message.Body.Contains("WebhookMarker", StringComparison.Ordinal) && !message.Body.Contains('*'));
        var rotated = messages.Single(message => message.Type == "credential.rotated").Data;
        rotated.Id("credentialId").ShouldBe(credential);
        rotated.Text("name").ShouldBe("payments");
        rotated["version"]!.GetValue<int>().ShouldBe(2);
        rotated.Text("actor").ShouldBe($"user:{app.UserId("told")}");
        messages.Single(message => message.Type == "credential.deleted").Data.Text("name").ShouldBe("payments");

        // Neither the signing secret nor the address, whose path may be one, is where it does not belong.
        (await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.webhook_secrets s WHERE s::text LIKE '%' || $1 || '%'", secret[6..40])).ShouldBe(0);
        (await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.activity_log l WHERE l::text LIKE '%secret-path%' OR l::text LIKE '%' || $1 || '%'", secret[6..40])).ShouldBe(0);
        (await owner.GetAsync($"/v1/webhooks/{id}").ShouldBeAsync(HttpStatusCode.OK)).ToJsonString().ShouldNotContain("whsec");
        (await owner.GetAsync($"/v1/webhooks/{id}/deliveries").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray()
            .Select(item => item!.Text("state")).ShouldBe(Enumerable.Repeat("delivered", 5));
    }

    [Fact]
    public async Task A_webhook_is_told_of_its_events_and_its_owner_alone()
    {
        var owner = app.As("chooser");
        var workspace = await owner.WorkspaceAsync();
        await using var own = await ReceiverAsync();
        await using var shared = await ReceiverAsync();
        await HookAsync(owner, own, "credential.revoked");
        var made = await owner.PostAsync("/v1/webhooks", new { url = shared.Url, events = WebhookEvents.All, workspaceId = workspace }).ShouldBeAsync(HttpStatusCode.Created);
        var personal = (await owner.StoreAsync("p", Value)).Id();
        await owner.PostAsync($"/v1/credentials/{personal}/revoke", new { }).ShouldBeAsync(HttpStatusCode.OK);
        var team = (await owner.StoreForAsync(workspace, "t", Value)).Id();
        (await own.TakenAsync(app, 1)).Single().Data.Id("credentialId").ShouldBe(personal);
        var told = (await shared.TakenAsync(app, 1)).Single();
        told.Data.Id("credentialId").ShouldBe(team);
        told.Data.Id("workspaceId").ShouldBe(workspace);
        told.SignedBy(made.Text("secret")).ShouldBeTrue();
    }

    [Fact]
    public async Task A_message_that_is_not_taken_comes_again_with_the_same_id_until_it_is()
    {
        var owner = app.As("retried");
        await using var receiver = await ReceiverAsync();
        receiver.Answer = (count, _) => count < 3 ? 500 : 200;
        var (id, secret) = await HookAsync(owner, receiver);
        await owner.StoreAsync("p", Value);
        for (var attempt = 1; attempt <= 3; attempt++)
        {
            await receiver.TakenAsync(app, attempt);
            await DueNowAsync(id);
        }
        await FakeWebhookReceiver.SettledAsync(app);
        receiver.Received.Select(message => message.Id).Distinct().Count().ShouldBe(1);
        receiver.Received.Select(message => message.Body).Distinct().Count().ShouldBe(1);
        receiver.Received.ShouldAllBe(message => message.SignedBy(secret));
        var delivery = (await owner.GetAsync($"/v1/webhooks/{id}/deliveries").ShouldBeAsync(HttpStatusCode.OK))["items"]![0]!;
        delivery.Text("state").ShouldBe("delivered");
        delivery["attempts"]!.GetValue<int>().ShouldBe(3);
        (await owner.GetAsync($"/v1/webhooks/{id}").ShouldBeAsync(HttpStatusCode.OK))["failingSince"].ShouldBeNull();
    }

    [Fact]
    public async Task Addresses_that_are_not_public_not_https_or_carry_a_password_are_refused()
    {
        var owner = app.As("refused");
        foreach (var url in new[] { "https://127.0.0.1/", "https://10.0.0.1/x", "https://169.254.169.254/latest", "https://localhost/", "https://[::1]/", "http://example.com/", "ftp://example.com/", "https://u:p@example.com/", "nothing", "https://example.com/#part" })
        {
            (await owner.PostAsync("/v1/webhooks", new { url, events = new[] { "credential.created" } }).ShouldBeProblemAsync(422, "invalid_request"))["errors"]!["url"].ShouldNotBeNull(url);
        }
        await owner.PostAsync("/v1/webhooks", new { url = "https://example.com/", events = new[] { "credential.accessed" } }).ShouldBeProblemAsync(422, "invalid_request");
        await owner.PostAsync("/v1/webhooks", new { url = "https://example.com/", events = Array.Empty<string>() }).ShouldBeProblemAsync(422, "invalid_request");
    }

    [Fact]
    public async Task A_private_address_is_refused_when_it_is_connected_to_and_a_redirect_leads_nowhere()
    {
        var owner = app.As("inward");
        await using var receiver = await ReceiverAsync();
        await using var inner = await FakeWebhookReceiver.StartAsync();
        var (id, _) = await HookAsync(owner, receiver);
        receiver.Answer = (_, _) => 307;
        receiver.Location = inner.Url.ToString();
        await owner.StoreAsync("p", Value);
        await receiver.TakenAsync(app, 1);
        (await LastErrorAsync(owner, id)).ShouldBe("http_307");
        // As if its name resolved to another address than when it was entered.
        await app.ScalarAsync<Guid>("UPDATE lockstep.webhooks SET url = $2 WHERE id = $1 RETURNING id", id, inner.Url.ToString());
        await DueNowAsync(id);
        await FakeWebhookReceiver.SettledAsync(app);
        (await LastErrorAsync(owner, id)).ShouldBe("address_refused");
        inner.Received.ShouldBeEmpty();
    }

    [Fact]
    public async Task After_a_rotation_both_secrets_sign_until_the_former_ones_time_is_over()
    {
        var owner = app.As("rotator");
        await using var receiver = await ReceiverAsync();
        var (id, former) = await HookAsync(owner, receiver);
        var secret = (await owner.PostAsync($"/v1/webhooks/{id}/rotate-secret", new { }).ShouldBeAsync(HttpStatusCode.OK)).Text("secret");
        secret.ShouldNotBe(former);
        await owner.PostAsync($"/v1/webhooks/{id}/test", new { }).ShouldBeAsync(HttpStatusCode.Accepted);
        var both = (await receiver.TakenAsync(app, 1)).Single();
        both.Type.ShouldBe("webhook.test");
        both.SignedBy(secret).ShouldBeTrue();
        both.SignedBy(former).ShouldBeTrue();
        await app.ScalarAsync<int>("UPDATE lockstep.webhook_secrets SET valid_until = now() WHERE webhook_id = $1 AND version = 1 RETURNING version", id);
        await owner.PostAsync($"/v1/webhooks/{id}/test", new { }).ShouldBeAsync(HttpStatusCode.Accepted);
        var one = (await receiver.TakenAsync(app, 2))[1];
        one.SignedBy(secret).ShouldBeTrue();
        one.SignedBy(former).ShouldBeFalse();
    }

    [Fact]
    public async Task After_new_data_keys_what_is_delivered_is_signed_with_the_same_secret()
    {
        var owner = app.As("rekeyed");
        await using var receiver = await ReceiverAsync();
        var (id, secret) = await HookAsync(owner, receiver);
        const string UnderWhich = "SELECT data_key_id FROM lockstep.webhook_secrets WHERE webhook_id = $1";
        var former = await app.ScalarAsync<Guid>(UnderWhich, id);
        var rotation = app.Services.GetRequiredService<KeyRotation>();
        await rotation.ReplaceDataKeys(SystemClock.Instance.GetCurrentInstant(), (_, _) => { }, Ct);
        (await rotation.Reseal((_, _) => { }, Ct)).Stragglers.ShouldBeEmpty();
        (await app.ScalarAsync<Guid>(UnderWhich, id)).ShouldNotBe(former);
        (await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.data_keys WHERE id = $1", former)).ShouldBe(0);

        await owner.StoreAsync("after", Value);

        (await receiver.TakenAsync(app, 1)).Single().SignedBy(secret).ShouldBeTrue();
    }

    [Fact]
    public async Task A_receiver_that_took_nothing_for_three_days_or_is_gone_is_disabled_the_owner_is_told_and_can_start_it_again()
    {
        var owner = app.As("dead");
        await using var receiver = await ReceiverAsync();
        receiver.Answer = (_, _) => 500;
        var (id, _) = await HookAsync(owner, receiver);
        await owner.StoreAsync("p", Value);
        await receiver.TakenAsync(app, 1);
        await app.ScalarAsync<Guid>("UPDATE lockstep.webhooks SET failing_since = now() - interval '3 days' WHERE id = $1 RETURNING id", id);
        await app.ScalarAsync<Guid>("UPDATE lockstep.webhook_deliveries SET created_at = now() - interval '3 days', next_attempt_at = now() WHERE webhook_id = $1 RETURNING id", id);
        await receiver.TakenAsync(app, 2);
        var hook = await owner.GetAsync($"/v1/webhooks/{id}").ShouldBeAsync(HttpStatusCode.OK);
        hook["isActive"]!.GetValue<bool>().ShouldBeFalse();
        hook.Text("disabledReason").ShouldBe("failing");
        (await owner.ActionsAsync(id)).ShouldBe(["WEBHOOK_CREATED", "WEBHOOK_DISABLED"]);
        await owner.PostAsync($"/v1/webhooks/{id}/test", new { }).ShouldBeProblemAsync(409, "webhook_disabled");
        await owner.StoreAsync("unseen", Value);
        receiver.Answer = (count, _) => count == 3 ? 200 : 410;
        await owner.SendRawAsync(HttpMethod.Patch, $"/v1/webhooks/{id}", """{"isActive":true}""").ShouldBeAsync(HttpStatusCode.OK);
        await owner.StoreAsync("seen", Value);
        (await receiver.TakenAsync(app, 3))[2].Data.Text("name").ShouldBe("seen");
        await owner.StoreAsync("last", Value);
        await LockstepProcess.EventuallyAsync(() => receiver.Received.Count == 4, "the answer 410");
        await LockstepProcess.EventuallyAsync(
            () => app.ScalarAsync<string>("SELECT coalesce(disabled_reason, '') FROM lockstep.webhooks WHERE id = $1", id).GetAwaiter().GetResult() == "gone", "disabled as gone");
    }

    [Fact]
    public async Task Two_nodes_deliver_each_message_once()
    {
        var owner = app.As("crowd");
        await using var other = new LockstepApp(postgres) { ExistingDatabase = app.Database, Keys = app.Keys };
        await other.InitializeAsync();
        await using var receiver = await ReceiverAsync(other);
        var (_, secret) = await HookAsync(owner, receiver);
        await Parallel.ForEachAsync(Enumerable.Range(0, 40), Ct, async (i, _) => await owner.StoreAsync($"c{i}", Value));
        var messages = await receiver.TakenAsync(app, 40);
        messages.Select(message => message.Id).Distinct().Count().ShouldBe(40);
        messages.Select(message => message.Data.Text("name")).Distinct().Count().ShouldBe(40);
        messages.ShouldAllBe(message => message.SignedBy(secret));
    }

    [Fact]
    public async Task Somebody_elses_webhook_is_not_there_and_one_that_is_switched_off_or_deleted_is_told_nothing()
    {
        var (owner, stranger) = (app.As("hooked"), app.As("unhooked"));
        await using var receiver = await ReceiverAsync();
        var (id, _) = await HookAsync(owner, receiver);
        foreach (var hook in new[] { id, Guid.CreateVersion7() })
        {
            await stranger.GetAsync($"/v1/webhooks/{hook}").ShouldBeProblemAsync(404, "not_found");
            await stranger.SendRawAsync(HttpMethod.Patch, $"/v1/webhooks/{hook}", """{"isActive":false}""").ShouldBeProblemAsync(404, "not_found");
            await stranger.PostAsync($"/v1/webhooks/{hook}/test", new { }).ShouldBeProblemAsync(404, "not_found");
            await stranger.PostAsync($"/v1/webhooks/{hook}/rotate-secret", new { }).ShouldBeProblemAsync(404, "not_found");
            await stranger.GetAsync($"/v1/webhooks/{hook}/deliveries").ShouldBeProblemAsync(404, "not_found");
            await stranger.DeleteAsync($"/v1/webhooks/{hook}").ShouldBeProblemAsync(404, "not_found");
        }
        (await stranger.GetAsync("/v1/webhooks").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray().Count.ShouldBe(0);
        var workspace = await owner.WorkspaceAsync();
        await stranger.PostAsync("/v1/webhooks", new { url = receiver.Url, events = WebhookEvents.All, workspaceId = workspace }).ShouldBeProblemAsync(404, "not_found");
        await owner.SendRawAsync(HttpMethod.Patch, $"/v1/webhooks/{id}", """{"isActive":false}""").ShouldBeAsync(HttpStatusCode.OK);
        await owner.StoreAsync("a", Value);
        await owner.DeleteAsync($"/v1/webhooks/{id}").ShouldBeAsync(HttpStatusCode.NoContent);
        await owner.StoreAsync("b", Value);
        await FakeWebhookReceiver.SettledAsync(app);
        receiver.Received.ShouldBeEmpty();
        (await owner.ActionsAsync(id)).ShouldBe(["WEBHOOK_CREATED", "WEBHOOK_UPDATED", "WEBHOOK_DELETED"]);
    }

    [Fact]
    public async Task A_receiver_that_says_nothing_is_given_up_in_time_and_a_user_who_goes_takes_webhooks_along()
    {
        var owner = app.As("silent");
        await using var receiver = await ReceiverAsync();
        var (id, _) = await HookAsync(owner, receiver);
        receiver.Silent = true;
        using var sender = new DeliverySender(
            app.Services.GetRequiredService<DueDeliveries>(), app.Services.GetRequiredService<ValueSealer>(), app.Services.GetRequiredService<OutboundGuard>(),
            new WebhookOptions { Timeout = TimeSpan.FromMilliseconds(300) }, TimeProvider.System);
        var delivery = new Delivery(Guid.CreateVersion7(), id, Tenant.Of(new UserId(app.UserId("silent"))), receiver.Url.ToString(), "webhook.test", "{}", 1);
        (await sender.Send(delivery, Ct)).ShouldBe(DeliveryResult.Failed("timeout"));
        receiver.Silent = false;
        (await sender.Send(delivery, Ct)).ShouldBe(new DeliveryResult("delivered", 204, null));
        // Another's key does not open it: the key is bound to its webhook and owner.
        (await sender.Send(delivery with { Owner = Tenant.Of(new UserId(app.UserId("told"))) }, Ct)).ShouldBe(DeliveryResult.Failed("key_unavailable"));
        await owner.DeleteAsync("/v1/users/me").ShouldBeAsync(HttpStatusCode.NoContent);
        (await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.webhook_secrets WHERE webhook_id = $1", id)).ShouldBe(0);
    }

    private static async Task<string?> LastErrorAsync(HttpClient owner, Guid id) =>
        (await owner.GetAsync($"/v1/webhooks/{id}/deliveries").ShouldBeAsync(HttpStatusCode.OK))["items"]![0]!["lastError"]?.GetValue<string>();

    private async Task<FakeWebhookReceiver> ReceiverAsync(LockstepApp? also = null)
    {
        var receiver = await FakeWebhookReceiver.StartAsync();
        app.Allow(receiver.Url);
        also?.Allow(receiver.Url);
        return receiver;
    }

    private static async Task<(Guid Id, string Secret)> HookAsync(HttpClient owner, FakeWebhookReceiver receiver, params string[] events)
    {
        JsonNode made = await owner.PostAsync("/v1/webhooks", new { url = receiver.Url, events = events.Length == 0 ? WebhookEvents.All : events }).ShouldBeAsync(HttpStatusCode.Created);
        made.Text("secret").ShouldStartWith("whsec_");
        return (made["webhook"]!.Id(), made.Text("secret"));
    }

    private async Task DueNowAsync(Guid webhook) => await app.ScalarAsync<long>(
        "WITH due AS (UPDATE lockstep.webhook_deliveries SET next_attempt_at = now() WHERE webhook_id = $1 AND state = 'pending' RETURNING 1) SELECT count(*) FROM due", webhook);

    [Fact]
    public async Task Revoking_everything_tells_of_each_credential_and_the_admins_of_its_owners_workspaces_once()
    {
        var (owner, leaver) = (app.As("end-owner"), app.As("end-leaver"));
        var workspace = await owner.WorkspaceAsync();
        await using var team = await ReceiverAsync();
        await using var own = await ReceiverAsync();
        await owner.PostAsync("/v1/webhooks", new { url = team.Url, events = new[] { "credential.revoked", "member.credentials_revoked" }, workspaceId = workspace }).ShouldBeAsync(HttpStatusCode.Created);
        await HookAsync(leaver, own, "credential.revoked");
        await owner.PostAsync($"/v1/workspaces/{workspace}/members", new { userId = app.UserId("end-leaver"), role = "member" }).ShouldBeAsync(HttpStatusCode.OK);
        var shared = (await owner.StoreForAsync(workspace, "t", Value)).Id();
        foreach (var name in new[] { "a", "b", "c" })
            await leaver.StoreAsync(name, Value);

        await leaver.PostAsync("/v1/users/me/revoke-credentials", new { reason = "laptop stolen" }).ShouldBeAsync(HttpStatusCode.OK);
        (await own.TakenAsync(app, 3)).ShouldAllBe(message => message.Type == "credential.revoked" && message.Data.Text("reason") == "laptop stolen");
        var told = (await team.TakenAsync(app, 1)).Single();
        told.Type.ShouldBe("member.credentials_revoked");
        (told.Data.Id("memberId"), told.Data["credentials"]!.GetValue<int>(), told.Data.Text("reason")).ShouldBe((app.UserId("end-leaver"), 3, "laptop stolen"));

        await owner.PostAsync($"/v1/workspaces/{workspace}/revoke-credentials", new { reason = "leaked" }).ShouldBeAsync(HttpStatusCode.OK);
        (await team.TakenAsync(app, 2))[^1].Data.Id("credentialId").ShouldBe(shared);
    }
}
