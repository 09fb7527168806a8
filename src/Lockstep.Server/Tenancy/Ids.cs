namespace Lockstep.Server.Tenancy;

/// <summary>A user: the JWT subject when that is a UUID of the configured issuer, else a UUIDv5 of issuer and subject.</summary>
internal readonly record struct UserId(Guid Value)
{
    public override string ToString() => Value.ToString();
}

/// <summary>A workspace, also called organisation or space.</summary>
internal readonly record struct WorkspaceId(Guid Value)
{
    public override string ToString() => Value.ToString();
}

internal readonly record struct CredentialId(Guid Value)
{
    public static CredentialId New() => new(Guid.CreateVersion7());

    public override string ToString() => Value.ToString();
}

internal readonly record struct IntegrationId(Guid Value)
{
    public static IntegrationId New() => new(Guid.CreateVersion7());

    public override string ToString() => Value.ToString();
}

internal readonly record struct CalendarId(Guid Value)
{
    public static CalendarId New() => new(Guid.CreateVersion7());

    public override string ToString() => Value.ToString();
}

internal readonly record struct EventId(Guid Value)
{
    public static EventId New() => new(Guid.CreateVersion7());

    public override string ToString() => Value.ToString();
}

internal readonly record struct MatterId(Guid Value)
{
    public static MatterId New() => new(Guid.CreateVersion7());

    public override string ToString() => Value.ToString();
}

internal readonly record struct BookingId(Guid Value)
{
    public static BookingId New() => new(Guid.CreateVersion7());

    public override string ToString() => Value.ToString();
}

/// <summary>Who owns a row and whose data key seals it: one user, one workspace, or the system.</summary>
/// <remarks>The text form, <c>user:UUID</c>, <c>workspace:UUID</c> or <c>system</c>, is authenticated with every sealed value.</remarks>
internal readonly record struct Tenant(UserId? User, WorkspaceId? Workspace)
{
    public static readonly Tenant System;

    public static Tenant Of(UserId user) => new(user, null);

    public static Tenant Of(WorkspaceId workspace) => new(null, workspace);

    public override string ToString() => (User, Workspace) switch
    {
        ({ } user, _) => $"user:{user}",
        (_, { } workspace) => $"workspace:{workspace}",
        _ => "system",
    };
}
