using System.Net;
using System.Text.Json.Nodes;
using Lockstep.Tests.Support;
using Lockstep.Tests.Vault.Webhooks;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Integrations.Types;

/// <summary>What is kept for software of the owner's can be tried: a receiver gets a signed message, a service is asked with the key.</summary>
public sealed class ConnectionTestTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    private const string Signing = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

    [Fact]
    public async Task A_receiver_gets_a_signed_test_message_and_what_it_answers_is_told()
    {
        await using var receiver = await FakeWebhookReceiver.StartAsync();
        var id = await Connect("webhook", new { url = receiver.Url, events = Array.Empty<string>() }, Signing);
        // A private address is reached by nobody's test before the operator allows it.
        (await Test(id).ShouldBeProblemAsync(422, "address_refused")).Text("detail").ShouldContain("LOCKSTEP_OUTBOUND_ALLOW");
        receiver.Received.ShouldBeEmpty();
        app.Allow(receiver.Url);

        var answer = await Test(id).ShouldBeAsync(HttpStatusCode.OK);
        (answer["answered"]!.GetValue<int>(), answer["calendars"]!.AsArray().Count).ShouldBe((204, 0));
        var message = receiver.Received.ShouldHaveSingleItem();
        (message.Type, message.Data.Text("integrationId")).ShouldBe(("webhook.test", id));
        message.SignedBy(Signing).ShouldBeTrue();

        receiver.Answer = (_, _) => 410;
        (await Test(id).ShouldBeProblemAsync(502, "webhook_refused")).Text("detail").ShouldContain("answered 410");
        (receiver.Answer, receiver.Location) = ((_, _) => 308, "https://example.com/elsewhere");
        (await Test(id).ShouldBeProblemAsync(502, "webhook_refused")).Text("detail").ShouldContain("sends on");
        await app.As("stranger").PostAsync($"/v1/integrations/{id}/test", new { }).ShouldBeProblemAsync(404, "not_found");
    }

    [Fact]
    public async Task A_service_is_asked_with_the_key_and_only_an_answer_that_proves_it_counts()
    {
        await using var service = await FakeWebhookReceiver.StartAsync();
        app.Allow(service.Url);
        var id = await Connect("api_key", new { service = "billing", baseUrl = service.Url, header = "X-Api-Key", prefix = "Key" }, "a-key-marker");
        foreach (var (status, problem, code) in new[] { (200, 0, ""), (401, 422, "key_refused"), (404, 502, "key_unproven"), (302, 502, "key_unproven"), (429, 429, "service_throttled"), (500, 502, "key_unproven") })
        {
            service.Answer = (_, _) => status;
            if (problem == 0)
                (await Test(id).ShouldBeAsync(HttpStatusCode.OK))["answered"]!.GetValue<int>().ShouldBe(status);
            else
                (await Test(id).ShouldBeProblemAsync(problem, code)).ToJsonString().ShouldNotContain("a-key-marker");
        }
        service.Headers.ShouldAllBe(headers => headers["X-Api-Key"] == "Key a-key-marker");
        // Each is a reveal by a person, though it was the same version within a minute.
        var credential = Guid.Parse((await app.As("keeper").GetAsync($"/v1/integrations/{id}").ShouldBeAsync(HttpStatusCode.OK)).Text("credentialId"));
        (await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.activity_log WHERE entity_id = $1 AND details->>'purpose' = 'test'", credential)).ShouldBe(service.Headers.Count);
        var framed = await Connect("api_key", new { service = "framed", baseUrl = service.Url, header = "Transfer-Encoding" }, "gzip");
        await Test(framed).ShouldBeProblemAsync(422, "key_unsendable");
    }

    [Fact]
    public async Task A_key_of_which_nothing_is_told_has_nothing_to_test()
    {
        var id = await Connect("api_key", new { service = "other" }, "a-key-marker");
        (await Test(id).ShouldBeProblemAsync(422, "nothing_to_test")).Text("detail").ShouldContain("config.baseUrl");
        var clear = await Connect("api_key", new { service = "clear", baseUrl = "http://example.com/", header = "Authorization" }, "a-key-marker");
        await Test(clear).ShouldBeProblemAsync(422, "key_in_clear");
    }

    private Task<HttpResponseMessage> Test(string id) => app.As("keeper").PostAsync($"/v1/integrations/{id}/test", new { });

    private async Task<string> Connect(string type, object config, string secret) =>
        (await app.As("keeper").PostAsync("/v1/integrations", new { integrationType = type, config, secret }).ShouldBeAsync(HttpStatusCode.Created)).Text("id");
}
