using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Lockstep.Server.Http;

namespace Lockstep.Server.ChangeSync.Sealing;

/// <summary>Who reads an app of a space, as an admin's device has signed it. Each list names the one before it, so that clients follow from the first one that they
/// trusted: nobody without an admin's key can put in a device, not this server either.</summary>
/// <param name="Number">1 for the first, then one more each time.</param>
/// <param name="Epoch">Of the key that seals what is written from now on.</param>
/// <param name="Previous">SHA-256 of the text of the list before, base64url; null begins anew.</param>
/// <param name="By">The device that has signed it.</param>
/// <param name="Devices">All that have the key; no others.</param>
internal sealed record MemberList(string App, string Space, int Number, int Epoch, string? Previous, string By, IReadOnlyList<ListedDevice> Devices)
{
    /// <summary>Set before what is signed, so that the signature is good for nothing else.</summary>
    private static readonly byte[] Purpose = "lockstep/members/v1\n"u8.ToArray();

    /// <returns>Null when it is not one.</returns>
    public static MemberList? Read(string text)
    {
        try
        {
            return JsonSerializer.Deserialize<MemberList>(text, StrictJson.Options) is { } list && list.Devices.All(device => device is not null) ? list : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    public static string Hash(string text) => Base64Url.EncodeToString(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    /// <summary>ECDSA on P-256 over SHA-256 (FIPS 186-5), r and s of 32 bytes each.</summary>
    /// <param name="signer">The public point, uncompressed (SEC 1, 2.3.3), base64url.</param>
    public static bool IsSigned(string text, string signature, string signer)
    {
        try
        {
            var point = Base64Url.DecodeFromChars(signer);
            if (point is not [4, ..] || point.Length != 65)
                return false;
            using var key = ECDsa.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP256, Q = new ECPoint { X = point[1..33], Y = point[33..] } });
            byte[] signed = [.. Purpose, .. Encoding.UTF8.GetBytes(text)];
            return key.VerifyData(signed, Base64Url.DecodeFromChars(signature), HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
        }
        catch (Exception e) when (e is FormatException or CryptographicException)
        {
            return false;
        }
    }
}

/// <param name="Point">Keys are wrapped for it.</param>
/// <param name="Signer">Its signatures are checked with it.</param>
internal sealed record ListedDevice(string Id, Guid User, string Point, string Signer);
