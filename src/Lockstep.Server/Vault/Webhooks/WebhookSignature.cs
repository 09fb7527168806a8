using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Lockstep.Crypto;

namespace Lockstep.Server.Vault.Webhooks;

/// <summary>Signs as the Standard Webhooks specification (1.0) says, so that its libraries verify.</summary>
/// <remarks>
/// <code>
/// webhook-id: msg_...            the same for every attempt of a message
/// webhook-timestamp: 1767225600  of the attempt, in seconds
/// webhook-signature: v1,BASE64   HMAC-SHA256 over "id.timestamp.body"; after a rotation two, with a space between
/// </code>
/// </remarks>
internal static class WebhookSignature
{
    public const string IdHeader = "webhook-id";
    public const string TimestampHeader = "webhook-timestamp";
    public const string SignatureHeader = "webhook-signature";

    private const string SecretPrefix = "whsec_";
    private const int SecretBytes = 32;

    public static Secret NewKey() => Secret.Random(SecretBytes);

    /// <summary>As its owner is told it, once: <c>whsec_</c> and base64.</summary>
    public static string TextOf(Secret key)
    {
        var bytes = key.RevealBytes();
        try
        {
            return SecretPrefix + Convert.ToBase64String(bytes);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
        }
    }

    /// <summary>What is signed with, of a secret that somebody else has made: the bytes of its base64 after <c>whsec_</c>, else its text.</summary>
    public static Secret KeyOf(Secret told)
    {
        var text = told.RevealText();
        var bytes = new byte[text.Length];
        try
        {
            return text.StartsWith(SecretPrefix, StringComparison.Ordinal) && Convert.TryFromBase64String(text[SecretPrefix.Length..], bytes, out var length)
                ? Secret.FromBytes(bytes.AsSpan(0, length))
                : Secret.FromText(text);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
        }
    }

    /// <param name="keys">Newest first.</param>
    /// <param name="timestamp">Seconds since 1970.</param>
    public static string Sign(IEnumerable<Secret> keys, string id, long timestamp, string body)
    {
        var content = Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{id}.{timestamp}.{body}"));
        return string.Join(' ', keys.Select(key => "v1," + Mac(key, content)));
    }

    private static string Mac(Secret key, byte[] content)
    {
        var bytes = key.RevealBytes();
        try
        {
            return Convert.ToBase64String(HMACSHA256.HashData(bytes, content));
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
        }
    }
}
