using System.Diagnostics;
using System.Text.Json.Serialization;
using Lockstep.Calendaring.Caldav;
using Lockstep.Crypto;
using Lockstep.Server.Http;
using Lockstep.Server.Integrations.Caldav;
using Lockstep.Server.Integrations.Feed;
using Lockstep.Server.Integrations.Types;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Vault;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Lockstep.Server.Integrations;

/// <param name="Components">Such as VEVENT and VTODO; empty when the server does not say, which means any.</param>
internal sealed record DiscoveredCalendar(string Href, string Name, string? Color, IReadOnlyList<string> Components, bool ReadOnly);

/// <param name="Url">The address that answered: give it as <c>config.url</c>.</param>
internal sealed record DiscoverAnswer(string Url, IReadOnlyList<DiscoveredCalendar> Calendars)
{
    /// <summary>The HTTP status with which a receiver took the test message, or a service the key; absent for calendars.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Answered { get; init; }

    public static DiscoverAnswer Of(Uri url, Discovery discovery) => new(
    url.AbsoluteUri,
    [
        .. discovery.Calendars.Select(calendar => new DiscoveredCalendar(
            calendar.Href.ToString(), calendar.Name, calendar.Color, calendar.Components, calendar.ReadOnly)),
    ]);
}

/// <summary>Looks at an account before it is connected, or once it is.</summary>
internal static class DiscoveryEndpoints
{
    public static void MapDiscovery(this IEndpointRouteBuilder routes, RouteGroupBuilder integrations)
    {
        routes.MapPost("/v1/caldav/discover", Discover).RequireAuthorization(Policies.User).WithTags("Integrations")
            .WithTokenScope(TokenScopes.WriteIntegrations)
            .WithName("discoverCalendars").WithSummary("Find the calendars of an account; nothing is stored")
            .ProducesProblem(401).ProducesProblem(422).ProducesProblem(429).ProducesProblem(502).ProducesProblem(504);
        integrations.MapPost("/{id:guid}/test", Test).WithName("testIntegration").WithSummary("Try the connection with the stored secret: find the calendars, or send a test message, or ask with the key")
            .ProducesProblem(404).ProducesProblem(409).ProducesProblem(422).ProducesProblem(429).ProducesProblem(502).ProducesProblem(504);
    }

    internal static async Task<Results<Ok<DiscoverAnswer>, ProblemHttpResult>> Discover(
        DiscoverRequest request, AccountUrls addresses, CaldavClients clients, HttpResponse response, CancellationToken ct)
    {
        using var password = request.Password;
        var errors = new FieldErrors();
        var urls = await addresses.Of(request.Url, "url", errors, ct);
        errors.Require(!string.IsNullOrWhiteSpace(request.Username), "username", "is missing: the name that you sign in with there.");
        errors.Require(password is { Length: > 0 }, "password", "is missing. It is used for this request alone, and not kept.");
        return errors.Any
            ? Problems.Invalid(errors.All)
            : await Look(clients, urls, request.Username!.Trim(), password!, CaldavScheme.Password, response, ct);
    }

    /// <summary>Whether a calendar is under that address, before it is kept.</summary>
    /// <returns>The address is in no answer: whoever has it reads the calendar.</returns>
    internal static async Task<Results<Ok<DiscoverAnswer>, ProblemHttpResult>> DiscoverFeed(Secret? address, FeedClient feeds, CancellationToken ct)
    {
        if (FeedSync.AddressOf(address) is not { } url)
            return Problems.Of(422, "not_an_address", "That is no address of a calendar: one begins with https:// or webcal://. Copy it whole, and paste it once more.");
        return await feeds.Get(url, null, ct) switch
        {
            FeedAnswer.Failed({ Code: "feed_forbidden" }) => Problems.Of(422, "feed_forbidden", $"{url.Host} does not show this calendar to whoever has the address. Get its secret address, or share it there, and paste the address once more."),
            FeedAnswer.Failed({ Code: "feed_not_found" }) => Problems.Of(422, "feed_not_found", $"{url.Host} has no calendar under this address. Copy it whole, and paste it once more."),
            FeedAnswer.Failed({ Code: "feed_unreachable" }) => Problems.Of(502, "feed_unreachable", $"{url.Host} did not answer. Check the address, or try again in a moment."),
            FeedAnswer.Failed({ Code: "feed_server_error" }) => Problems.Of(502, "feed_server_error", $"{url.Host} answered with an error of its own. Check the address, or try again in a moment."),
            FeedAnswer.Failed(var failure) => Problems.Of(failure.Kind == FailureKind.Throttled ? 429 : 422, failure.Code, failure.Message),
            FeedAnswer.File(var text, _) when !text.Contains("BEGIN:VCALENDAR", StringComparison.OrdinalIgnoreCase) => Problems.Of(422, FeedFault.NoCalendar.Code,
                $"{url.Host} answers, but not with a calendar: it may be the address of its web page. Look for the one that ends with .ics or is called \"iCal\"."),
            FeedAnswer.File(var text, _) => Seen(url, text),
            _ => throw new UnreachableException(),
        };
    }

