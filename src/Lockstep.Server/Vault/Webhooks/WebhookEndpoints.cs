using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Lockstep.Server.Vault.Webhooks;

/// <summary><c>/v1/webhooks</c>. No API token gets in here: it could have messages sent anywhere.</summary>
internal static class WebhookEndpoints
{
    private const int MostDeliveries = 200;
    private const int UsualDeliveries = 50;

    public static void MapWebhooks(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/v1/webhooks").RequireAuthorization(Policies.User).WithTags("Webhooks")
            .AddEndpointFilter((context, next) =>
            {
                context.HttpContext.Response.Headers.CacheControl = "no-store";
                return next(context);
            })
            .ProducesProblem(401).ProducesProblem(404);
        group.MapPost("", Create).WithName("createWebhook").WithSummary("Be told of what happens to credentials; the answer is the only one that holds the signing secret")
            .ProducesProblem(409).ProducesProblem(422).ProducesProblem(503);
        group.MapGet("", List).WithName("listWebhooks").WithSummary("Your webhooks and those of workspaces you administer");
        group.MapGet("/{id:guid}", Get).WithName("getWebhook").WithSummary("Get a webhook");
        group.MapPatch("/{id:guid}", Update).WithName("updateWebhook").WithSummary("Change where and of what a webhook tells, switch it off or on").ProducesProblem(422);
        group.MapDelete("/{id:guid}", Delete).WithName("deleteWebhook").WithSummary("Delete a webhook and its messages");
        group.MapPost("/{id:guid}/rotate-secret", Rotate).WithName("rotateWebhookSecret").WithSummary("A new signing secret; the former one signs too for 24 hours")
            .ProducesProblem(409).ProducesProblem(503);
        group.MapPost("/{id:guid}/test", Test).WithName("testWebhook").WithSummary("Send a message of type webhook.test").ProducesProblem(409);
        group.MapGet("/{id:guid}/deliveries", Deliveries).WithName("listDeliveries").WithSummary("The newest messages and what came of them; kept for seven days").ProducesProblem(422);
    }

    private static async Task<Results<Created<WebhookSecretAnswer>, ProblemHttpResult>> Create(
        NewWebhook request, TenantSession session, WebhookStore webhooks, CancellationToken ct) =>
        await webhooks.Create(session, request, ct) switch
        {
            WebhookOutcome.WithSecret { Answer: var made } => TypedResults.Created($"/v1/webhooks/{made.Webhook.Id}", made),
            var refused => Problem(refused),
        };

    private static async Task<Ok<Page<WebhookView>>> List(TenantSession session, WebhookStore webhooks, CancellationToken ct, Guid? workspaceId = null) =>
        TypedResults.Ok(new Page<WebhookView>(await webhooks.List(session, workspaceId, ct), null));

    private static async Task<Results<Ok<WebhookView>, ProblemHttpResult>> Get(Guid id, TenantSession session, WebhookStore webhooks, CancellationToken ct) =>
        await webhooks.Get(session, id, ct) is { } webhook ? TypedResults.Ok(webhook) : Problems.NotFound();

    private static async Task<Results<Ok<WebhookView>, ProblemHttpResult>> Update(
        Guid id, WebhookChanges request, TenantSession session, WebhookStore webhooks, CancellationToken ct) =>
        await webhooks.Update(session, id, request, ct) switch
        {
            WebhookOutcome.Done { Webhook: var webhook } => TypedResults.Ok(webhook),
            var refused => Problem(refused),
        };

    private static async Task<Results<NoContent, ProblemHttpResult>> Delete(Guid id, TenantSession session, WebhookStore webhooks, CancellationToken ct) =>
        await webhooks.Delete(session, id, ct) ? TypedResults.NoContent() : Problems.NotFound();

    private static async Task<Results<Ok<WebhookSecretAnswer>, ProblemHttpResult>> Rotate(
        Guid id, TenantSession session, WebhookStore webhooks, CancellationToken ct) =>
        await webhooks.RotateSecret(session, id, ct) switch
        {
            WebhookOutcome.WithSecret { Answer: var rotated } => TypedResults.Ok(rotated),
            var refused => Problem(refused),
        };

    private static async Task<Results<Accepted<WebhookTestAnswer>, ProblemHttpResult>> Test(
        Guid id, TenantSession session, WebhookStore webhooks, CancellationToken ct) =>
        await webhooks.Test(session, id, ct) is { } delivery ? TypedResults.Accepted($"/v1/webhooks/{id}/deliveries", new WebhookTestAnswer(delivery))
        : await webhooks.Get(session, id, ct) is null ? Problems.NotFound()
        : Problems.Conflict("webhook_disabled", "This webhook is switched off. Set isActive to true first.");

    private static async Task<Results<Ok<Page<DeliveryView>>, ProblemHttpResult>> Deliveries(
        Guid id, TenantSession session, WebhookStore webhooks, CancellationToken ct, int limit = UsualDeliveries) =>
        limit is < 1 or > MostDeliveries ? Problems.Invalid("limit", $"is {limit}; it goes from 1 to {MostDeliveries}.")
        : await webhooks.Deliveries(session, id, limit, ct) is { } found ? TypedResults.Ok(new Page<DeliveryView>(found, null))
        : Problems.NotFound();

    private static ProblemHttpResult Problem(WebhookOutcome outcome) => outcome switch
    {
        WebhookOutcome.Invalid invalid => Problems.Invalid(invalid.Errors),
        WebhookOutcome.TooMany => Problems.Conflict("too_many_webhooks", $"There are {WebhookStore.MostPerOwner} webhooks of this owner already. Delete one that is no longer used."),
        WebhookOutcome.RotatedMeanwhile => Problems.Conflict("version_conflict", "Somebody else rotated this secret at the same time. Rotate again if you need one of your own."),
        _ => Problems.NotFound(),
    };
}
