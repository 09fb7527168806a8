using NodaTime;
using Npgsql;
using Lockstep.Server.Postgres;

namespace Lockstep.Server.Tenancy.ApiTokens;

/// <summary>A row of <c>lockstep.use_api_token</c>: a token that somebody has shown.</summary>
internal sealed record ApiToken(Guid Id, UserId? User, WorkspaceId? Workspace, byte[] Hash, TokenGrant Grant, Instant? ExpiresAt, bool Revoked)
{
    /// <summary><c>token:ID of user:ID</c> or <c>token:ID of workspace:ID</c>.</summary>
    public string Actor => $"token:{Id} of {new Tenant(User, Workspace)}";

    /// <summary>In whose context it works: its user, or itself.</summary>
    public UserId ActsAs => User ?? new UserId(Id);

    public static ApiToken Read(NpgsqlDataReader row)
    {
        var id = row.GetGuid(0);
        var user = row.GetGuidOrNull(1);
        var workspace = row.GetGuidOrNull(2);
        var limits = TokenGrant.LimitsOf(
            row.IsDBNull(5) ? null : row.GetFieldValue<Guid[]>(5), row.IsDBNull(6) ? null : row.GetFieldValue<string[]>(6));
        return new(
            id,
            user is { } u ? new UserId(u) : null,
            workspace is { } w ? new WorkspaceId(w) : null,
            row.GetBytes(3),
            new TokenGrant(id, workspace is not null, row.GetFieldValue<string[]>(4).ToHashSet(StringComparer.Ordinal), limits),
            row.GetInstantOrNull(7),
            row.GetBoolean(8));
    }
}

/// <summary>What came of looking at a token.</summary>
internal abstract record ApiTokenOutcome
{
    private ApiTokenOutcome() { }

    public sealed record Valid(ApiToken Token) : ApiTokenOutcome;

    /// <summary>No token of this installation, or a mistyped one.</summary>
    public sealed record Unknown : ApiTokenOutcome;

    public sealed record Expired : ApiTokenOutcome;

    public sealed record Revoked : ApiTokenOutcome;

    /// <summary>Too many unknown ones came from this address.</summary>
    public sealed record Braked(TimeSpan RetryAfter) : ApiTokenOutcome;
}
