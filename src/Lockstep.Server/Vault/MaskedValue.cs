using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using Lockstep.Crypto;

namespace Lockstep.Server.Vault;

/// <summary>What a list shows of a secret: of fixed width, so that its length cannot be read off.</summary>
/// <remarks>
/// <code>
/// sk_live_ ******** 4eC3    a public vendor prefix; eight asterisks; the last four characters
/// </code>
/// The last four show only of a token of at least 16 characters behind its prefix. Nothing shows of a password, a PEM block, a JWT, or
/// anything with characters that tokens do not have (a sentence, a URL with a password in it).
/// </remarks>
internal static class MaskedValue
{
    private const string Hidden = "********";
    private const int Shown = 4;
    private const int ShortestShown = 16;

    private static readonly SearchValues<byte> Token =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/~"u8);

    /// <summary>At most eight characters each, so that everything fits the column's twenty.</summary>
    private static readonly byte[][] Prefixes =
    [
        .. new[]
        {
            "sk_live_", "sk_test_", "rk_live_", "rk_test_", "pk_live_", "pk_test_", "whsec_", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "glpat-",
            "sk-proj-", "sk-ant-", "xoxb-", "xoxp-", "xoxe-", "xapp-", "SG.", "npm_", "pypi-", "hf_", "glsa_", "lin_api_", "ntn_", "shpat_", "shpca_",
            "shppa_", "shpss_", "dop_v1_", "dp.pt.", "PMAK-", "NRAK-", "hvs.", "sbp_", "AIza", "GOCSPX-", "ya29.",
        }.Select(Encoding.ASCII.GetBytes),
    ];

    public static string Of(CredentialType type, Secret value)
    {
        if (type == CredentialType.PASSWORD)
            return Hidden;
        var bytes = value.RevealBytes();
        try
        {
            return Of(bytes);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
        }
    }

    private static string Of(ReadOnlySpan<byte> bytes)
    {
        if (bytes.ContainsAnyExcept(Token) || IsJwt(bytes))
            return Hidden;
        var prefix = PrefixOf(bytes);
        var rest = bytes[prefix.Length..];
        if (rest.Length < ShortestShown)
            return Hidden;
        return Encoding.ASCII.GetString(prefix) + Hidden + Encoding.ASCII.GetString(rest[^Shown..]);
    }

    private static bool IsJwt(ReadOnlySpan<byte> bytes) => bytes.StartsWith("eyJ"u8) && bytes.Contains((byte)'.');

    private static ReadOnlySpan<byte> PrefixOf(ReadOnlySpan<byte> bytes)
    {
        foreach (var prefix in Prefixes)
        {
            if (bytes.StartsWith(prefix))
                return prefix;
        }
        return [];
    }
}
