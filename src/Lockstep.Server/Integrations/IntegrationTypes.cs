namespace Lockstep.Server.Integrations;

/// <param name="Name">As people know it.</param>
/// <param name="Url">Where discovery begins; <c>HOST</c> and <c>USER</c> stand for what only the account's owner knows.</param>
/// <param name="AppPasswordUrl">Where an app password is made; null where the account's own password is used.</param>
internal sealed record ProviderPreset(string Id, string Name, string Url, string Hint, string? AppPasswordUrl);

/// <param name="ConfigMembers">What <c>config</c> takes.</param>
internal sealed record IntegrationType(
    string Type, string Name, IReadOnlyList<string> ConfigMembers, string SecretName, IReadOnlyList<ProviderPreset> Presets);

internal sealed record IntegrationTypeList(IReadOnlyList<IntegrationType> Items);

/// <summary>What can be connected.</summary>
internal static class IntegrationTypes
{
    public const string Caldav = "caldav";

    public static readonly IntegrationTypeList All = new(
    [
        new IntegrationType(
            Caldav, "Calendar (CalDAV)", ["url", "username", "calendarPath", "selectedCalendarIds"], "Password",
            [
                new ProviderPreset("icloud", "iCloud", "https://caldav.icloud.com/",
                    "Sign in with your Apple Account's e-mail address and an app-specific password.", "https://account.apple.com/account/manage"),
                new ProviderPreset("fastmail", "Fastmail", "https://caldav.fastmail.com/",
                    "Sign in with your full address and an app password that may use calendars.", "https://app.fastmail.com/settings/security/apps"),
                new ProviderPreset("nextcloud", "Nextcloud", "https://HOST/remote.php/dav",
                    "Sign in with your user name and an app password from Settings, Security.", null),
                new ProviderPreset("radicale", "Radicale", "https://HOST/", "Sign in with your user name and password.", null),
            ]),
    ]);
}
