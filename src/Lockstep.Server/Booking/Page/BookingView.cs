using NodaTime;

namespace Lockstep.Server.Booking.Page;

/// <summary>A time that a visitor is about to take.</summary>
/// <param name="Key">Of the form; sending it twice is sending it once.</param>
internal sealed record BookingView(PublicProvider Provider, Slot Slot, DateTimeZone Zone, VisitorLocale Locale, BookingForm Form, string Key)
{
    public string Page => $"/c/{Provider.Slug}?day={NodaTime.Text.LocalDatePattern.Iso.Format(Slot.Start.InZone(Zone).Date)}&tz={Uri.EscapeDataString(Zone.Id)}";

    public SlotWords When => new(Slot, Zone, Provider.Hours.Zone, Locale);

    /// <summary>The free slots that are nearest to the one that is gone, in order.</summary>
    public IReadOnlyList<Slot> Nearest(OpenTimes open) => SlotWords.Nearest(open, Slot);
}

/// <summary>A booking, for who made it.</summary>
/// <param name="Provider">Null: its owner does not show the page any more.</param>
internal sealed record MyBookingView(
    BookedTime Booking, string Link, Lockstep.Server.Booking.Provider Owner, PublicProvider? Provider, DateTimeZone Zone, VisitorLocale Locale, Instant Now)
{
    public string Name => PublicProvider.NameOf(Owner.PublicSlug ?? "", Owner.Settings);

    /// <summary>Not once it has begun, and not when it was called off.</summary>
    public bool CanChange => Booking.IsConfirmed && Booking.Slot.Start > Now;

    public SlotWords When => Words(Booking.Slot);

    public SlotWords Words(Slot slot) => new(
        slot, Zone, Provider?.Hours.Zone ?? ProviderRules.Hours(Owner.Timezone ?? Lockstep.Server.Booking.Provider.StandardTimezone, Owner.Settings?.WorkingHours)?.Zone ?? Zone, Locale);
}

/// <summary>A slot in words, on the visitor's clock and where it differs on the owner's.</summary>
internal sealed record SlotWords(Slot Slot, DateTimeZone Zone, DateTimeZone OwnerZone, VisitorLocale Locale)
{
    private const int Alternatives = 3;

    /// <summary>Tuesday 24 November 2026.</summary>
    public string Date => Locale.LongDate(Slot.Start.InZone(Zone).Date);

    /// <summary>09:00 to 09:30, Berlin time.</summary>
    public string Time => $"{Locale.Time(Slot.Start.InZone(Zone).TimeOfDay)} to {Locale.Time(Slot.End.InZone(Zone).TimeOfDay)}, {ZoneNames.Words(Zone)}";

    /// <summary>12:00 on Tuesday 24 November, Dubai time; null where the clocks agree.</summary>
    public string? There => Zone.GetUtcOffset(Slot.Start) == OwnerZone.GetUtcOffset(Slot.Start)
        ? null
        : $"{Locale.Time(Slot.Start.InZone(OwnerZone).TimeOfDay)} on {Locale.Day(Slot.Start.InZone(OwnerZone).Date)}, {ZoneNames.Words(OwnerZone)}";

    /// <summary>Tuesday 24 November 2026, 09:00, Berlin time.</summary>
    public string Begin(Instant at) => $"{Locale.LongDate(at.InZone(Zone).Date)}, {Locale.Time(at.InZone(Zone).TimeOfDay)}, {ZoneNames.Words(Zone)}";

    /// <summary>Tue 24 Nov, 09:00.</summary>
    public string Short => $"{Locale.ShortDay(Slot.Start.InZone(Zone).Date)}, {Locale.Time(Slot.Start.InZone(Zone).TimeOfDay)}";

    public SlotWords Of(Slot slot) => this with { Slot = slot };

    /// <summary>The free slots that are nearest to one that is gone, in order.</summary>
    public static IReadOnlyList<Slot> Nearest(OpenTimes open, Slot gone) =>
        [.. open.Slots.Where(slot => slot.Start != gone.Start).OrderBy(slot => Distance(slot, gone)).Take(Alternatives).OrderBy(slot => slot.Start)];

    private static Duration Distance(Slot slot, Slot gone) => slot.Start > gone.Start ? slot.Start - gone.Start : gone.Start - slot.Start;
}
