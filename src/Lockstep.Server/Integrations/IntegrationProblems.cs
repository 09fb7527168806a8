using System.Globalization;
using Lockstep.Calendaring.Caldav;
using Lockstep.Server.Http;
using Lockstep.Server.Integrations.Caldav;
using Lockstep.Server.Vault;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using NodaTime;

namespace Lockstep.Server.Integrations;

/// <summary>What the outcomes that are no success say over HTTP.</summary>
internal static class IntegrationProblems
{
    public static ProblemHttpResult Of(IntegrationOutcome outcome) => outcome switch
    {
        IntegrationOutcome.Invalid invalid => Problems.Invalid(invalid.Errors),
        IntegrationOutcome.NotFound => Problems.NotFound(),
        IntegrationOutcome.NotAdmin => NotAdmin(),
        IntegrationOutcome.Exists => Problems.Conflict("integration_exists",
            "This user name is connected already. Change that integration, or delete it first; nothing was stored."),
        IntegrationOutcome.SecretRequired required => Problems.Of(422, "secret_required",
            $"The address now names {required.Host}, which must not be sent the stored secret unasked. Give the secret again in the same request."),
        IntegrationOutcome.SecretRefused { Why: ChangeOutcome.Invalid invalid } => Problems.Invalid(invalid.Errors),
        IntegrationOutcome.SecretRefused { Why: ChangeOutcome.VersionConflict } => Problems.Conflict("version_conflict",
            "Somebody else changed the secret at the same time. Read the integration, then decide again; your secret was not stored."),
        IntegrationOutcome.SecretRefused => Problems.Of(422, "integrity_failure",
            "The stored secret does not open in its place, so that it cannot be replaced. Delete the integration and connect it again."),
        _ => throw new InvalidOperationException($"{outcome.GetType().Name} is no problem."),
    };

    public static ProblemHttpResult Of(RunRequest request, HttpResponse response, TimeProvider time)
    {
        switch (request)
        {
            case RunRequest.NotFound:
                return Problems.NotFound();
            case RunRequest.NotAdmin:
                return NotAdmin();
            case RunRequest.NothingToSync:
                return NothingToSync();
            case RunRequest.Disabled:
                return Problems.Conflict("integration_disabled", "This integration is switched off. Enable it first: PATCH with enabled true.");
            case RunRequest.Paused { Pause: { Reason: PauseReasons.Throttled, Until: { } until } } throttled:
                var wait = (until - Instant.FromDateTimeOffset(time.GetUtcNow())).TotalSeconds;
                response.Headers.RetryAfter = Math.Max(1, (int)Math.Ceiling(wait)).ToString(CultureInfo.InvariantCulture);
                return Problems.Of(429, "integration_throttled", throttled.Why ?? "The server asked for fewer requests.", RetryAt(until));
            case RunRequest.Paused paused:
                return Problems.Of(409, "integration_paused", $"{paused.Why ?? "This integration is paused."}{Remedy(paused.Pause)}", RetryAt(paused.Pause.Until));
            default:
                throw new InvalidOperationException($"{request.GetType().Name} is no problem.");
        }
    }

    private static string Remedy(Pause pause) => pause.Reason switch
    {
        PauseReasons.Unauthorized => " Nothing is sent before that changes: PATCH this integration with the right secret, or rotate its credential.",
        PauseReasons.CredentialRevoked => " Nothing is sent before that changes: rotate its credential, or PATCH this integration with another secret.",
        _ => "",
    };

    public static ProblemHttpResult Of(CaldavFailure failure, HttpResponse response)
    {
        if (failure is CaldavFailure.Throttled { RetryAfter: { } wait })
            response.Headers.RetryAfter = ((int)Math.Ceiling(wait.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        return Problems.Of(CaldavFailures.Status(failure), CaldavFailures.Code(failure), CaldavFailures.Sentence(failure));
    }

    public static ProblemHttpResult NothingToSync() => Problems.Conflict("nothing_to_sync",
        "Nothing is read or tried here: this type is kept for your own software, or what is stored of this integration cannot be read (its lastSyncError says so).");

    public static ProblemHttpResult NotAdmin() => Problems.Forbidden(
        "admin_required", "This integration belongs to a workspace. Ask one of its admins.");

    private static Dictionary<string, object?> RetryAt(Instant? until) => new() { ["retryAt"] = until?.ToString() };
}
