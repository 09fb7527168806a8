using System.Text.Json.Serialization;

namespace Lockstep.Server.Booking;

/// <summary>What a provider sets; every part may be left out.</summary>
internal sealed record ProviderSettings(
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] ProfileSettings? Profile = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] HoursSettings? WorkingHours = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] WhatsappSettings? Whatsapp = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] CalendarSettings? Calendar = null);

/// <summary>What the public page says of its owner.</summary>
/// <param name="Name">Null: made of the slug.</param>
/// <param name="About">A line or two of plain text.</param>
internal sealed record ProfileSettings(string? Name = null, string? About = null);

/// <param name="Timezone">IANA name; null: the provider's.</param>
/// <param name="Days">ISO 8601: 1 is Monday, 7 is Sunday.</param>
/// <param name="Start">HH:mm.</param>
/// <param name="End">HH:mm, later than the start; 24:00 is the end of the day.</param>
internal sealed record HoursSettings(
    string? Timezone = null, IReadOnlyList<int>? Days = null, string? Start = null, string? End = null);

/// <param name="PhoneE164">+ and 7 to 15 digits.</param>
/// <param name="MessageTemplate">Names {date} and {time}; null: <see cref="WhatsappMessage.Standard"/>.</param>
internal sealed record WhatsappSettings(bool Enabled = false, string? PhoneE164 = null, string? MessageTemplate = null);

/// <param name="SelectedCalendarIds">Which calendars block times, as absolute URLs once stored. None: all.</param>
internal sealed record CalendarSettings(IReadOnlyList<string?>? SelectedCalendarIds = null);
