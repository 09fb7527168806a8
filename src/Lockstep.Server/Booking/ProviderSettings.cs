using System.Text.Json.Serialization;

namespace Lockstep.Server.Booking;

/// <summary>What a provider sets; every part may be left out.</summary>
internal sealed record ProviderSettings(
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] ProfileSettings? Profile = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] HoursSettings? WorkingHours = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] WhatsappSettings? Whatsapp = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] CalendarSettings? Calendar = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] SlotSettings? Slots = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] BookingSettings? Booking = null);

/// <summary>What the public page says of its owner.</summary>
/// <param name="Name">Null: made of the slug.</param>
/// <param name="About">A line or two of plain text.</param>
internal sealed record ProfileSettings(string? Name = null, string? About = null);

/// <param name="Timezone">IANA name; null: the provider's.</param>
/// <param name="Days">ISO 8601: 1 is Monday, 7 is Sunday.</param>
/// <param name="Start">HH:mm.</param>
/// <param name="End">HH:mm, later than the start; 24:00 is the end of the day.</param>
/// <param name="Ranges">Instead of days, start and end: several ranges, so that a day can have a break and Friday its own hours.</param>
internal sealed record HoursSettings(
    string? Timezone = null,
    IReadOnlyList<int>? Days = null,
    string? Start = null,
    string? End = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<RangeSettings?>? Ranges = null);

/// <param name="Days">ISO 8601: 1 is Monday, 7 is Sunday.</param>
/// <param name="Start">HH:mm.</param>
/// <param name="End">HH:mm, later than the start; 24:00 is the end of the day.</param>
internal sealed record RangeSettings(IReadOnlyList<int>? Days = null, string? Start = null, string? End = null);

/// <summary>How the hours are cut into times; what is left out is standard.</summary>
/// <param name="DurationMinutes">How long a time is, 5 to 480; 30.</param>
/// <param name="StepMinutes">From one start to the next, 5 to 480; as long as a time is.</param>
/// <param name="BufferBeforeMinutes">Kept free before each, 0 to 240; 0.</param>
/// <param name="BufferAfterMinutes">Kept free after each, 0 to 240; 0.</param>
/// <param name="NoticeMinutes">How soon a time may start from now, 0 to 43,200; 0.</param>
/// <param name="HorizonDays">The last day that can be had, counted from today, 1 to 365; 60.</param>
internal sealed record SlotSettings(
    int? DurationMinutes = null, int? StepMinutes = null, int? BufferBeforeMinutes = null, int? BufferAfterMinutes = null,
    int? NoticeMinutes = null, int? HorizonDays = null);

/// <param name="Enabled">Whether visitors may take a time on the page itself.</param>
internal sealed record BookingSettings(bool Enabled = false);

/// <param name="PhoneE164">+ and 7 to 15 digits.</param>
/// <param name="MessageTemplate">Names {date} and {time}; null: <see cref="WhatsappMessage.Standard"/>.</param>
internal sealed record WhatsappSettings(bool Enabled = false, string? PhoneE164 = null, string? MessageTemplate = null);

/// <param name="SelectedCalendarIds">Which calendars block times, as absolute URLs once stored. None: all.</param>
/// <param name="BookingCalendarId">Where what visitors book is written to, an absolute URL once stored. Null: the only calendar that new events go to.</param>
internal sealed record CalendarSettings(
    IReadOnlyList<string?>? SelectedCalendarIds = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? BookingCalendarId = null);
