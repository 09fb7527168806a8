using System.Text.Json;
using NodaTime;

namespace Lockstep.Server.Activity;

/// <summary>One line of the audit.</summary>
/// <param name="Actor"><c>user:UUID</c>, <c>service:SUBJECT</c>, <c>worker</c>, or <c>database:LOGIN</c> for somebody past this program.</param>
/// <param name="ActorUser">The user in whose context it was done; null for work of the system.</param>
/// <param name="UserId">Whose thing it was; null when a workspace's or the system's.</param>
/// <param name="Address">Where the request came from; null for work of our own.</param>
internal sealed record ActivityView(
    Guid Id,
    Instant OccurredAt,
    string Actor,
    Guid? ActorUser,
    string? Address,
    string? RequestId,
    string Action,
    string EntityType,
    Guid? EntityId,
    Guid? UserId,
    Guid? WorkspaceId,
    JsonElement Details);
