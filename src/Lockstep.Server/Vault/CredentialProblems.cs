using System.Globalization;
using Lockstep.Server.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Lockstep.Server.Vault;

/// <summary>What the outcomes that are no success say over HTTP.</summary>
internal static class CredentialProblems
{
    public static ProblemHttpResult Of(StoreOutcome outcome) => outcome switch
    {
        StoreOutcome.Invalid invalid => Problems.Invalid(invalid.Errors),
        StoreOutcome.NameTaken => NameTaken(),
        StoreOutcome.UnknownWorkspace => Problems.NotFound(),
        StoreOutcome.ScopeForbidden => Problems.Forbidden(
            "scope_forbidden", "Only the service role, without a user context, stores SYSTEM credentials. Use scope USER or WORKSPACE."),
        _ => throw new InvalidOperationException($"{outcome.GetType().Name} is no problem."),
    };

    public static ProblemHttpResult Of(ChangeOutcome outcome) => outcome switch
    {
        ChangeOutcome.Invalid invalid => Problems.Invalid(invalid.Errors),
        ChangeOutcome.NotFound => Problems.NotFound(),
        ChangeOutcome.NameTaken => NameTaken(),
        ChangeOutcome.Revoked => Revoked(),
        ChangeOutcome.VersionConflict { Current: { } current } => Problems.Conflict(
            "version_conflict", $"Version {current} is current, not the expected one. Read the credential, then decide again; nothing was changed."),
        ChangeOutcome.VersionConflict => Problems.Conflict(
            "version_conflict", "Somebody else changed this credential at the same time. Read it, then decide again; your value was not stored."),
        ChangeOutcome.UnknownVersion unknown => UnknownVersion(unknown.Version),
        ChangeOutcome.FormerGrant former => Problems.Conflict(
            "oauth_rollback", $"Version {former.Version} holds an OAuth grant, whose refresh token may have been used since; showing it again can end the whole grant. Connect the account again and rotate with oauth."),
        ChangeOutcome.IntegrityFailure => Damaged(),
        _ => throw new InvalidOperationException($"{outcome.GetType().Name} is no problem."),
    };

    public static ProblemHttpResult Of(RevealOutcome outcome, HttpResponse response)
    {
        switch (outcome)
        {
            case RevealOutcome.Invalid invalid:
                return Problems.Invalid(invalid.Errors);
            case RevealOutcome.NotFound:
                return Problems.NotFound();
            case RevealOutcome.Revoked:
                return Revoked();
            case RevealOutcome.Expired:
                return Problems.Conflict("credential_expired", "This credential has expired. Rotate it and move its expiresAt, or store a new one.");
            case RevealOutcome.UnknownVersion unknown:
                return UnknownVersion(unknown.Version);
            case RevealOutcome.VersionRetired retired:
                return Problems.Conflict("version_retired",
                    $"Version {retired.Version} was replaced and has no time of grace left. Reveal the current one; a rotation takes graceSeconds, and rollback makes a former value current again.");
            case RevealOutcome.IntegrityFailure:
                return Damaged();
            case RevealOutcome.BulkReadBlocked blocked:
                SayWhen(response, blocked.RetryAfter.ToTimeSpan());
                return Problems.Of(429, "bulk_read_blocked",
                    $"You have revealed too many different credentials of this owner in a short time, so you may reveal none until {blocked.RetryAt}. An admin other than you, or the operator, can release you.",
                    new Dictionary<string, object?> { ["retryAt"] = blocked.RetryAt });
            case RevealOutcome.TokenExpired:
                return Problems.Conflict("credential_expired",
                    "The access token has expired, and there is no refresh token to get another one. Rotate with oauth, or with a new access token.");
            case RevealOutcome.RefreshFailed failed:
                return Problems.Of(409, "refresh_failed",
                    "The service no longer accepts the refresh token: it was revoked, has expired, or was used elsewhere. Have the user connect the account again, then rotate this credential with oauth.",
                    Failure(failed.Code));
            case RevealOutcome.GrantMisconfigured wrong:
                SayWhen(response, wrong.RetryAfter);
                return Problems.Of(409, "oauth_misconfigured",
                    $"The access token has expired, and the token endpoint refuses to refresh it ({wrong.Code}). Check tokenEndpoint, clientId, clientSecret, authStyle and scope with the service, then rotate this credential with oauth; it is also tried again by itself.",
                    Failure(wrong.Code));
            case RevealOutcome.AnswerMalformed malformed:
                SayWhen(response, malformed.RetryAfter);
                return Problems.Of(502, "token_answer_malformed",
                    $"The access token has expired, and the token endpoint answered with something else than a token ({malformed.Code}). Check that tokenEndpoint is the right address; it is tried again by itself.",
                    Failure(malformed.Code));
            case RevealOutcome.EndpointUnavailable unavailable:
                SayWhen(response, unavailable.RetryAfter);
                return Problems.Of(503, "token_endpoint_unavailable",
                    "The access token has expired, and the token endpoint does not give another one right now. Try again after the seconds in Retry-After.");
            case RevealOutcome.TooMany tooMany:
                var seconds = SayWhen(response, tooMany.RetryAfter);
                return Problems.Of(429, "reveal_limit",
                    $"You have revealed as many credentials as one hour allows. Try again in {seconds} s, or ask the operator to raise LOCKSTEP_REVEAL_LIMIT.");
            default:
                throw new InvalidOperationException($"{outcome.GetType().Name} is no problem.");
        }
    }

    public static ProblemHttpResult Of(DeleteOutcome outcome) => outcome switch
    {
        DeleteOutcome.NotFound => Problems.NotFound(),
        DeleteOutcome.InUse used => Problems.Of(409, "credential_in_use",
            $"These integrations sign in with it: {string.Join(", ", used.Integrations)}. Delete them or give them another credential first; revoking is possible at any time.",
            new Dictionary<string, object?> { ["integrations"] = used.Integrations }),
        _ => throw new InvalidOperationException($"{outcome.GetType().Name} is no problem."),
    };

    private static ProblemHttpResult UnknownVersion(int version) => Problems.Invalid(
        "version", $"{version} is not kept for this credential. GET .../versions lists the former values that are.");

    private static int SayWhen(HttpResponse response, TimeSpan wait)
    {
        var seconds = (int)Math.Ceiling(wait.TotalSeconds);
        response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        return seconds;
    }

    private static Dictionary<string, object?> Failure(string code) => new() { ["failure"] = code };

    private static ProblemHttpResult NameTaken() => Problems.Conflict(
        "credential_exists", "There is a credential of this provider and name already. Rotate that one, or choose another name.");

    private static ProblemHttpResult Revoked() => Problems.Conflict(
        "credential_revoked", "This credential was revoked, which is for good. Store a new one.");

    private static ProblemHttpResult Damaged() => Problems.Of(422, "integrity_failure",
        "The stored value does not open in its place: it was changed or moved in the database. Nothing was released; the operator has been alarmed.");
}
