using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Lockstep.Tests.Support;

namespace Lockstep.Tests.ChangeSync;

/// <summary>The clients' envelopes by .NET's cryptography, written from their layout (clients/typescript/src/envelope.ts): the server never opens one.</summary>
internal static class FieldEnvelope
{
    private const int NonceSize = 12;
    private const int TagSize = 16;
    private const int PointSize = 65;

    public static string Seal(JsonNode field, string nonce, string json) =>
        $"lse1.{field.Text("keyId")}.{Base64Url.EncodeToString(Seal(Bytes(field, "key"), Base64Url.DecodeFromChars(nonce), Place(field, field.Text("keyId")), Encoding.UTF8.GetBytes(json)))}";

    /// <returns>Null when it does not open.</returns>
    public static string? Open(JsonNode field, string value) =>
        value.Split('.') is ["lse1", var keyId, var body] && Base64Url.IsValid(body) && Open(Bytes(field, "key"), Base64Url.DecodeFromChars(body), Place(field, keyId)) is { } plain
            ? Encoding.UTF8.GetString(plain)
            : null;

    public static string? ByPassphrase(JsonNode wrap)
    {
        // In form C already: .NET without ICU has no normalization.
        var key = Rfc2898DeriveBytes.Pbkdf2(wrap.Text("normalized"), Bytes(wrap, "salt"), wrap["iterations"]!.GetValue<int>(), HashAlgorithmName.SHA256, 32);
        return Open(key, Bytes(wrap, "wrapped"), Texts("lockstep/key-by-passphrase/v1", wrap.Text("app"), wrap.Text("keyId"))) is { } plain ? Base64Url.EncodeToString(plain) : null;
    }

    public static string? ForDevice(JsonNode wrap)
    {
        var body = Base64Url.DecodeFromChars(wrap.Text("wrapped").AsSpan("lsw1.".Length));
        var ours = Bytes(wrap, "point");
        using var device = ECDiffieHellman.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP256, Q = Point(ours), D = Bytes(wrap, "privateKey") });
        using var ephemeral = ECDiffieHellman.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP256, Q = Point(body) });
        var place = Texts("lockstep/key-for-device/v1", wrap.Text("app"), wrap.Text("space"), wrap.Text("keyId"), wrap.Text("deviceId"));
        var key = HKDF.DeriveKey(HashAlgorithmName.SHA256, device.DeriveRawSecretAgreement(ephemeral.PublicKey), 32, info: [.. body[..PointSize], .. ours, .. place]);
        return Open(key, body[PointSize..], place) is { } plain ? Base64Url.EncodeToString(plain) : null;
    }

    private static byte[] Seal(byte[] key, byte[] nonce, byte[] data, byte[] plain)
    {
        var sealedBytes = new byte[NonceSize + plain.Length + TagSize];
        nonce.CopyTo(sealedBytes, 0);
        using var aes = new AesGcm(key, TagSize);
        aes.Encrypt(nonce, plain, sealedBytes.AsSpan(NonceSize, plain.Length), sealedBytes.AsSpan(NonceSize + plain.Length), data);
        return sealedBytes;
    }

    private static byte[]? Open(byte[] key, byte[] body, byte[] data)
    {
        if (body.Length < NonceSize + TagSize)
            return null;
        var plain = new byte[body.Length - NonceSize - TagSize];
        using var aes = new AesGcm(key, TagSize);
        try
        {
            aes.Decrypt(body.AsSpan(0, NonceSize), body.AsSpan(NonceSize, plain.Length), body.AsSpan(body.Length - TagSize), plain, data);
            return plain;
        }
        catch (AuthenticationTagMismatchException)
        {
            return null;
        }
    }

    private static byte[] Place(JsonNode field, string keyId) => Texts(
        "lockstep/field/v1", field.Text("app"), field.Text("space"), field.Text("table"), field.Text("id"), field.Text("field"), keyId);

    private static byte[] Texts(params string[] texts) => [.. texts.SelectMany(text =>
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        var length = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(length, bytes.Length);
        return length.Concat(bytes);
    })];

    private static ECPoint Point(byte[] bytes) => new() { X = bytes[1..33], Y = bytes[33..65] };

    private static byte[] Bytes(JsonNode from, string name) => Base64Url.DecodeFromChars(from.Text(name));
}
