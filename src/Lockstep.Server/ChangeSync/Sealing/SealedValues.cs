using System.Globalization;
using System.Text.RegularExpressions;
using Lockstep.Server.ChangeSync.Places;

namespace Lockstep.Server.ChangeSync.Sealing;

/// <summary>What may be written to a space whose values are sealed. The server cannot open them; it sees which key they name.</summary>
internal static partial class SealedValues
{
    /// <summary>Each field is what one list of members needs: the list and its signature.</summary>
    public const string Members = "_members";

    /// <summary>Who may read: id, name, and public points to wrap keys for and to check signatures with.</summary>
    public const string Devices = "_devices";

    /// <summary>Keys, each wrapped for one device.</summary>
    public const string Keys = "_space_keys";

    /// <summary>The space's own records are in plain: their tables begin so.</summary>
    public const char OwnTable = '_';

    /// <summary>Where the mana protocol says the space.</summary>
    private const string SpaceField = "spaceId";

    /// <param name="mine">Whether the caller has made the record, or nobody yet.</param>
    /// <returns>Null when the change may be stored.</returns>
    public static ChangeResult? Refusal(SpaceKeys space, Change change, bool mine)
    {
        // An import brings none, and what it would bring is here or of no use.
        if (space.IsSpace && change is { Table: Members, IsSignedList: false })
            return change.IsRestored ? ChangeResult.Superseded : ChangeResult.Rejected("members_signed_only", "A list of members is taken with its signature alone: PUT /v1/sync/{app}/spaces/{space}/encryption.");
        // Else a member could put a point of his own under somebody else's device, before the first list too, and read on when he has gone.
        if (space.IsSpace && change.Table is Devices or Keys && !mine && !space.Administers)
            return ChangeResult.Rejected("not_yours", $"Record '{change.RecordId}' of {change.Table} is somebody else's; its author or an admin of the space changes it.");
        if (change.Table[0] == OwnTable || !space.Epochs.TryGetValue(change.App, out var epoch))
            return null;
        foreach (var (name, field) in change.Fields)
        {
            // The server goes by these two; a sealed visibility hides nothing.
            if (name == SpaceField || name == Visibility.Field && EpochOf(field.Json) is null)
                continue;
            if (EpochOf(field.Json) is not { } written)
                return ChangeResult.Rejected("plaintext_refused", $"The values of this space are sealed, and '{name}' is not. Seal it with the key of epoch {epoch}.");
            if (written > epoch || written < epoch && !change.IsRestored)
                return ChangeResult.Rejected("key_epoch_stale", $"'{name}' is sealed with the key of epoch {written}; what is written now takes that of {epoch}. Pull the keys, seal it again and send it as a new mutation.");
        }
        return null;
    }

    /// <summary>Whether a field of a record in a sealed space would be in plain and should not.</summary>
    public static bool IsPlain(string name, string json) => name != SpaceField && name != Visibility.Field && EpochOf(json) is null;

    /// <summary>Whether a record has sealed values; asked where the space cannot be.</summary>
    public static bool AreIn(RecordState record) => record.Fields.Values.Any(field => EpochOf(field.Json) is not null);

    private static int? EpochOf(string json) =>
        Envelope().Match(json) is { Success: true } match && int.TryParse(match.Groups[1].Value, NumberStyles.None, CultureInfo.InvariantCulture, out var epoch) ? epoch : null;

    // lse1.{epoch}.{base64url of nonce, ciphertext and tag: 28 bytes at least}, as JSON text.
    [GeneratedRegex("""^"lse1\.([1-9][0-9]{0,8})\.[A-Za-z0-9_-]{38,}"\z""")]
    private static partial Regex Envelope();
}
