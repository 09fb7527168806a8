using Lockstep.Crypto;
using Npgsql;

namespace Lockstep.Server.Vault.Keys;

/// <summary>A sealed value as its row has it. The columns say how it is opened; nothing is guessed from the text.</summary>
/// <param name="Text"><c>iv:authTag:encrypted</c>, or <c>vault:vN:...</c> of a value that Transit sealed.</param>
/// <param name="Provider"><see cref="ByDataKey"/> or <see cref="ByTransit"/>.</param>
/// <param name="DataKey">The data key's row; null when Transit sealed it.</param>
/// <param name="KeyId">The name of Transit's key; null when a data key sealed it.</param>
/// <param name="KeyVersion">Of the data key, or of Transit's.</param>
/// <param name="Pending">Sealed by a data key because Transit was away: Transit is to seal it when it is back.</param>
internal sealed record SealedColumns(string Text, string Provider, Guid? DataKey, string? KeyId, int KeyVersion, string Format, bool Pending)
{
    public const string ByDataKey = "data_key";
    public const string ByTransit = "transit";

    public static SealedColumns Of(DataKeyName key, string text, bool pending = false) =>
        new(text, ByDataKey, key.Id, null, key.Version, SealedValue.Format, pending);
}

/// <summary>What opening needs: the sealed value, and the data key that sealed it when one did.</summary>
internal sealed record SealedRead(string Text, string Provider, string? KeyId, int KeyVersion, string Format, DataKeyRow? Key)
{
    /// <summary>Reads encrypted_value, key_provider, key_id, key_version, format and the columns of <see cref="DataKeyRow.Read"/> from
    /// <paramref name="first"/> on.</summary>
    public static SealedRead Read(NpgsqlDataReader row, int first) => new(
        row.GetString(first), row.GetString(first + 1), row.IsDBNull(first + 2) ? null : row.GetString(first + 2), row.GetInt32(first + 3),
        row.GetString(first + 4), DataKeyRow.Read(row, first + 5));
}
