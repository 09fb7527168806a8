using System.Buffers;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using Lockstep.Crypto;

namespace Lockstep.Server.Vault;

/// <summary>
/// Carries a secret between the wire and <see cref="Secret"/> without a string in between, which could not be cleared. Only on
/// members that say so: everywhere else a secret refuses to be serialized.
/// </summary>
internal sealed class SecretJson : JsonConverter<Secret>
{
    public override Secret Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType != JsonTokenType.String)
            throw new JsonException("A secret is a JSON string.");
        var longest = checked((int)(reader.HasValueSequence ? reader.ValueSequence.Length : reader.ValueSpan.Length));
        var buffer = ArrayPool<byte>.Shared.Rent(Math.Max(longest, 1));
        try
        {
            var length = reader.CopyString(buffer);
            return Secret.FromBytes(buffer.AsSpan(0, length));
        }
        catch (InvalidOperationException)
        {
            // Its message may quote what it could not read.
            throw new JsonException("A secret is text: half of a surrogate pair, or bytes that are not UTF-8, cannot be stored.");
        }
        finally
        {
            CryptographicOperations.ZeroMemory(buffer);
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    public override void Write(Utf8JsonWriter writer, Secret value, JsonSerializerOptions options)
    {
        var bytes = value.RevealBytes();
        try
        {
            writer.WriteStringValue(bytes);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
        }
    }
}
