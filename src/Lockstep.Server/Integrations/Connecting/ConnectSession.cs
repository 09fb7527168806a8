using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using NodaTime;
using Npgsql;

namespace Lockstep.Server.Integrations.Connecting;

/// <summary>What the maker of a link is told.</summary>
/// <param name="Status"><c>pending</c>, <c>opened</c>, <c>connected</c>, <c>cancelled</c>, <c>failed</c> or <c>expired</c>.</param>
/// <param name="Url">Only in the answer that makes it.</param>
/// <param name="IntegrationId">Once it is connected.</param>
/// <param name="Failure">Why it failed; null otherwise.</param>
internal sealed record ConnectSessionView(
    Guid Id,
    Guid UserId,
    Guid? WorkspaceId,
    IReadOnlyList<string> IntegrationTypes,
    string ReturnUrl,
    string? State,
    string Status,
    string? Failure,
    Guid? IntegrationId,
    Instant CreatedAt,
    Instant ExpiresAt,
    Instant? FinishedAt,
    string? Url = null)
{
    public static ConnectSessionView Read(NpgsqlDataReader row) => new(
        row.GetGuid(0), row.GetGuid(1), row.GetGuidOrNull(2), row.GetFieldValue<string[]>(3), row.GetString(4), row.GetStringOrNull(5), row.GetString(6),
        row.GetStringOrNull(7), row.GetGuidOrNull(8), row.GetInstant(9), row.GetInstant(10), row.GetInstantOrNull(11));
}

/// <summary>How a link stands for who has shown it.</summary>
internal enum LinkStanding
{
    Open,

    /// <summary>Another page has opened it.</summary>
    Used,

    Expired,

    /// <summary>It has led to an outcome.</summary>
    Finished,
}

/// <summary>A link that somebody has shown.</summary>
/// <param name="Email">Of the user, as far as it is known.</param>
/// <param name="Types">What may be connected.</param>
/// <param name="Outcome">Once it is finished.</param>
internal sealed record ShownLink(
    Guid Id, UserId User, WorkspaceId? Workspace, string? Email, IReadOnlyList<string> Types, string ReturnUrl, string? State, LinkStanding Standing,
    string? Outcome, Guid? Integration)
{
    public static ShownLink Read(NpgsqlDataReader row) => new(
        row.GetGuid(0),
        new UserId(row.GetGuid(1)),
        row.GetGuidOrNull(2) is { } workspace ? new WorkspaceId(workspace) : null,
        row.GetStringOrNull(3),
        row.GetFieldValue<string[]>(4),
        row.GetString(5),
        row.GetStringOrNull(6),
        Enum.Parse<LinkStanding>(row.GetString(7), ignoreCase: true),
        row.GetStringOrNull(8),
        row.GetGuidOrNull(9));

    /// <summary>The product, as people know it.</summary>
    public string Product => new Uri(ReturnUrl).Host;

    /// <summary>Where the person goes back to. It says what came of it and holds nothing that opens anything; the product asks for the session itself.</summary>
    /// <param name="outcome">As <see cref="ConnectSessionView.Status"/>.</param>
    public string Back(string outcome, Guid? integration = null, string? failure = null) => string.Concat(
        ReturnUrl, ReturnUrl.Contains('?', StringComparison.Ordinal) ? "&" : "?",
        "outcome=", outcome,
        $"&connectSessionId={Id}",
        integration is { } id ? $"&integrationId={id}" : "",
        failure is null ? "" : $"&error={Uri.EscapeDataString(failure)}",
        State is null ? "" : $"&state={Uri.EscapeDataString(State)}");
}
