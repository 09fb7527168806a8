using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using Lockstep.Crypto;

namespace Lockstep.Server.Vault.OAuth;

/// <summary>The members of an answer that mean something here (RFC 6749 sections 5.1 and 5.2). Tokens go from bytes to bytes: a string could not be cleared.</summary>
internal sealed class TokenFields : IDisposable
{
    private const int LongestWord = 200;

    private static readonly JsonReaderOptions Options = new() { MaxDepth = 32 };

    public Secret? AccessToken { get; private set; }

    public Secret? RefreshToken { get; private set; }

    public string? TokenType { get; private set; }

    public string? Error { get; private set; }

    /// <summary>Seconds; some servers send it as text.</summary>
    public double? ExpiresIn { get; private set; }

    /// <returns>Null when the body is not one JSON object.</returns>
    public static TokenFields? Read(ReadOnlySpan<byte> body)
    {
        if (body.StartsWith((ReadOnlySpan<byte>)[0xEF, 0xBB, 0xBF]))
            body = body[3..];
        var fields = new TokenFields();
        try
        {
            if (fields.ReadObject(body))
                return fields;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // Not JSON, or text that is not UTF-8; the message may quote it.
        }
        fields.Dispose();
        return null;
    }

    public void Dispose()
    {
        AccessToken?.Dispose();
        RefreshToken?.Dispose();
    }

    private bool ReadObject(ReadOnlySpan<byte> body)
    {
        var reader = new Utf8JsonReader(body, Options);
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            return false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("access_token"u8))
                AccessToken = Token(ref reader, AccessToken);
            else if (reader.ValueTextEquals("refresh_token"u8))
                RefreshToken = Token(ref reader, RefreshToken);
            else if (reader.ValueTextEquals("token_type"u8))
                TokenType = Word(ref reader);
            else if (reader.ValueTextEquals("error"u8))
                Error = Named(ref reader);
            else if (reader.ValueTextEquals("expires_in"u8))
                ExpiresIn = Number(ref reader);
            else
                reader.Skip();
        }
        // To the end: what follows the object makes the reader throw.
        return reader.TokenType == JsonTokenType.EndObject && !reader.Read();
    }

    /// <returns>Null for what is no text, or empty.</returns>
    private static Secret? Token(ref Utf8JsonReader reader, Secret? former)
    {
        former?.Dispose();
        reader.Read();
        if (reader.TokenType != JsonTokenType.String)
        {
            reader.Skip();
            return null;
        }
        var buffer = new byte[reader.ValueSpan.Length];
        try
        {
            var length = reader.CopyString(buffer);
            return length == 0 ? null : Secret.FromBytes(buffer.AsSpan(0, length));
        }
        finally
        {
            CryptographicOperations.ZeroMemory(buffer);
        }
    }

    private static string? Word(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType == JsonTokenType.String && reader.ValueSpan.Length <= LongestWord)
            return reader.GetString();
        reader.Skip();
        return null;
    }

    /// <returns>Null when there is no error: some servers send null or an empty text beside the token.</returns>
    private static string? Named(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType == JsonTokenType.Null || (reader.TokenType == JsonTokenType.String && reader.ValueSpan.IsEmpty))
            return null;
        if (reader.TokenType == JsonTokenType.String && reader.ValueSpan.Length <= LongestWord)
            return reader.GetString();
        reader.Skip();
        return "";
    }

    private static double? Number(ref Utf8JsonReader reader)
    {
        reader.Read();
        switch (reader.TokenType)
        {
            case JsonTokenType.Number:
                return reader.TryGetDouble(out var number) ? number : null;
            case JsonTokenType.String when reader.ValueSpan.Length <= LongestWord:
                return double.TryParse(reader.GetString(), NumberStyles.Float, CultureInfo.InvariantCulture, out var parsed) ? parsed : null;
            default:
                reader.Skip();
                return null;
        }
    }
}
