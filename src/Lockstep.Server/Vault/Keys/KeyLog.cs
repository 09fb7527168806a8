using Microsoft.Extensions.Logging;

namespace Lockstep.Server.Vault.Keys;

/// <summary>Events 1100 to 1199. Ids and reasons, never a key.</summary>
internal static partial class KeyLog
{
    [LoggerMessage(1100, LogLevel.Warning, "The key provider is away: {Reason}")]
    public static partial void ProviderAway(this ILogger log, string reason);

    [LoggerMessage(1101, LogLevel.Information, "The key provider is back; {Backlog} keys and values wait for it")]
    public static partial void ProviderBack(this ILogger log, long backlog);

    [LoggerMessage(1102, LogLevel.Error, "The key provider refuses us: {Reason}")]
    public static partial void ProviderRefuses(this ILogger log, string reason);

    [LoggerMessage(1103, LogLevel.Warning, "The local key stands in for the key provider: {Reason}")]
    public static partial void StandInBegan(this ILogger log, string reason);

    [LoggerMessage(1104, LogLevel.Information, "Handed {Keys} data keys and {Values} values to the key provider; {Left} could not be")]
    public static partial void Renewed(this ILogger log, int keys, long values, int left);

    [LoggerMessage(1105, LogLevel.Error, "Data key {DataKey} cannot be wrapped anew: {Why}")]
    public static partial void KeyLeft(this ILogger log, Guid dataKey, string why);

    [LoggerMessage(1106, LogLevel.Error, "The value of credential {Credential} version {Version} cannot be sealed anew: {Why}")]
    public static partial void ValueLeft(this ILogger log, Guid credential, int version, string why);

    [LoggerMessage(1107, LogLevel.Error, "The rewrap job failed and tries again: {Kind}")]
    public static partial void RoundFailed(this ILogger log, string kind);

    [LoggerMessage(1108, LogLevel.Warning, "LOCKSTEP_TRANSIT_ADDR is http: data keys and the token go over the network in clear. Use https, or an agent on this machine")]
    public static partial void TransitInClear(this ILogger log);

    [LoggerMessage(1109, LogLevel.Critical, "The newest data key {DataKey} does not open although its key is here: its row was changed")]
    public static partial void NewestKeyDamaged(this ILogger log, Guid dataKey);
}
