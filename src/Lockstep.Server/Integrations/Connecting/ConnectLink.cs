using System.Buffers.Text;
using System.Security.Cryptography;

namespace Lockstep.Server.Integrations.Connecting;

/// <summary>The random part of a link, and of the page that has opened it: 256 bits in base64url.</summary>
internal static class ConnectLink
{
    private const int Size = 32;
    private static readonly int Length = Base64Url.GetEncodedLength(Size);

    public static string New() => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(Size));

    /// <returns>Its hash; null for what cannot be one.</returns>
    public static byte[]? Hash(string? text) =>
        text is not null && text.Length == Length && Base64Url.IsValid(text) ? SHA256.HashData(Base64Url.DecodeFromChars(text)) : null;
}
