namespace Lockstep.Crypto;

/// <summary>What came of reading the settings that hold keys.</summary>
public abstract record KeyRingOutcome
{
    private KeyRingOutcome() { }

    /// <summary>All good. The ring is empty when nothing was set.</summary>
    public sealed record Loaded(KeyRing Ring) : KeyRingOutcome;

    /// <summary>Some key is not usable, so none is used.</summary>
    /// <param name="Problems">One sentence for each, naming setting and place, never any of its characters.</param>
    public sealed record Refused(IReadOnlyList<string> Problems) : KeyRingOutcome;
}
