using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Serialization;
using Lockstep.Server.Integrations.Types;

namespace Lockstep.Server.Integrations.Feed;

/// <summary>A calendar file that is read from time to time (RFC 5545 over HTTP), and never written.</summary>
/// <param name="Url">The whole address of a public one; of a private one, whose address is a secret and lies in the vault, scheme and host.</param>
/// <param name="Private">The address is the secret.</param>
/// <param name="Fingerprint">Of a private one: tells two on one host apart. The first 48 bits of SHA-256 of an address that nobody can guess.</param>
internal sealed record FeedConfig(
    string Url,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] bool Private = false,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Fingerprint = null) : IntegrationConfig
{
    [JsonIgnore]
    public override string Account => Private ? $"{Address!.Host} {Fingerprint}" : Url;

    [JsonIgnore]
    public override Uri Address => new(Url);

    /// <summary>What may be known of a feed whose address is the secret.</summary>
    public static FeedConfig OfPrivate(Uri address) => new(
        address.GetLeftPart(UriPartial.Authority) + "/", true, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(address.AbsoluteUri)).AsSpan(0, 6)));
}
