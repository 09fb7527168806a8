using System.Text.Json.Serialization;

namespace Lockstep.Server.Integrations;

/// <param name="Name">As people know it.</param>
/// <param name="Url">Where discovery begins; <c>HOST</c> and <c>USER</c> stand for what only the account's owner knows.</param>
/// <param name="AppPasswordUrl">Where an app password is made; null where the account's own password is used.</param>
internal sealed record ProviderPreset(string Id, string Name, string Url, string Hint, string? AppPasswordUrl);

/// <summary>What a form asks for.</summary>
/// <param name="Name">A member of <c>config</c>, or <c>secret</c>.</param>
/// <param name="Hint">What to write there; "" where the label says it.</param>
internal sealed record TypeField(string Name, string Label, string Hint = "", bool Required = true)
{
    public const string Secret = "secret";

    [JsonIgnore]
    public bool IsSecret => Name == Secret;
}

/// <param name="ConfigMembers">What <c>config</c> takes.</param>
/// <param name="Fields">What a person has to be asked for, in this order; what only programs know is left out.</param>
/// <param name="SecretName">As people call what is given as secret.</param>
/// <param name="SecretRequired">Whether it has one in any case.</param>
/// <param name="Syncs">Whether Lockstep does something with it; else it is kept for software of the owner's.</param>
internal sealed record IntegrationType(
    string Type, string Name, IReadOnlyList<string> ConfigMembers, string SecretName, IReadOnlyList<TypeField> Fields, IReadOnlyList<ProviderPreset> Presets,
    [property: JsonIgnore] ConfigKind Kind, bool SecretRequired = true, bool Syncs = true);

/// <summary>Which record a type's config is.</summary>
internal enum ConfigKind
{
    Caldav,
    Feed,
    ApiKey,
    Webhook,
}

internal sealed record IntegrationTypeList(IReadOnlyList<IntegrationType> Items);

/// <summary>What can be connected.</summary>
internal static class IntegrationTypes
{
    public const string Caldav = "caldav";
    public const string Feed = "ics";
    public const string ApiKey = "api_key";
    public const string Webhook = "webhook";

    private static readonly IReadOnlyList<string> CaldavMembers = ["url", "username", "calendarPath", "selectedCalendarIds", "auth"];

    private static readonly TypeField Server = new("url", "Server", "A domain such as example.com, your e-mail address, or a whole address such as https://dav.example.com/");
    private static readonly TypeField Username = new("username", "User name");

    private static readonly IReadOnlyList<ProviderPreset> Presets =
    [
        new ProviderPreset("icloud", "iCloud", "https://caldav.icloud.com/",
            "Sign in with your Apple Account's e-mail address and an app-specific password.", "https://account.apple.com/account/manage"),
        new ProviderPreset("google", "Google Calendar", "https://apidata.googleusercontent.com/caldav/v2/USER/user",
            "Google takes no passwords here: give an OAuth access token of the scope https://www.googleapis.com/auth/calendar as the secret, and a new one (PATCH with secret) before it expires.",
            null),
        new ProviderPreset("fastmail", "Fastmail", "https://caldav.fastmail.com/",
            "Sign in with your full address and an app password that may use calendars.", "https://app.fastmail.com/settings/security/apps"),
        new ProviderPreset("nextcloud", "Nextcloud", "https://HOST/remote.php/dav",
            "Sign in with your user name and an app password from Settings, Security.", null),
        new ProviderPreset("yahoo", "Yahoo Calendar", "https://caldav.calendar.yahoo.com/",
            "Sign in with your full address and an app password.", "https://login.yahoo.com/account/security"),
        new ProviderPreset("zoho", "Zoho Calendar", "https://calendar.zoho.com/",
            "Sign in with your full address; with two-factor sign-in, with an application-specific password.", "https://accounts.zoho.com/home#security/app_password"),
        new ProviderPreset("mailbox-org", "mailbox.org", "https://dav.mailbox.org/", "Sign in with your full address and your password.", null),
        new ProviderPreset("posteo", "Posteo", "https://posteo.de:8443/", "Sign in with your full address and your password.", null),
        new ProviderPreset("gmx", "GMX", "https://caldav.gmx.net/",
            "Sign in with your full address; with two-factor sign-in, with an app password.", null),
        new ProviderPreset("web-de", "WEB.DE", "https://caldav.web.de/",
            "Sign in with your full address; with two-factor sign-in, with an app password.", null),
        new ProviderPreset("infomaniak", "Infomaniak", "https://sync.infomaniak.com/",
            "Sign in with the user name that your account shows for synchronisation, and an app password where two-factor sign-in is on.", null),
        new ProviderPreset("runbox", "Runbox", "https://dav.runbox.com/", "Sign in with your user name and an app password.", null),
        new ProviderPreset("sogo", "SOGo", "https://HOST/SOGo/dav/", "Sign in with your user name and password.", null),
        new ProviderPreset("zimbra", "Zimbra", "https://HOST/dav/", "Sign in with your full address and password.", null),
        new ProviderPreset("davical", "DAViCal", "https://HOST/caldav.php/", "Sign in with your user name and password.", null),
        new ProviderPreset("baikal", "Baikal", "https://HOST/dav.php/", "Sign in with your user name and password.", null),
        new ProviderPreset("radicale", "Radicale", "https://HOST/", "Sign in with your user name and password.", null),
        new ProviderPreset("xandikos", "Xandikos", "https://HOST/", "Sign in as the proxy in front of it asks.", null),
    ];

