namespace Lockstep.Server.Integrations.Connecting;

/// <summary>What somebody can connect with a form: what can be typed or pasted.</summary>
/// <param name="Id">As a product names it.</param>
/// <param name="Note">Under the name, in a few words.</param>
/// <param name="Hint">What to do, in a sentence or two.</param>
/// <param name="Type">Of the integration that is made; it says what is asked for.</param>
internal sealed record ConnectChoice(string Id, string Name, string Note, string Hint, IntegrationType Type)
{
    /// <summary>As a product names it, this is every choice that there is for calendar accounts.</summary>
    public const string Caldav = IntegrationTypes.Caldav;

    public const string AnyServer = "other";

    /// <summary>Before the name of a service, which then need not be asked for.</summary>
    public const string KeyOf = IntegrationTypes.ApiKey + ":";

    private const string Google = "google";
    private const int LongestService = 100;

    public static readonly IReadOnlyList<ConnectChoice> All =
    [
        .. IntegrationTypes.Find(Caldav)!.Presets.Select(Of),
        new ConnectChoice(AnyServer, "Another calendar server", "by domain or address", "", IntegrationTypes.Find(Caldav)!),
        new ConnectChoice(IntegrationTypes.Feed, "Calendar by its address", "read only",
            "Most calendars can be shared by an address: look for \"subscribe\", \"secret address\" or \"iCal\" in the settings of the calendar. Its events are read, and nothing is written there.",
            IntegrationTypes.Find(IntegrationTypes.Feed)!),
        new ConnectChoice(IntegrationTypes.ApiKey, "API key", "of any service", "Make a key in the settings of the service, with no more rights than it needs, and paste it here.", IntegrationTypes.Find(IntegrationTypes.ApiKey)!),
        new ConnectChoice(IntegrationTypes.Webhook, "Webhook", "your own receiver", "Messages are sent to this address, signed with the secret if you give one.", IntegrationTypes.Find(IntegrationTypes.Webhook)!),
    ];

    /// <summary>The names that a product may give, beside those of services.</summary>
    public static readonly IReadOnlyList<string> Names = [Caldav, .. All.Select(choice => choice.Id)];

    /// <summary>Null: it is no provider's.</summary>
    public ProviderPreset? Preset { get; private init; }

    /// <summary>Of a key: what it is for, where the product has said that.</summary>
    public string? Service { get; private init; }

    /// <summary>Where the person finds what is asked for; null where the hint says it.</summary>
    public string? Help { get; private init; }

    /// <summary>Somebody signs in and chooses calendars; else one form is all.</summary>
    public bool SignsIn => Type.Kind == ConfigKind.Caldav;

    public IReadOnlyList<TypeField> Fields => Service is null ? Type.Fields : [.. Type.Fields.Where(one => one.Name != "service")];

    public static bool Knows(string name) => Names.Contains(name) || IsKeyOf(name);

    /// <summary>What these names leave to choose from.</summary>
    public static IReadOnlyList<ConnectChoice> Of(IReadOnlyCollection<string> types) =>
    [
        .. All.Where(choice => types.Contains(choice.Id) || (types.Contains(Caldav) && choice.SignsIn)),
        .. types.Where(IsKeyOf).Distinct().Select(KeyFor),
    ];

    private static bool IsKeyOf(string name) => name.StartsWith(KeyOf, StringComparison.Ordinal)
        && name[KeyOf.Length..] is { Length: > 0 and <= LongestService } service && service.Trim() == service && !service.Any(char.IsControl);

    private static ConnectChoice KeyFor(string name) => new(
        name, name[KeyOf.Length..], "API key", $"Make a key in the settings of {name[KeyOf.Length..]}, with no more rights than it needs, and paste it here.", IntegrationTypes.Find(IntegrationTypes.ApiKey)!)
    { Service = name[KeyOf.Length..] };

    /// <summary>Google's sign-in takes OAuth tokens alone, which nobody types. What a person can paste is the secret address of a calendar.</summary>
    private static ConnectChoice Of(ProviderPreset preset) => preset.Id == Google
        ? new ConnectChoice(Google, preset.Name, "read only, by its secret address",
            "On a computer, open the settings of Google Calendar, choose your calendar on the left, and copy \"Secret address in iCal format\" under \"Integrate calendar\". Its events are read, and nothing is written there.",
            IntegrationTypes.Find(IntegrationTypes.Feed)!)
        { Help = "https://calendar.google.com/calendar/r/settings" }
        : new ConnectChoice(preset.Id, preset.Name, preset.Url.Contains("HOST", StringComparison.Ordinal) ? "your own server" : new Uri(preset.Url).Host, preset.Hint,
            IntegrationTypes.Find(preset.Id) ?? IntegrationTypes.Find(Caldav)!)
        { Preset = preset, Help = preset.AppPasswordUrl };
}
