using System.Text.Json.Serialization;

namespace Lockstep.Server.Integrations.Caldav;

/// <summary>What a CalDAV integration is told: metadata only, never a secret.</summary>
/// <param name="Url">Absolute: a domain, principal, calendar home or calendar.</param>
/// <param name="CalendarPath">The calendar that new events are written to, as an absolute URL; empty until the first sync has chosen one.</param>
/// <param name="SelectedCalendarIds">The calendars that are read beside it, as absolute URLs.</param>
internal sealed record CaldavConfig(string Url, string Username, string CalendarPath, IReadOnlyList<string> SelectedCalendarIds)
{
    [JsonIgnore]
    public Uri Address => new(Url);

    /// <summary>Scheme, host and port: whom the password is shown to.</summary>
    [JsonIgnore]
    public string Origin => Address.GetLeftPart(UriPartial.Authority).ToLowerInvariant();
}
