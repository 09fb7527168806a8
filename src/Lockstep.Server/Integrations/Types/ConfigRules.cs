using System.Text.Json;
using Lockstep.Calendaring.Caldav;
using Lockstep.Crypto;
using Lockstep.Server.Http;
using Lockstep.Server.Integrations.Caldav;
using Lockstep.Server.Integrations.Feed;
using Lockstep.Server.Outbound;

namespace Lockstep.Server.Integrations.Types;

/// <summary>What each type may be told. Everything wrong is said at once; no message repeats a secret.</summary>
internal sealed class ConfigRules(OutboundGuard guard)
{
    private const int MaxUrl = 2_000;
    private const int MaxUsername = 320;
    private const int MaxCalendars = 100;
    private const int MaxEvents = 100;

    /// <param name="current">What it was told before; null for a new one.</param>
    /// <param name="secret">Of the request: a private feed's address.</param>
    /// <param name="hasSecret">Of the request or stored.</param>
    /// <param name="known">Our ids of its calendars, and their addresses.</param>
    /// <returns>Null when something is wrong with it.</returns>
    public IntegrationConfig? Check(
        IntegrationType type, ConfigRequest given, IntegrationConfig? current, Secret? secret, bool hasSecret, IReadOnlyDictionary<Guid, string> known, FieldErrors errors)
    {
        foreach (var (name, _) in Members(given).Where(member => !type.ConfigMembers.Contains(member.Name)))
            errors.Add($"config.{name}", $"is nothing that the type {type.Type} takes. It takes {string.Join(", ", type.ConfigMembers)}.");
        return type.Kind switch
        {
            ConfigKind.Caldav => Caldav(type, given, current as CaldavConfig, known, errors),
            ConfigKind.Feed => Feed(given, current as FeedConfig, secret, hasSecret, errors),
            ConfigKind.ApiKey => ApiKey(given, current as ApiKeyConfig, errors),
            _ => Webhook(given, current as WebhookConfig, errors),
        };
    }

    /// <returns>Null when something is wrong with it.</returns>
    public Uri? Address(string? text, string field, FieldErrors errors)
    {
        if (string.IsNullOrWhiteSpace(text))
        {
            errors.Add(field, "is missing: the address of your calendar account, such as https://caldav.example.com.");
            return null;
        }
        if (text.Length > MaxUrl || !Uri.TryCreate(text.Trim(), UriKind.Absolute, out var url))
        {
            errors.Add(field, "is not an address. Write it whole, such as https://caldav.example.com.");
            return null;
        }
        var fault = Placeholder(text.Trim()) is { } left ? left : guard.Check(url) switch
        {
            OutboundCheck.NotHttp => "does not begin with https:// or http://.",
            OutboundCheck.CarriesCredentials => "holds a user name or password. Give these in their own members.",
            OutboundCheck.NotPublic => $"{url.Authority} may not be reached from here: it is not an address of the public internet. "
                + $"Whoever runs this installation can allow it by adding its host:port to {OutboundAllowList.Setting}.",
            _ => url.Fragment.Length > 0 ? "holds a fragment (#...). Leave it out." : null,
        };
        if (fault is not null)
            errors.Add(field, fault);
        return fault is null ? url : null;
    }

    /// <summary>A preset's address taken over as it is listed: its words in capitals stand for what only the account's owner knows.</summary>
    private static string? Placeholder(string text)
    {
        var rest = text[(text.IndexOf("://", StringComparison.Ordinal) + 3)..];
        var path = rest.IndexOf('/', StringComparison.Ordinal);
        var host = path < 0 ? rest : rest[..path];
        return host == "HOST" || host.StartsWith("HOST:", StringComparison.Ordinal) ? "still holds HOST: write the name of your own server in its place, such as cloud.example.com."
            : path >= 0 && rest[path..].Split('/').Contains("USER") && IntegrationTypes.ProviderOf(host)?.Url.Contains("/USER/", StringComparison.Ordinal) == true ? "still holds USER: write your user name there in its place."
            : null;
    }

    private CaldavConfig? Caldav(IntegrationType type, ConfigRequest given, CaldavConfig? current, IReadOnlyDictionary<Guid, string> known, FieldErrors errors)
    {
        var username = (given.Username ?? current?.Username)?.Trim();
        var preset = IntegrationTypes.PresetOf(type);
        var url = Address(given.Url ?? current?.Url ?? UsualUrl(preset, username), "config.url", errors);
        errors.Require(!string.IsNullOrEmpty(username), "config.username", "is missing: the name that you sign in with there.");
        errors.Require(username is null || (username.Length <= MaxUsername && !username.Any(char.IsControl)), "config.username",
            $"has more than {MaxUsername} characters, or a control character.");
        if (url is not null && preset is not null && !IntegrationTypes.IsHostOf(preset, url.Host))
            errors.Add("config.url", $"is at {url.Host}, which is not {preset.Name}'s. Leave it out, or connect it as caldav.");
        // A server that is known to take tokens alone.
        var auth = given.Auth ?? current?.Auth ?? (preset?.Id == "google" ? CaldavAuth.Bearer : CaldavAuth.Password);
        errors.Require(auth != CaldavAuth.Bearer || url is null || url.Scheme == Uri.UriSchemeHttps || guard.Lists(url), "config.url",
            "does not begin with https://, and a bearer token is never sent in clear (RFC 6750 section 5.3).");
        errors.Require(given.SelectedCalendarIds is not { Count: > MaxCalendars }, "config.selectedCalendarIds", $"names more than {MaxCalendars} calendars.");
        if (url is null || errors.Any)
            return null;
        var moved = current is not null && !string.Equals(
            url.GetLeftPart(UriPartial.Authority), current.Origin, StringComparison.OrdinalIgnoreCase);
        // What was chosen on another server means nothing on this one.
        var path = given.CalendarPath ?? (moved ? null : current?.CalendarPath);
        var selected = given.SelectedCalendarIds ?? (moved ? null : current?.SelectedCalendarIds) ?? [];
        var target = string.IsNullOrWhiteSpace(path) ? "" : Calendar(path, url, known, "config.calendarPath", errors);
        var calendars = selected.Select((id, i) => Calendar(id, url, known, $"config.selectedCalendarIds[{i}]", errors)).Distinct().ToList();
        return errors.Any ? null : new CaldavConfig(url.AbsoluteUri, username!, target, calendars, auth);
    }

