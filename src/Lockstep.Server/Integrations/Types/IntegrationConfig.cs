using System.Text.Json.Serialization;
using Lockstep.Server.Integrations.Caldav;
using Lockstep.Server.Integrations.Feed;

namespace Lockstep.Server.Integrations.Types;

/// <summary>What an integration is told, by its type: metadata only, never a secret. <c>lockstep.config_fault</c> holds the same rules in the database.</summary>
[JsonDerivedType(typeof(CaldavConfig))]
[JsonDerivedType(typeof(FeedConfig))]
[JsonDerivedType(typeof(ApiKeyConfig))]
[JsonDerivedType(typeof(WebhookConfig))]
[JsonDerivedType(typeof(UnreadableConfig))]
internal abstract record IntegrationConfig
{
    /// <summary>Which account it is: an owner has each of a type once.</summary>
    [JsonIgnore]
    public abstract string Account { get; }

    /// <summary>Whom the secret is shown to; null where Lockstep shows it to nobody.</summary>
    [JsonIgnore]
    public virtual Uri? Address => null;

    [JsonIgnore]
    public string Host => Address?.Host ?? "";

    /// <summary>Scheme, host and port; "" without an address.</summary>
    [JsonIgnore]
    public string Origin => Address?.GetLeftPart(UriPartial.Authority).ToLowerInvariant() ?? "";
}

/// <summary>A key that is kept for software of the owner's; Lockstep itself sends it nowhere but where its owner has it tried.</summary>
/// <param name="Service">What it is for, such as stripe.</param>
/// <param name="Username">Which account there; null where there is one.</param>
/// <param name="BaseUrl">Where the service is asked; null where the owner's software knows.</param>
/// <param name="Header">Under which name the key is sent, such as Authorization; null where the owner's software knows.</param>
/// <param name="Prefix">What stands before the key there, such as Bearer.</param>
internal sealed record ApiKeyConfig(
    string Service,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Username = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? BaseUrl = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Header = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Prefix = null) : IntegrationConfig
{
    [JsonIgnore]
    public override string Account => Username is null ? Service : $"{Service}:{Username}";

    [JsonIgnore]
    public override Uri? Address => BaseUrl is null ? null : new Uri(BaseUrl);
}

/// <summary>A receiver that software of the owner's sends to, with the signing secret; Lockstep itself sends a test message alone.</summary>
/// <param name="Events">What is sent; empty: the owner's software knows.</param>
internal sealed record WebhookConfig(string Url, IReadOnlyList<string> Events) : IntegrationConfig
{
    [JsonIgnore]
    public override string Account => Url;

    [JsonIgnore]
    public override Uri? Address => new(Url);
}

/// <summary>What stands in the row is not what this program writes. It is shown as an error, and harms no neighbour.</summary>
/// <param name="Column">Of the table.</param>
internal sealed record UnreadableConfig([property: JsonIgnore] string Column) : IntegrationConfig
{
    public const string Code = "config_unreadable";

    [JsonIgnore]
    public override string Account => "";

    [JsonIgnore]
    public string Sentence =>
        $"The stored settings of this integration cannot be read ({Column}), so that it is left alone. Give it its config anew (PATCH with the whole of it), or have 'lockstep repair integrations' reset it.";
}
