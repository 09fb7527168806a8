using System.Text.Json;

namespace Lockstep.Crypto.Transit;

/// <summary>Items to and from the wire. One goes by itself, several as <c>batch_input</c>, in which the order is kept.</summary>
internal static class TransitItems
{
    public static TransitBody Write(IReadOnlyList<TransitInput> inputs) => new(json =>
    {
        if (inputs.Count == 1)
        {
            Write(json, inputs[0]);
            return;
        }
        json.WriteStartArray("batch_input");
        foreach (var input in inputs)
        {
            json.WriteStartObject();
            Write(json, input);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    });

    /// <summary>Reads as many as were sent. A batch whose items fail may come with 200 or 400: each item says for itself.</summary>
    public static IReadOnlyList<TransitItem> Read(TransitReply reply, int count)
    {
        if (reply is TransitReply.Answer { Data: { } data } answer)
        {
            if (count == 1 && answer.IsGood)
                return [Read(data)];
            if (data.TryGetProperty("batch_results", out var results) && results.ValueKind == JsonValueKind.Array && results.GetArrayLength() == count)
                return [.. results.EnumerateArray().Select(Read)];
        }
        TransitItem same = reply is TransitReply.Answer failed && TransitFault.IsDamage(failed.Status, failed.Errors)
            ? new TransitItem.Damaged()
            : new TransitItem.Failed(reply is TransitReply.Answer { IsGood: true } ? Strange : TransitFault.Of(reply));
        return [.. Enumerable.Repeat(same, count)];
    }

    private static KeyTrouble Strange => new(KeyTroubleKind.Refused, "Transit's answer is not of the documented form.");

    private static void Write(Utf8JsonWriter json, TransitInput input)
    {
        // A key that is not derived takes none.
        if (input.Context.Length > 0)
            json.WriteBase64String("context", input.Context);
        if (input.Plaintext is { } plaintext)
            json.WriteBase64String("plaintext", plaintext);
        if (input.Ciphertext is { } ciphertext)
            json.WriteString("ciphertext", ciphertext);
    }

    private static TransitItem Read(JsonElement item)
    {
        if (item.ValueKind != JsonValueKind.Object)
            return new TransitItem.Failed(Strange);
        if (item.TryGetProperty("error", out var error) && error.ValueKind == JsonValueKind.String && error.GetString() is { Length: > 0 } text)
            return TransitFault.IsDamage(text)
                ? new TransitItem.Damaged()
                : new TransitItem.Failed(new KeyTrouble(KeyTroubleKind.Refused, "Transit refuses an item of a batch."));
        if (item.TryGetProperty("plaintext", out var plaintext) && plaintext.ValueKind == JsonValueKind.String && plaintext.TryGetBytesFromBase64(out var bytes))
        {
            try
            {
                return new TransitItem.Opened(Secret.FromBytes(bytes));
            }
            finally
            {
                Primitives.Clear(bytes);
            }
        }
        return item.TryGetProperty("ciphertext", out var ciphertext) && ciphertext.ValueKind == JsonValueKind.String
            && ciphertext.GetString() is { } sealedText && TransitCiphertext.Version(sealedText) is { } version
                ? new TransitItem.Sealed(sealedText, version)
                : new TransitItem.Failed(Strange);
    }
}