    internal static async Task<Results<Ok<DiscoverAnswer>, ProblemHttpResult>> Test(
        Guid id, TenantSession session, IntegrationStore store, CredentialVault vault, CaldavClients clients, FeedClient feeds, ConnectionTest others, HttpResponse response, CancellationToken ct)
    {
        if (await store.Get(session, new IntegrationId(id), ct) is not { } integration)
            return Problems.NotFound();
        if (integration.Config is FeedConfig { Private: false } open)
            return await Look(feeds, open.Address, response, ct);
        if (integration.Config is UnreadableConfig)
            return IntegrationProblems.NothingToSync();
        if (integration.Config is ApiKeyConfig given)
            ConnectionTest.RequireTestable(given);
        if (integration is { Credential: null, VaultSecret: not null })
            return Problems.Of(422, "nothing_to_test", "Its secret lies in the SQL vault and is opened for a sync alone, which says whether it works.");
        if (integration.Credential is not { } credential)
        {
            return integration.Config is not WebhookConfig unsigned ? NoSecret()
                : await IntegrationStore.Administers(session, integration, ct) ? Took(unsigned, await others.Webhook(unsigned, id, null, ct))
                : IntegrationProblems.NotAdmin();
        }
        // As any reveal by a person: within his limit, watched by the breaker, in the audit each time. A test can be pointed at any server.
        var outcome = await vault.Reveal(session, credential, "test", ct);
        switch (outcome)
        {
            case RevealOutcome.Revealed revealed:
                using (revealed.Value)
                {
                    return integration.Config switch
                    {
                        CaldavConfig account => await Look(clients, [account.Address], account.Username, revealed.Value, account.Scheme, response, ct),
                        WebhookConfig receiver => Took(receiver, await others.Webhook(receiver, id, revealed.Value, ct)),
                        ApiKeyConfig service => Took(service, await others.ApiKey(service, revealed.Value, ct)),
                        _ => await Look(feeds, FeedSync.AddressOf(revealed.Value), response, ct),
                    };
                }
            case RevealOutcome.NotFound when integration.Workspace is not null:
                return IntegrationProblems.NotAdmin();
            case RevealOutcome.NotFound:
                return NoSecret();
            default:
                return CredentialProblems.Of(outcome, response);
        }
    }

    internal static async Task<Results<Ok<DiscoverAnswer>, ProblemHttpResult>> Look(
        CaldavClients clients, IReadOnlyList<Uri> urls, string username, Secret secret, CaldavScheme scheme, HttpResponse response, CancellationToken ct)
    {
        CaldavFailure? first = null;
        foreach (var url in urls)
        {
            var answer = await clients.ForPeople(url, username, secret.RevealText, scheme).DiscoverAsync(ct);
            if (answer.TryGet(out var discovery, out var failure))
                return TypedResults.Ok(DiscoverAnswer.Of(url, discovery));
            first ??= failure;
            // RFC 2782: the next server of a service is for when this one cannot be reached; a refused password is not shown to others.
            if (failure is not CaldavFailure.Unreachable)
                break;
        }
        return IntegrationProblems.Of(first!, response);
    }

    /// <summary>A feed is one calendar, which nobody writes to; of a private one its address is not told.</summary>
    private static async Task<Results<Ok<DiscoverAnswer>, ProblemHttpResult>> Look(FeedClient feeds, Uri? url, HttpResponse response, CancellationToken ct) => url is null
        ? NoSecret()
        : await feeds.Get(url, null, ct) switch
        {
            FeedAnswer.Failed(var failure) => Problems.Of(failure.Kind == FailureKind.Throttled ? 429 : 502, failure.Code, failure.Message),
            FeedAnswer.File(var text, _) => Seen(url, text),
            _ => throw new UnreachableException(),
        };

    private static Results<Ok<DiscoverAnswer>, ProblemHttpResult> Seen(Uri url, string text) => FeedFile.Read(text, "", out var fault) is { } file
        ? TypedResults.Ok(new DiscoverAnswer(
            url.GetLeftPart(UriPartial.Authority) + "/", [new DiscoveredCalendar("", $"{file.Objects.Count} events", null, ["VEVENT"], true)]))
        : Problems.Of(422, fault!.Code, $"{url.Host} {fault.Sentence}");

    private static Ok<DiscoverAnswer> Took(IntegrationConfig config, int status) => TypedResults.Ok(new DiscoverAnswer(config.Address!.AbsoluteUri, []) { Answered = status });

    private static ProblemHttpResult NoSecret() => Problems.Conflict(
        "credential_revoked", "This integration has no secret to sign in with. Give it one: PATCH with secret.");
}