    public static readonly IntegrationTypeList All = new(
    [
        new IntegrationType(Caldav, "Calendar (CalDAV)", CaldavMembers, "Password", [Server, Username, new(TypeField.Secret, "Password")], Presets, ConfigKind.Caldav),
        Provider("icloud", "App-specific password"),
        Provider("google", "Access token"),
        Provider("fastmail", "App password"),
        Provider("nextcloud", "App password"),
        new IntegrationType(Feed, "Calendar feed (ICS, read only)", ["url"], "Address of a private feed",
            [new(TypeField.Secret, "Address of the calendar", "Begins with https:// or webcal://, and often ends with .ics. Whoever has it can read the calendar, so it is sealed like a password.")],
            [], ConfigKind.Feed, SecretRequired: false),
        new IntegrationType(ApiKey, "API key, kept for your software", ["service", "username", "baseUrl", "header", "prefix"], "Key",
            [new("service", "Service", "What the key is for, such as Stripe."), new("username", "Account", "Which account there, if you have several.", Required: false), new(TypeField.Secret, "Key")],
            [], ConfigKind.ApiKey, Syncs: false),
        new IntegrationType(Webhook, "Webhook receiver, kept for your software", ["url", "events"], "Signing secret",
            [new("url", "Address of the receiver", "Where the messages are sent, such as https://example.com/hooks."), new(TypeField.Secret, "Signing secret", "If there is one.", Required: false)],
            [], ConfigKind.Webhook, SecretRequired: false, Syncs: false),
    ]);

    /// <returns>Null for a type that is not known.</returns>
    public static IntegrationType? Find(string? type) => All.Items.FirstOrDefault(one => one.Type == type);

    /// <summary>The provider that a type is of; null for one of no provider.</summary>
    public static ProviderPreset? PresetOf(IntegrationType type) => type is { Kind: ConfigKind.Caldav, Presets: [var only] } ? only : null;

    /// <summary>The provider that runs that host, such as Apple a partition of iCloud; null for one that is not known, or that everybody can run.</summary>
    public static ProviderPreset? ProviderOf(string host) => Presets.FirstOrDefault(preset =>
        !preset.Url.Contains("HOST", StringComparison.Ordinal) && DomainOf(new Uri(preset.Url).Host) is var domain
        && (host.Equals(domain, StringComparison.OrdinalIgnoreCase) || host.EndsWith("." + domain, StringComparison.OrdinalIgnoreCase)));

    /// <summary>Is it a host of that provider? One that everybody can run has none of its own.</summary>
    public static bool IsHostOf(ProviderPreset preset, string host) => preset.Url.Contains("HOST", StringComparison.Ordinal)
        || (DomainOf(new Uri(preset.Url).Host) is var domain && (host.Equals(domain, StringComparison.OrdinalIgnoreCase) || host.EndsWith("." + domain, StringComparison.OrdinalIgnoreCase)));

    private static IntegrationType Provider(string id, string secretName) =>
        new(id, Presets.Single(preset => preset.Id == id).Name, CaldavMembers, secretName,
            [.. Presets.Single(preset => preset.Id == id).Url.Contains("HOST", StringComparison.Ordinal) ? [Server] : Array.Empty<TypeField>(), Username, new(TypeField.Secret, secretName)],
            [Presets.Single(preset => preset.Id == id)], ConfigKind.Caldav);

    private static string DomainOf(string host) => string.Join('.', host.Split('.')[^2..]);
}
