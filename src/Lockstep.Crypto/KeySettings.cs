namespace Lockstep.Crypto;

/// <summary>
/// Reads keys from settings, collecting every problem. No message repeats anything that was read, the id neither: who swaps id
/// and key would see the key.
/// </summary>
internal sealed class KeySettings(string source)
{
    public const string MasterKeys = "LOCKSTEP_MASTER_KEYS";
    public const string CaldavKey = "CALDAV_ENCRYPTION_KEY";

    private const string HowToMakeOne = "Where values are sealed already, put the key back that sealed them: another one opens none. For a new installation, make one with: openssl rand -base64 32";

    private readonly List<MasterKey> keys = [];
    private readonly List<string> problems = [];

    public static KeyRingOutcome Parse(string? masterKeys, string? caldavKey, string source)
    {
        var settings = new KeySettings(source);
        if (!string.IsNullOrWhiteSpace(masterKeys))
            settings.ReadMasterKeys(masterKeys);
        if (!string.IsNullOrWhiteSpace(caldavKey))
            settings.ReadCaldavKey(caldavKey.Trim());

        if (settings.problems.Count == 0)
            return new KeyRingOutcome.Loaded(new KeyRing(settings.keys));

        foreach (var key in settings.keys)
            key.Dispose();
        return new KeyRingOutcome.Refused(settings.problems);
    }

    private void ReadMasterKeys(string setting)
    {
        var entries = setting.Split(',', StringSplitOptions.TrimEntries);
        for (var i = 0; i < entries.Length; i++)
            ReadEntry(entries[i], entries.Length == 1 ? source : $"{source}, key {i + 1} of {entries.Length}");
    }

    private void ReadEntry(string entry, string where)
    {
        var parts = entry.Split(':');
        if (parts.Length != 2)
            Problem(where, "is not written as id:base64. Several keys are separated by commas, the newest first.");
        else if (!MasterKey.IsLabel(parts[0]) || parts[0] == CaldavKey)
            Problem(where, "has an id that is not usable. An id has 1 to 32 of the characters A-Z a-z 0-9 . _ - and stands before the key.");
        else if (keys.Any(key => key.Id == parts[0]))
            Problem(where, "has the same id as an earlier key. Give each key its own.");
        else if (SealedText.Decode(parts[1]) is not { } bytes)
            Problem(where, $"is not base64 with its padding. {HowToMakeOne}");
        else if (Take(parts[0], bytes, where) is { } key && !TryAdd(key))
            Problem(where, "is the same key as an earlier one. Remove one of them.");
    }

    private void ReadCaldavKey(string setting)
    {
        // 64 hexadecimal digits are base64 too, of 48 bytes: hexadecimal is looked at first.
        var isHex = setting.Length == 2 * Primitives.KeyBytes && setting.All(char.IsAsciiHexDigit);
        if ((isHex ? Convert.FromHexString(setting) : SealedText.Decode(setting)) is not { } bytes)
            Problem(CaldavKey, $"is neither base64 with its padding nor 64 hexadecimal digits. {HowToMakeOne}");
        else if (Take(CaldavKey, bytes, CaldavKey) is { } key)
            TryAdd(key);
    }

    /// <summary>Clears <paramref name="bytes"/>.</summary>
    private MasterKey? Take(string id, byte[] bytes, string where)
    {
        try
        {
            if (bytes.Length != Primitives.KeyBytes)
                Problem(where, $"has {bytes.Length} bytes, not {Primitives.KeyBytes}. {HowToMakeOne}");
            else if (WeakKey.Reason(bytes) is { } reason)
                Problem(where, $"is refused: {reason}. {HowToMakeOne}");
            else
                return new MasterKey(id, Secret.FromBytes(bytes));
            return null;
        }
        finally
        {
            Primitives.Clear(bytes);
        }
    }

    private bool TryAdd(MasterKey key)
    {
        if (keys.Any(earlier => earlier.Fingerprint == key.Fingerprint))
        {
            key.Dispose();
            return false;
        }

        keys.Add(key);
        return true;
    }

    private void Problem(string where, string what) => problems.Add($"{where} {what}");
}
