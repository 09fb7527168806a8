using System.Text.Json;
using System.Text.Json.Nodes;
using Lockstep.Server.Http;
using Lockstep.Server.Integrations.Caldav;
using Lockstep.Server.Integrations.Feed;

namespace Lockstep.Server.Integrations.Types;

/// <summary>One step from a format of a config to the next.</summary>
/// <param name="Type">Of the integration.</param>
/// <param name="From">The format that it reads; it gives the next.</param>
internal sealed record ConfigStep(string Type, int From, Func<JsonObject, JsonObject> Lift);

/// <summary>From a row to its record, whatever this program or an earlier version of it wrote.</summary>
/// <remarks>
/// A row says by which format it was written (<c>config_format</c>). Older ones are lifted step by step as they are read, and are kept as the newest when
/// something is changed; so nodes of two versions can run side by side, and no migration rewrites rows of JSON.
/// </remarks>
internal sealed class ConfigReader(int newest, IReadOnlyList<ConfigStep> steps)
{
    /// <summary>What this program writes. Who changes a config's shape raises it, adds a <see cref="ConfigStep"/>, and replaces <c>lockstep.config_fault</c>.</summary>
    public const int Newest = 1;

    public static readonly ConfigReader Default = new(Newest, []);

    /// <returns>Null when it is not in the form of its format, or of a newer program.</returns>
    public IntegrationConfig? Read(string type, int format, string json)
    {
        try
        {
            if (format == newest)
                return Parse(type, json);
            if (format > newest || JsonNode.Parse(json) is not JsonObject config)
                return null;
            for (var at = format; at < newest; at++)
                config = steps.FirstOrDefault(step => step.Type == type && step.From == at)?.Lift(config) ?? config;
            return Parse(type, config.ToJsonString());
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            return null;
        }
    }

    /// <summary>A column that every type has.</summary>
    public static T? Column<T>(string json)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize<T>(json, StrictJson.Options);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static IntegrationConfig? Parse(string type, string json) => IntegrationTypes.Find(type)?.Kind switch
    {
        ConfigKind.Caldav when JsonSerializer.Deserialize<CaldavConfig>(json, StrictJson.Options) is { } config => IsAddress(config.Url) ? config : null,
        ConfigKind.Feed when JsonSerializer.Deserialize<FeedConfig>(json, StrictJson.Options) is { } config => IsAddress(config.Url) && config.Private == (config.Fingerprint is not null) ? config : null,
        ConfigKind.ApiKey when JsonSerializer.Deserialize<ApiKeyConfig>(json, StrictJson.Options) is { } config => config.BaseUrl is null || IsAddress(config.BaseUrl) ? config : null,
        ConfigKind.Webhook when JsonSerializer.Deserialize<WebhookConfig>(json, StrictJson.Options) is { } config => IsAddress(config.Url) ? config : null,
        _ => null,
    };

    private static bool IsAddress(string text) => Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme is ("http" or "https");
}
