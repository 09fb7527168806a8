namespace Lockstep.Crypto;

/// <summary>What came of unwrapping a data key.</summary>
public abstract record UnwrapOutcome
{
    private UnwrapOutcome() { }

    /// <summary>It opened; the caller disposes the key.</summary>
    public sealed record Unwrapped(DataKey Key) : UnwrapOutcome;

    /// <summary>No master key with this fingerprint is here: a wrong or missing key in the settings, not damage.</summary>
    public sealed record UnknownKey(string Fingerprint) : UnwrapOutcome;

    /// <summary>The key is here, and the text does not open with it in this row: changed, moved or not of this provider.</summary>
    public sealed record Damaged : UnwrapOutcome;

    /// <summary>The provider could not be asked, or refused; nothing is known of the key.</summary>
    public sealed record Unavailable(KeyTrouble Trouble) : UnwrapOutcome;
}
