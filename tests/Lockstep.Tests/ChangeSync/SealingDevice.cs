using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using static Lockstep.Tests.ChangeSync.SyncCalls;

namespace Lockstep.Tests.ChangeSync;

/// <summary>A device that reads a sealed space: what it publishes, and what it signs (FIPS 186-5, by .NET's own ECDSA).</summary>
internal sealed class SealingDevice(string id, Guid user)
{
    private readonly ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public string Id => id;

    private string Signer
    {
        get
        {
            var point = key.ExportParameters(false).Q;
            return Base64Url.EncodeToString([4, .. point.X!, .. point.Y!]);
        }
    }

    public JsonObject Published(long mutation, string space) =>
        Mutation(mutation, id, new { name = new { value = id }, point = new { value = $"point of {id}" }, signer = new { value = Signer } }, "insert", space, table: "_devices");

    public JsonObject KeyOf(long mutation, int epoch, string space) => Mutation(mutation, $"{epoch}.{id}", new { wrapped = new { value = "lsw1.x" } }, "insert", space, table: "_space_keys");

    public JsonObject Listed => new() { ["id"] = id, ["user"] = user.ToString(), ["point"] = $"point of {id}", ["signer"] = Signer };

    /// <summary>A list of members that this device has signed.</summary>
    /// <param name="previous">The text of the one before.</param>
    public (string List, string Signature) Sign(string space, int number, int epoch, string? previous, params SealingDevice[] devices) => Sign(new JsonObject
    {
        ["app"] = "todo",
        ["space"] = space,
        ["number"] = number,
        ["epoch"] = epoch,
        ["previous"] = previous is null ? null : Base64Url.EncodeToString(SHA256.HashData(Encoding.UTF8.GetBytes(previous))),
        ["by"] = id,
        ["devices"] = new JsonArray([.. devices.Select(device => device.Listed)]),
    });

    public (string List, string Signature) Sign(JsonObject list)
    {
        var text = list.ToJsonString();
        return (text, Base64Url.EncodeToString(key.SignData(Encoding.UTF8.GetBytes($"lockstep/members/v1\n{text}"), HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation)));
    }
}
