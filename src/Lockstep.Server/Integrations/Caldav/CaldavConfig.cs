using System.Text.Json;
using System.Text.Json.Serialization;
using Lockstep.Calendaring.Caldav;
using Lockstep.Server.Integrations.Types;

namespace Lockstep.Server.Integrations.Caldav;

/// <summary>How an integration signs in. On the wire in small letters.</summary>
[JsonConverter(typeof(CaldavAuthJson))]
internal enum CaldavAuth
{
    /// <summary>User name and password: Basic or Digest, as the server asks.</summary>
    Password,

    /// <summary>A bearer token (RFC 6750), such as the access token of an OAuth credential.</summary>
    Bearer,
}

internal sealed class CaldavAuthJson() : JsonStringEnumConverter<CaldavAuth>(JsonNamingPolicy.CamelCase, allowIntegerValues: false);

/// <summary>What a CalDAV integration is told: metadata only, never a secret.</summary>
/// <param name="Url">Absolute: a domain, principal, calendar home or calendar.</param>
/// <param name="CalendarPath">The calendar that new events are written to, as an absolute URL; empty until the first sync has chosen one.</param>
/// <param name="SelectedCalendarIds">The calendars that are read beside it, as absolute URLs.</param>
/// <param name="Auth">How the secret is shown; left out when it is a password.</param>
internal sealed record CaldavConfig(
    string Url,
    string Username,
    string CalendarPath,
    IReadOnlyList<string> SelectedCalendarIds,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] CaldavAuth Auth = CaldavAuth.Password) : IntegrationConfig
{
    [JsonIgnore]
    public override string Account => Username;

    [JsonIgnore]
    public override Uri Address => new(Url);

    [JsonIgnore]
    public CaldavScheme Scheme => Auth == CaldavAuth.Bearer ? CaldavScheme.Bearer : CaldavScheme.Password;
}
