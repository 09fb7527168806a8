using Lockstep.Calendaring.Caldav;
using Lockstep.Crypto;
using Lockstep.Server.Http;
using Lockstep.Server.Integrations.Caldav;
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

internal sealed record DiscoverAnswer(IReadOnlyList<DiscoveredCalendar> Calendars)
{
    public static DiscoverAnswer Of(Discovery discovery) => new(
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
            .WithName("discoverCalendars").WithSummary("Find the calendars of an account; nothing is stored")
            .ProducesProblem(401).ProducesProblem(422).ProducesProblem(429).ProducesProblem(502).ProducesProblem(504);
        integrations.MapPost("/{id:guid}/test", Test).WithName("testIntegration").WithSummary("Sign in with the stored secret and find the calendars")
            .ProducesProblem(404).ProducesProblem(409).ProducesProblem(422).ProducesProblem(429).ProducesProblem(502).ProducesProblem(504);
    }

    private static async Task<Results<Ok<DiscoverAnswer>, ProblemHttpResult>> Discover(
        DiscoverRequest request, IntegrationRules rules, CaldavClients clients, HttpResponse response, CancellationToken ct)
    {
        using var password = request.Password;
        var errors = new FieldErrors();
        var url = rules.Address(request.Url, "url", errors);
        errors.Require(!string.IsNullOrWhiteSpace(request.Username), "username", "is missing: the name that you sign in with there.");
        errors.Require(password is { Length: > 0 }, "password", "is missing. It is used for this request alone, and not kept.");
        return errors.Any
            ? Problems.Invalid(errors.All)
            : await Look(clients, url!, request.Username!.Trim(), password!, response, ct);
    }

    private static async Task<Results<Ok<DiscoverAnswer>, ProblemHttpResult>> Test(
        Guid id, TenantSession session, IntegrationStore store, CredentialVault vault, CaldavClients clients, HttpResponse response, CancellationToken ct)
    {
        if (await store.Get(session, new IntegrationId(id), ct) is not { } integration)
            return Problems.NotFound();
        if (integration.Credential is not { } credential)
            return NoSecret();
        var outcome = await vault.RevealForSync(session, credential, ct);
        switch (outcome)
        {
            case RevealOutcome.Revealed revealed:
                using (revealed.Value)
                    return await Look(clients, integration.Config.Address, integration.Config.Username, revealed.Value, response, ct);
            case RevealOutcome.NotFound when integration.Workspace is not null:
                return IntegrationProblems.NotAdmin();
            case RevealOutcome.NotFound:
                return NoSecret();
            default:
                return CredentialProblems.Of(outcome, response);
        }
    }

    private static async Task<Results<Ok<DiscoverAnswer>, ProblemHttpResult>> Look(
        CaldavClients clients, Uri url, string username, Secret password, HttpResponse response, CancellationToken ct)
    {
        var answer = await clients.ForPeople(url, username, password.RevealText).DiscoverAsync(ct);
        return answer.TryGet(out var discovery, out var failure)
            ? TypedResults.Ok(DiscoverAnswer.Of(discovery))
            : IntegrationProblems.Of(failure, response);
    }

    private static ProblemHttpResult NoSecret() => Problems.Conflict(
        "credential_revoked", "This integration has no secret to sign in with. Give it one: PATCH with secret.");
}
