using Lockstep.Calendaring.Caldav;
using Lockstep.Server.Outbound;

namespace Lockstep.Server.Integrations.Caldav;

/// <summary>What the failures of a calendar server are called, for people and for programs.</summary>
internal static class CaldavFailures
{
    public static SyncFailure ToSyncFailure(this CaldavFailure failure) => failure switch
    {
        CaldavFailure.Unauthorized => new(FailureKind.Unauthorized, Code(failure), Sentence(failure)),
        CaldavFailure.Throttled throttled => new(FailureKind.Throttled, Code(failure), Sentence(failure), throttled.RetryAfter?.ToTimeSpan()),
        _ => new(FailureKind.Transient, Code(failure), Sentence(failure)),
    };

    /// <summary>Does it concern the account or the whole server, so that further requests are pointless or unwelcome?</summary>
    /// <remarks>An answer that broke off is one calendar's: whatever makes a server choke on it must not keep the others from being read.</remarks>
    public static bool EndsTheRun(this CaldavFailure failure) => failure
        is CaldavFailure.Unauthorized or CaldavFailure.Throttled or CaldavFailure.CredentialsWithheld
        or CaldavFailure.Unreachable { Reason: not UnreachableReason.BrokenOff };

    public static string Code(CaldavFailure failure) => failure switch
    {
        CaldavFailure.Unauthorized => "caldav_unauthorized",
        CaldavFailure.CredentialsWithheld => "caldav_redirected",
        CaldavFailure.RedirectRefused => "caldav_redirected",
        CaldavFailure.Forbidden => "caldav_forbidden",
        CaldavFailure.NotFound => "caldav_not_found",
        CaldavFailure.Throttled => "caldav_throttled",
        CaldavFailure.Unreachable { Reason: UnreachableReason.AddressRefused } => "address_refused",
        CaldavFailure.Unreachable => "caldav_unreachable",
        CaldavFailure.NotCaldav => "not_caldav",
        CaldavFailure.ServerError => "caldav_server_error",
        CaldavFailure.TooLarge => "caldav_too_large",
        CaldavFailure.PreconditionFailed or CaldavFailure.Conflict => "caldav_conflict",
        _ => "caldav_rejected",
    };

    public static string Sentence(CaldavFailure failure) => failure switch
    {
        CaldavFailure.Unauthorized refused when IntegrationTypes.ProviderOf(refused.Host) is { } provider =>
            $"Could not sign in to {refused.Host}: {provider.Name} refused the user name or password. {provider.Hint}"
            + (provider.AppPasswordUrl is { } page ? $" It is made at {page}." : ""),
        CaldavFailure.Unauthorized refused =>
            $"Could not sign in to {refused.Host}: it refused the user name or password. Apple and Fastmail need an app password.",
        CaldavFailure.Unreachable { Reason: UnreachableReason.AddressRefused } refused =>
            $"{refused.Host} may not be reached from here: it is not an address of the public internet. "
            + $"Whoever runs this installation can allow it by adding its host:port to {OutboundAllowList.Setting}.",
        _ => failure.Message,
    };

    /// <summary>The status of a problem document: 4xx for what the caller can change, 5xx for what the other server does.</summary>
    public static int Status(CaldavFailure failure) => failure switch
    {
        CaldavFailure.Throttled => 429,
        CaldavFailure.Unreachable { Reason: UnreachableReason.AddressRefused } => 422,
        CaldavFailure.Unreachable { Reason: UnreachableReason.TimedOut } => 504,
        CaldavFailure.Unreachable or CaldavFailure.ServerError or CaldavFailure.TooLarge => 502,
        _ => 422,
    };
}