    private FeedConfig? Feed(ConfigRequest given, FeedConfig? current, Secret? secret, bool hasSecret, FieldErrors errors)
    {
        var (text, field) = given.Url is { } open ? (open, "config.url") : secret is not null ? (secret.RevealText(), "secret") : (null, "config.url");
        if (text is null)
        {
            errors.Require(current is not null || !hasSecret, "secret", "is where the address of a private feed is given, itself: a stored credential cannot be looked into here.");
            errors.Require(current is not null || hasSecret, "config.url", "is missing: the address of a public feed. Give the address of a private one as secret.");
            return errors.Any ? null : current;
        }
        errors.Require(given.Url is null || secret is null, "secret", "is given beside config.url. A public feed has none, and a private one has no config.url: its address is the secret.");
        // How calendar programs write it; it is HTTP all the same.
        var address = text.Trim();
        foreach (var (scheme, http) in new[] { ("webcals://", "https://"), ("webcal://", "https://") })
            address = address.StartsWith(scheme, StringComparison.OrdinalIgnoreCase) ? http + address[scheme.Length..] : address;
        if (Address(address, field, errors) is not { } url || errors.Any)
            return null;
        return field == "secret" ? FeedConfig.OfPrivate(url) : new FeedConfig(url.AbsoluteUri);
    }

    private static ApiKeyConfig? ApiKey(ConfigRequest given, ApiKeyConfig? current, FieldErrors errors)
    {
        var merged = new ApiKeyConfig(
            (given.Service ?? current?.Service)?.Trim() ?? "", given.Username ?? current?.Username, given.BaseUrl ?? current?.BaseUrl, given.Header ?? current?.Header, given.Prefix ?? current?.Prefix);
        errors.Require(IsWord(merged.Service, 100), "config.service", "has 1 to 100 characters, and no control characters: what the key is for, such as stripe.");
        errors.Require(merged.Username is null || IsWord(merged.Username, MaxUsername), "config.username", $"has 1 to {MaxUsername} characters, and no control characters.");
        errors.Require(merged.BaseUrl is null || IsPlain(merged.BaseUrl), "config.baseUrl", "is no http or https address without user name and fragment.");
        errors.Require(merged.Header is null || (merged.Header.Length is >= 1 and <= 100 && merged.Header.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_')),
            "config.header", "is the name of a header, such as Authorization.");
        errors.Require(merged.Prefix is null || IsWord(merged.Prefix, 50), "config.prefix", "has 1 to 50 characters, such as Bearer.");
        return errors.Any ? null : merged;
    }

    private static WebhookConfig? Webhook(ConfigRequest given, WebhookConfig? current, FieldErrors errors)
    {
        var (url, events) = (given.Url ?? current?.Url ?? "", given.Events ?? current?.Events ?? []);
        errors.Require(IsPlain(url), "config.url", "is missing, or no http or https address without user name and fragment.");
        errors.Require(events.Count <= MaxEvents && events.All(one => IsWord(one, 100)), "config.events", $"holds at most {MaxEvents} names of 1 to 100 characters.");
        return errors.Any ? null : new WebhookConfig(new Uri(url).AbsoluteUri, events);
    }

    /// <summary>Where a provider's accounts are; null where its owner has to say.</summary>
    private static string? UsualUrl(ProviderPreset? preset, string? username) =>
        preset is null || preset.Url.Contains("HOST", StringComparison.Ordinal) ? null
        : !preset.Url.Contains("USER", StringComparison.Ordinal) ? preset.Url
        : username is null ? null : preset.Url.Replace("USER", Uri.EscapeDataString(username), StringComparison.Ordinal);

    private static bool IsWord(string text, int most) => text.Length > 0 && text.Length <= most && !text.Any(char.IsControl);

    private static bool IsPlain(string text) => text.Length <= MaxUrl && Uri.TryCreate(text, UriKind.Absolute, out var url)
        && url.Scheme is ("http" or "https") && url.UserInfo.Length == 0 && url.Fragment.Length == 0;

    private static IEnumerable<(string Name, JsonElement Value)> Members(ConfigRequest given) =>
        JsonSerializer.SerializeToElement(given, StrictJson.Options).EnumerateObject()
            .Where(member => member.Value.ValueKind != JsonValueKind.Null).Select(member => (member.Name, member.Value));

    /// <returns>Its absolute URL, whichever way it was named.</returns>
    private static string Calendar(string? id, Uri account, IReadOnlyDictionary<Guid, string> known, string field, FieldErrors errors)
    {
        id = id?.Trim() ?? "";
        if (Guid.TryParse(id, out var ours))
        {
            if (known.TryGetValue(ours, out var href))
                return href;
            errors.Add(field, "is no calendar of this integration.");
            return "";
        }
        if (id.StartsWith('/'))
            id = account.GetLeftPart(UriPartial.Authority) + id;
        if (id.Length is > 0 and <= MaxUrl && Href.TryParse(id, out var parsed) && parsed.Url.UserInfo.Length == 0)
            return parsed.ToString();
        errors.Add(field, "is not a calendar: give an address or path as POST /v1/caldav/discover lists it.");
        return "";
    }
}
