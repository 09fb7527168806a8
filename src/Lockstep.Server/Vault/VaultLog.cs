using Microsoft.Extensions.Logging;
using NodaTime;

namespace Lockstep.Server.Vault;

/// <summary>Events 1000 to 1999. Ids and fingerprints, never a name or a value.</summary>
internal static partial class VaultLog
{
    [LoggerMessage(1000, LogLevel.Information, "Made data key {DataKey} for {Tenant}")]
    public static partial void DataKeyMade(this ILogger log, Guid dataKey, string tenant);

    [LoggerMessage(1001, LogLevel.Error, "Data key {DataKey} is wrapped by master key {Fingerprint}, which was not given; add it beside the others")]
    public static partial void MasterKeyMissing(this ILogger log, Guid dataKey, string fingerprint);

    [LoggerMessage(1002, LogLevel.Critical, "Data key {DataKey} does not open in its row: somebody changed or moved it")]
    public static partial void DataKeyDamaged(this ILogger log, Guid dataKey);

    [LoggerMessage(1003, LogLevel.Critical, "Credential {Credential} version {Version} does not open in its row: somebody changed or moved it")]
    public static partial void CredentialDamaged(this ILogger log, Guid credential, int version);

    [LoggerMessage(1890, LogLevel.Warning, "Bulk read by {Actor} stopped at credential {Credential}; blocked until {Until}")]
    public static partial void BulkReadBlocked(this ILogger log, string actor, Guid credential, Instant until);

    [LoggerMessage(1004, LogLevel.Warning, "Reveal limit reached by {Actor}; the next is allowed in {Seconds} s")]
    public static partial void RevealLimitReached(this ILogger log, string actor, int seconds);
}
