using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Lockstep.Tests.Tenancy.Jwt;

/// <summary>Makes tokens that the product never makes: other algorithms, other headers, broken ones.</summary>
internal static class Tokens
{
    public static readonly byte[] Secret = Encoding.UTF8.GetBytes("a secret of thirty-two bytes or more");

    public static string Hs256(string payload, string header = """{"alg":"HS256","typ":"JWT"}""", byte[]? secret = null) =>
        Sign(header, payload, input => HMACSHA256.HashData(secret ?? Secret, input));

    public static string Rs256(RSA key, string payload, string header = """{"alg":"RS256","kid":"r"}""") =>
        Sign(header, payload, input => key.SignData(input, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1));

    public static string Es256(ECDsa key, string payload, string header = """{"alg":"ES256","kid":"e"}""") =>
        Sign(header, payload, input => key.SignData(input, HashAlgorithmName.SHA256));

    public static string RsaJwk(RSA key, string keyId = "r")
    {
        var numbers = key.ExportParameters(false);
        return $$"""{"kty":"RSA","kid":"{{keyId}}","n":"{{Base64Url.EncodeToString(numbers.Modulus)}}","e":"{{Base64Url.EncodeToString(numbers.Exponent)}}"}""";
    }

    public static string EcJwk(ECDsa key, string keyId = "e")
    {
        var point = key.ExportParameters(false).Q;
        return $$"""{"kty":"EC","crv":"P-256","kid":"{{keyId}}","x":"{{Base64Url.EncodeToString(point.X)}}","y":"{{Base64Url.EncodeToString(point.Y)}}"}""";
    }

    private static string Sign(string header, string payload, Func<byte[], byte[]> signer)
    {
        var input = $"{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(header))}.{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(payload))}";
        return $"{input}.{Base64Url.EncodeToString(signer(Encoding.ASCII.GetBytes(input)))}";
    }
}
