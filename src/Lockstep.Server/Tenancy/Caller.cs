using System.Net;
using Lockstep.Server.Tenancy.ApiTokens;

namespace Lockstep.Server.Tenancy;

/// <summary>On whose behalf work is done, on a request or in the background.</summary>
/// <param name="User">Whose rows are visible; null for the service role without a user context.</param>
/// <param name="Role">Decides the login: <see cref="CallerRole.Authenticated"/> works as <c>lockstep_app</c>.</param>
/// <param name="Actor">Who the audit names: <c>user:UUID</c>, <c>token:UUID of user:UUID</c>, <c>service:SUBJECT</c> or <c>worker</c>.</param>
/// <param name="Address">Where the request came from; null for work of our own.</param>
/// <param name="RequestId">The id that the answer carries as well; null for work of our own.</param>
/// <param name="Only">Narrows what is seen to one integration, its credential and its calendars; null does not narrow.</param>
/// <param name="Token">What the API token allows that the request came with; null without one.</param>
internal sealed record Caller(
    UserId? User, CallerRole Role, string Actor, IPAddress? Address = null, string? RequestId = null, IntegrationId? Only = null,
    TokenGrant? Token = null)
{
    /// <summary>Background work done for one user: it sees what that user sees.</summary>
    public static Caller Worker(UserId user) => new(user, CallerRole.Authenticated, "worker");

    /// <summary>The sync of one integration: of what that user sees, that integration alone (settled, 5).</summary>
    public static Caller Worker(UserId user, IntegrationId only) => Worker(user) with { Only = only };

    /// <summary>Work of the system itself: SYSTEM credentials, keys, claiming due work.</summary>
    public static readonly Caller Service = new(null, CallerRole.Service, "worker");

    /// <summary>The user who owns and makes things; null also for a workspace's token, in whose context <see cref="User"/> is the token.</summary>
    public UserId? Person => Token is { OfWorkspace: true } ? null : User;

    /// <summary>The user, where an operation has none without one.</summary>
    /// <exception cref="InvalidOperationException">The endpoint let a service caller through: a bug.</exception>
    public UserId RequiredUser => User ?? throw new InvalidOperationException("This operation needs a user context.");
}

internal enum CallerRole
{
    /// <summary>A user, through the role <c>authenticated</c>.</summary>
    Authenticated,

    /// <summary>The operator's own software, through <c>service_role</c>.</summary>
    Service,
}
