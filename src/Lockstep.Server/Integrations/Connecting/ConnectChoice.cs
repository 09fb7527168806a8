namespace Lockstep.Server.Integrations.Connecting;

/// <summary>What somebody can connect with a form: a provider whose sign-in can be typed.</summary>
/// <param name="Id">Of a preset, or <see cref="AnyServer"/>.</param>
/// <param name="Preset">Null: any CalDAV server, by its address.</param>
internal sealed record ConnectChoice(string Id, string Name, string Note, ProviderPreset? Preset)
{
    /// <summary>As a product names it, this is every choice that there is for calendars.</summary>
    public const string Caldav = IntegrationTypes.Caldav;

    public const string AnyServer = "other";

    public static readonly IReadOnlyList<ConnectChoice> All =
    [
        // Google takes OAuth tokens alone, which nobody types.
        .. IntegrationTypes.All.Items[0].Presets.Where(preset => preset.Id != "google")
            .Select(preset => new ConnectChoice(preset.Id, preset.Name, preset.Url.Contains("HOST", StringComparison.Ordinal) ? "your own server" : new Uri(preset.Url).Host, preset)),
        new ConnectChoice(AnyServer, "Another calendar server", "by domain or address", null),
    ];

    /// <summary>The names that a product may give.</summary>
    public static readonly IReadOnlyList<string> Names = [Caldav, .. All.Select(choice => choice.Id)];

    /// <summary>What these names leave to choose from.</summary>
    public static IReadOnlyList<ConnectChoice> Of(IReadOnlyCollection<string> types) =>
        [.. All.Where(choice => types.Contains(choice.Id) || types.Contains(Caldav))];
}
