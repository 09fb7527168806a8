using System.Buffers;
using System.Security.Cryptography;
using Lockstep.Crypto;

namespace Lockstep.Server.Vault.OAuth;

/// <summary>What tokens and secrets of OAuth may hold: printable ASCII (VSCHAR, RFC 6749 appendix A), so that none can end a header early.</summary>
internal static class TokenText
{
    public const int MaxAccess = 32_768;
    public const int MaxRefresh = 16_384;
    public const int MaxClientSecret = 4_096;

    private static readonly SearchValues<byte> Printable = SearchValues.Create([.. Enumerable.Range(0x20, 0x7F - 0x20).Select(code => (byte)code)]);

    public static bool Passes(ReadOnlySpan<byte> token) => !token.ContainsAnyExcept(Printable);

    public static bool Passes(Secret token)
    {
        var bytes = token.RevealBytes();
        try
        {
            return Passes(bytes);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
        }
    }
}
