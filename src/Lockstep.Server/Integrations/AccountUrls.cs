using Lockstep.Server.Http;

namespace Lockstep.Server.Integrations;

/// <summary>What a person types as the address of a calendar account, as addresses that can be asked.</summary>
internal sealed class AccountUrls(AccountLookup lookup, IntegrationRules rules)
{
    /// <summary>A bare domain or e-mail address is looked up; anything else is checked as it is.</summary>
    /// <returns>Best first; empty when something is wrong, which <paramref name="errors"/> then says.</returns>
    public async Task<IReadOnlyList<Uri>> Of(string? text, string field, FieldErrors errors, CancellationToken ct)
    {
        if (!AccountLookup.IsBare(text, out var domain))
            return rules.Address(text, field, errors) is { } url ? [url] : [];
        switch (await lookup.Find(domain, ct))
        {
            case AccountAddress.Found found:
                return [.. found.Urls.Select(one => rules.Address(one.AbsoluteUri, field, errors)).OfType<Uri>()];
            case AccountAddress.Elsewhere elsewhere:
                errors.Add(field, $"is a domain whose calendars are said to be at {elsewhere.Url.AbsoluteUri}"
                    + $"{(elsewhere.Url.Scheme == Uri.UriSchemeHttps ? ", which is another domain" : ", without encryption")}. "
                    + "Anybody between here and the name servers could have said that. If it is right, give that address here.");
                return [];
            default:
                errors.Add(field, $"is a domain without calendars: {domain} says so itself. Ask whoever runs it for the address.");
                return [];
        }
    }

    /// <summary>As a request with a whole address; as it was when there is nothing to look up.</summary>
    public async Task<ConfigRequest?> Whole(ConfigRequest? config, FieldErrors errors, CancellationToken ct)
    {
        if (config is null || !AccountLookup.IsBare(config.Url, out _))
            return config;
        var urls = await Of(config.Url, "config.url", errors, ct);
        return urls.Count == 0 ? config : config with { Url = urls[0].AbsoluteUri };
    }
}
