using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Vault.Keys;
using NodaTime;
using Npgsql;

namespace Lockstep.Server.Vault.OAuth;

/// <summary>How the last refresh ended, as the table spells it.</summary>
internal static class GrantStates
{
    public const string Unavailable = "unavailable";
    public const string Malformed = "malformed";
    public const string Misconfigured = "misconfigured";
    public const string RefreshFailed = "refresh_failed";
}

/// <summary>What the statement that reads a value says of its grant.</summary>
/// <param name="Held">The token may not be released as it is.</param>
internal sealed record GrantState(bool Held, bool HasRefreshToken, string State, string? FailureCode, Instant? ExpiresAt, Instant? RetryAt)
{
    public bool CanRefresh => HasRefreshToken && State != GrantStates.RefreshFailed;

    /// <returns>Null for a plain value.</returns>
    public static GrantState? Read(NpgsqlDataReader row, int first) => row.GetBoolean(first)
        ? new(row.GetBoolean(first + 1), row.GetBoolean(first + 2), row.GetString(first + 3), row.GetStringOrNull(first + 4),
            row.GetInstantOrNull(first + 5), row.GetInstantOrNull(first + 6))
        : null;
}

/// <summary>A row of <see cref="GrantRows.Claim"/>.</summary>
/// <param name="Settled">There is nothing to do: it is fresh, it cannot be refreshed, or it was tried a moment ago.</param>
/// <param name="Claimed">The refresh is the caller's. Neither: somebody else is at it.</param>
internal sealed record ClaimRow(Tenant Owner, int Version, bool Settled, bool Claimed, SealedRead Sealed, TokenClient? Client, int Failures)
{
    public static ClaimRow Read(NpgsqlDataReader row) => new(
        SealedRow.OwnerOf(row), row.GetInt32(2), row.GetBoolean(3), row.GetBoolean(4), SealedRead.Read(row, 5),
        row.IsDBNull(15) || row.IsDBNull(16)
            ? null
            : new TokenClient(row.GetString(15), row.GetString(16), row.GetStringOrNull(17), GrantRows.StyleOf(row.GetString(18))),
        row.GetInt32(19));
}

/// <summary>What is told of a grant; never a token.</summary>
/// <param name="ExpiresAt">Of the access token; null: the token endpoint did not say.</param>
/// <param name="RefreshAt">From then on a reveal refreshes it first.</param>
/// <param name="State"><c>active</c>; <c>refresh_failed</c>: connect the account again; <c>misconfigured</c>, <c>malformed</c>, <c>unavailable</c>:
/// <paramref name="FailureCode"/> says why, and it is tried again from <paramref name="RetryAt"/> on.</param>
internal sealed record GrantView(
    string? TokenEndpoint,
    string? ClientId,
    string? Scope,
    AuthStyle AuthStyle,
    bool HasRefreshToken,
    Instant? ExpiresAt,
    Instant? RefreshAt,
    Instant? RefreshedAt,
    string State,
    string? FailureCode,
    Instant? FailedAt,
    Instant? RetryAt)
{
    public static GrantView Read(NpgsqlDataReader row) => new(
        row.GetStringOrNull(0), row.GetStringOrNull(1), row.GetStringOrNull(2), GrantRows.StyleOf(row.GetString(3)), row.GetBoolean(4),
        row.GetInstantOrNull(5), row.GetInstantOrNull(6), row.GetInstantOrNull(7), row.GetString(8), row.GetStringOrNull(9), row.GetInstantOrNull(10),
        row.GetInstantOrNull(11));
}
