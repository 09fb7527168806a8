using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Lockstep.Tests.Tenancy.Jwt;

/// <summary>A key pair of a test: its public half as a JWK, its private half as a signer.</summary>
internal sealed record TestKey(string Algorithm, string? Kid, string Members, Func<byte[], byte[]> Sign)
{
    private static readonly Lazy<RSA> FirstRsa = new(() => System.Security.Cryptography.RSA.Create(2048));

    public string Jwk => Kid is null ? $"{{{Members}}}" : $"{{{Members},\"kid\":\"{Kid}\"}}";

    public static string Set(params TestKey[] keys) => $"{{\"keys\":[{string.Join(',', keys.Select(key => key.Jwk))}]}}";

    public static TestKey Secret(byte[] secret) => new("HS256", null, "", data => HMACSHA256.HashData(secret, data));

    /// <summary>Each call gives the same RSA key: making one takes long.</summary>
    public static TestKey Rsa(string? kid, string more = "")
    {
        var publicKey = FirstRsa.Value.ExportParameters(includePrivateParameters: false);
        return new(
            "RS256", kid, $"\"kty\":\"RSA\",\"n\":\"{Text(publicKey.Modulus!)}\",\"e\":\"{Text(publicKey.Exponent!)}\"{more}",
            data => FirstRsa.Value.SignData(data, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1));
    }

    public static byte[] RsaPublicPem() => Encoding.ASCII.GetBytes(FirstRsa.Value.ExportSubjectPublicKeyInfoPem());

    /// <summary>Each call gives another EC key.</summary>
    public static TestKey Ec(string? kid, string more = "")
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var point = key.ExportParameters(includePrivateParameters: false).Q;
        return new(
            "ES256", kid, $"\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"{Text(point.X!)}\",\"y\":\"{Text(point.Y!)}\"{more}",
            data => key.SignData(data, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation));
    }

    public string Token(string payload) =>
        Token(Kid is null ? $"{{\"alg\":\"{Algorithm}\"}}" : $"{{\"alg\":\"{Algorithm}\",\"kid\":\"{Kid}\"}}", payload);

    public string Token(string header, string payload) => Token(Encoding.UTF8.GetBytes(header), Encoding.UTF8.GetBytes(payload));

    public string Token(byte[] header, byte[] payload)
    {
        var input = $"{Text(header)}.{Text(payload)}";
        return $"{input}.{Text(Sign(Encoding.ASCII.GetBytes(input)))}";
    }

    public static string Text(ReadOnlySpan<byte> bytes) => Base64Url.EncodeToString(bytes);
}
