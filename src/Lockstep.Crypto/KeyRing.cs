namespace Lockstep.Crypto;

/// <summary>The master keys of this machine, newest first: the first one wraps, every one unwraps. An empty ring means a locked vault.</summary>
public sealed class KeyRing : IDisposable
{
    /// <param name="keys">Newest first, with distinct fingerprints; the ring owns them.</param>
    public KeyRing(params IReadOnlyList<MasterKey> keys)
    {
        ArgumentNullException.ThrowIfNull(keys);
        if (keys.DistinctBy(key => key.Fingerprint).Count() != keys.Count)
            throw new ArgumentException("A key ring holds each key once.", nameof(keys));
        Keys = [.. keys];
    }

    /// <summary>Newest first.</summary>
    public IReadOnlyList<MasterKey> Keys { get; }

    /// <summary>The key that wraps; null when there is none.</summary>
    public MasterKey? Newest => Keys.Count > 0 ? Keys[0] : null;

    /// <returns>Null when no key has this fingerprint.</returns>
    public MasterKey? Find(string fingerprint) => Keys.FirstOrDefault(key => key.Fingerprint == fingerprint);

    /// <summary>Reads the two settings that hold keys. Null or blank means not set; both not set gives an empty ring.</summary>
    /// <param name="masterKeys"><c>LOCKSTEP_MASTER_KEYS</c>: <c>id:base64,id2:base64</c>, newest first.</param>
    /// <param name="caldavEncryptionKey"><c>CALDAV_ENCRYPTION_KEY</c>: one key in base64 or as 64 hexadecimal digits; it counts as the oldest,
    /// its id is the name of the setting, and it may repeat a key of the other setting.</param>
    /// <param name="source">Where <paramref name="masterKeys"/> was read, for messages.</param>
    public static KeyRingOutcome Parse(string? masterKeys, string? caldavEncryptionKey, string source = KeySettings.MasterKeys) =>
        KeySettings.Parse(masterKeys, caldavEncryptionKey, source);

    /// <returns>Labels and fingerprints.</returns>
    public override string ToString() => string.Join(", ", Keys);

    public void Dispose()
    {
        foreach (var key in Keys)
            key.Dispose();
    }
}
