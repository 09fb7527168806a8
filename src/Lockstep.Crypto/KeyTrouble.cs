namespace Lockstep.Crypto;

/// <summary>Why a key provider did not do what it was asked.</summary>
/// <param name="Kind">What may be done about it.</param>
/// <param name="Reason">A sentence for the operator, without any secret.</param>
/// <param name="RetryAfter">When the provider said so itself.</param>
public sealed record KeyTrouble(KeyTroubleKind Kind, string Reason, TimeSpan? RetryAfter = null);

public enum KeyTroubleKind
{
    /// <summary>Not there for now: no connection, no answer in time, 5xx, sealed, too many requests. Another provider may stand in.</summary>
    Away,

    /// <summary>It answered, and refuses us: no permission, no such key, a key that is not fit. Nobody may stand in; the operator has to look.</summary>
    Refused,
}
