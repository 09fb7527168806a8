namespace Lockstep.Crypto;

/// <summary>What came of wrapping a data key, or of wrapping it anew.</summary>
public abstract record WrapOutcome
{
    private WrapOutcome() { }

    public sealed record Wrapped(WrappedKey Key) : WrapOutcome;

    /// <summary>The provider has no key: nothing can be wrapped.</summary>
    public sealed record NoKey : WrapOutcome;

    /// <summary>When wrapping anew: as <see cref="UnwrapOutcome.UnknownKey"/>.</summary>
    public sealed record UnknownKey(string Fingerprint) : WrapOutcome;

    /// <summary>When wrapping anew: as <see cref="UnwrapOutcome.Damaged"/>.</summary>
    public sealed record Damaged : WrapOutcome;

    public sealed record Unavailable(KeyTrouble Trouble) : WrapOutcome;
}
