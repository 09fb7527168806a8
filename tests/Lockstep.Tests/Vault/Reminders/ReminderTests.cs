using System.Net;
using Lockstep.Server.Vault.Reminders;
using Lockstep.Tests.Support;
using Lockstep.Tests.Vault.Webhooks;
using Microsoft.Extensions.DependencyInjection;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Vault.Reminders;

public sealed class ReminderTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Each_time_before_expiry_is_told_once_by_however_many_nodes_and_again_after_a_prolongation()
    {
        var owner = app.As("reminded");
        await using var receiver = await FakeWebhookReceiver.StartAsync();
        app.Allow(receiver.Url);
        await owner.PostAsync("/v1/webhooks", new { url = receiver.Url, events = new[] { "credential.expiring" } }).ShouldBeAsync(HttpStatusCode.Created);
        var id = (await owner.StoreAsync("k", "a-secret-value")).Id();
        await ExpiresInAsync(id, TimeSpan.FromDays(40));
        await RoundsAsync();
        (await RemindersAsync(owner, id)).ShouldBeEmpty();
        await ExpiresInAsync(id, TimeSpan.FromDays(5));
        await RoundsAsync();
        // Of thirty and seven days the nearest alone.
        (await RemindersAsync(owner, id)).ShouldBe([7 * 86_400]);
        await ExpiresInAsync(id, TimeSpan.FromHours(20));
        await RoundsAsync();
        (await RemindersAsync(owner, id)).ShouldBe([7 * 86_400, 86_400]);
        var messages = await receiver.TakenAsync(app, 2);
        messages.ShouldAllBe(message => message.Type == "credential.expiring" && message.Data.Id("credentialId") == id);
        messages.Select(message => message.Data["expiresWithinSeconds"]!.GetValue<int>()).ShouldBe([7 * 86_400, 86_400], ignoreOrder: true);
    }

    [Fact]
    public async Task A_credential_may_say_its_own_times_or_never_and_revoked_or_expired_ones_are_left_alone()
    {
        var owner = app.As("own-times");
        var id = (await owner.StoreAsync("k", "a-secret-value")).Id();
        (await owner.GetAsync($"/v1/credentials/{id}/reminders").ShouldBeAsync(HttpStatusCode.OK)).ToJsonString().ShouldBe("""{"remindBefore":["30d","7d","1d"],"isDefault":true}""");
        (await owner.SendRawAsync(HttpMethod.Put, $"/v1/credentials/{id}/reminders", """{"remindBefore":["12h","90d"]}""").ShouldBeAsync(HttpStatusCode.OK)).ToJsonString()
            .ShouldBe("""{"remindBefore":["90d","12h"],"isDefault":false}""");
        await ExpiresInAsync(id, TimeSpan.FromDays(80));
        await RoundsAsync();
        (await RemindersAsync(owner, id)).ShouldBe([90 * 86_400]);
        await owner.SendRawAsync(HttpMethod.Put, $"/v1/credentials/{id}/reminders", """{"remindBefore":[]}""").ShouldBeAsync(HttpStatusCode.OK);
        await ExpiresInAsync(id, TimeSpan.FromHours(2));
        var revoked = (await owner.StoreAsync("revoked", "a-secret-value")).Id();
        await owner.PostAsync($"/v1/credentials/{revoked}/revoke", new { }).ShouldBeAsync(HttpStatusCode.OK);
        await ExpiresInAsync(revoked, TimeSpan.FromHours(2));
        var expired = (await owner.StoreAsync("expired", "a-secret-value")).Id();
        await ExpiresInAsync(expired, TimeSpan.FromHours(-2));
        await RoundsAsync();
        (await RemindersAsync(owner, id)).Length.ShouldBe(1);
        (await RemindersAsync(owner, revoked)).ShouldBeEmpty();
        (await RemindersAsync(owner, expired)).ShouldBeEmpty();
        foreach (var wrong in new[] { """["30"]""", """["0h"]""", """["366d"]""", """["1d","x"]""" })
            await owner.SendRawAsync(HttpMethod.Put, $"/v1/credentials/{id}/reminders", $$"""{"remindBefore":{{wrong}}}""").ShouldBeProblemAsync(422, "invalid_request");
        await app.As("not-mine").GetAsync($"/v1/credentials/{id}/reminders").ShouldBeProblemAsync(404, "not_found");
        await app.As("not-mine").SendRawAsync(HttpMethod.Put, $"/v1/credentials/{id}/reminders", """{"remindBefore":[]}""").ShouldBeProblemAsync(404, "not_found");
    }

    /// <summary>Four nodes at once.</summary>
    private async Task RoundsAsync()
    {
        var job = app.Services.GetRequiredService<ReminderJob>();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => job.Round(Ct)));
    }

    private async Task ExpiresInAsync(Guid id, TimeSpan time) =>
        (await app.ScalarAsync<Guid>("UPDATE lockstep.credentials SET expires_at = now() + $2 WHERE id = $1 RETURNING id", id, time)).ShouldBe(id);

    private static async Task<int[]> RemindersAsync(HttpClient owner, Guid id) =>
    [
        .. (await owner.GetAsync($"/v1/activity?entityId={id}&action=CREDENTIAL_EXPIRING").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray()
            .Select(line => line!["details"]!["withinSeconds"]!.GetValue<int>()).Reverse(),
    ];
}
