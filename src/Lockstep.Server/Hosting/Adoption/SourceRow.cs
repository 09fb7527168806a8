using System.Text.Json;
using Lockstep.Crypto;

namespace Lockstep.Server.Hosting.Adoption;

/// <summary>A row of a source, read by the columns of the mapping. What is wrong is a <see cref="FormatException"/> that names the column and no value.</summary>
internal readonly struct SourceRow(JsonElement row)
{
    /// <summary>The same, beyond the next row.</summary>
    public SourceRow Kept() => new(row.Clone());

    public string Text(string column) =>
        Optional(column) ?? throw new FormatException($"{column} is empty");

    /// <returns>Null for no column, and for NULL.</returns>
    public string? Optional(string? column)
    {
        if (column is null)
            return null;
        if (!row.TryGetProperty(column, out var value))
            throw new FormatException($"there is no column {column}");
        return value.ValueKind switch
        {
            JsonValueKind.Null => null,
            JsonValueKind.String => value.GetString(),
            _ => value.GetRawText(),
        };
    }

    /// <returns>Null for no column, and for NULL.</returns>
    public JsonElement? Json(string? column) =>
        column is not null && row.TryGetProperty(column, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    public Guid Id(string column) => OptionalId(column) ?? throw new FormatException($"{column} is empty");

    public Guid? OptionalId(string? column) => Optional(column) is not { } text ? null
        : Guid.TryParse(text, out var id) ? id : throw new FormatException($"{column} is no uuid");

    public bool Flag(string? column) => Optional(column) is not ("false" or "f" or "0");

    public IReadOnlyList<string> List(string? column)
    {
        if (Optional(column)?.Trim() is not { Length: > 0 } text)
            return [];
        if (text[0] != '[')
            return text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        try
        {
            return JsonSerializer.Deserialize<List<string>>(text) ?? [];
        }
        catch (JsonException)
        {
            throw new FormatException($"{column} is no list of texts");
        }
    }

    /// <param name="key">What sealed it; null: it is in clear.</param>
    /// <param name="context">The column with the context of a derived key of Transit; null without one.</param>
    public Task<Secret> Value(string column, OldKey? key, string? context, CancellationToken ct) =>
        key is null ? Task.FromResult(Secret.FromText(Text(column))) : Open(column, Text(column), key, Optional(context), ct);

    /// <param name="column">As the message names it.</param>
    public static async Task<Secret> Open(string column, string text, OldKey key, string? context, CancellationToken ct)
    {
        var (value, why) = await key.Open(text, context, ct);
        return value ?? throw new FormatException($"{column} {why}");
    }

    /// <summary>Sealed: whole, or with each part in a column of its own.</summary>
    public string Parts(SecretSource source) => source is { Iv: { } iv, Tag: { } tag } ? $"{Part(iv)}:{Part(tag)}:{Part(source.Ciphertext)}" : Text(source.Ciphertext);

    private string Part(string column) => Text(column) is var text && text.StartsWith(@"\x", StringComparison.Ordinal) ? text[2..] : text;
}
