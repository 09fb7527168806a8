using Microsoft.Extensions.Logging;

namespace Lockstep.Server.Vault.OAuth;

/// <summary>Events 1150 to 1199. Ids and codes of our own, never an address or a token.</summary>
internal static partial class OAuthLog
{
    [LoggerMessage(1150, LogLevel.Information, "Refreshed the OAuth token of credential {Credential} in {Milliseconds} ms")]
    public static partial void Refreshed(this ILogger log, Guid credential, int milliseconds);

    [LoggerMessage(1151, LogLevel.Warning, "The OAuth token of credential {Credential} was not refreshed: {State} {Code}; next attempt in {Seconds} s")]
    public static partial void NotRefreshed(this ILogger log, Guid credential, string state, string code, int seconds);

    [LoggerMessage(1152, LogLevel.Information, "A refresh of credential {Credential} ended too late and was not taken: it was rotated, revoked, deleted or taken over")]
    public static partial void Stale(this ILogger log, Guid credential);

    [LoggerMessage(1153, LogLevel.Error, "The refreshed OAuth token of credential {Credential} cannot be stored yet ({Trouble}); trying again")]
    public static partial void NotStoredYet(this ILogger log, Guid credential, string trouble);

    [LoggerMessage(1154, LogLevel.Critical, "The refreshed OAuth token of credential {Credential} was lost ({Trouble}); if the service rotates refresh tokens, the account has to be connected again")]
    public static partial void Lost(this ILogger log, Guid credential, string trouble);
}
