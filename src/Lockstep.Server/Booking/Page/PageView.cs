using NodaTime;

namespace Lockstep.Server.Booking.Page;

/// <summary>Everything that the public page shows, decided; drawing it decides nothing more. Pure.</summary>
/// <param name="Days">The slots of each day of the visitor's on which there is one.</param>
/// <param name="Day">The chosen one: as asked, else the first free one.</param>
/// <param name="Months">From this one to the last that can be booked in.</param>
internal sealed record PageView(
    PublicProvider Provider,
    OpenTimes Open,
    PageQuery Query,
    VisitorLocale Locale,
    DateTimeZone Zone,
    SortedDictionary<LocalDate, List<Slot>> Days,
    LocalDate Today,
    LocalDate? Day,
    YearMonth Month,
    IReadOnlyList<YearMonth> Months)
{
    private const int DaysAtOnce = 8;

    /// <summary>The address at which a time is taken, up to its query; null: times are taken by a message.</summary>
    public string? Take { get; init; }

    /// <summary>The booking that is to have another time; null when there is none yet.</summary>
    public SlotWords? Moving { get; init; }

    /// <summary>The address of that booking; "" when there is none yet.</summary>
    public string Back { get; init; } = "";

    public static PageView Of(PublicProvider provider, OpenTimes open, PageQuery query, VisitorLocale locale)
    {
        var zone = query.Zone ?? provider.Hours.Zone;
        var days = new SortedDictionary<LocalDate, List<Slot>>(
            open.Slots.GroupBy(slot => slot.Start.InZone(zone).Date).ToDictionary(day => day.Key, day => day.ToList()));
        var today = open.AsOf.InZone(zone).Date;
        var last = days.Count == 0 ? today.PlusDays(provider.Rules.Horizon) : LocalDate.Max(days.Keys.Last(), today.PlusDays(provider.Rules.Horizon));
        var months = new List<YearMonth>();
        for (var month = today.ToYearMonth(); month <= last.ToYearMonth(); month = month.PlusMonths(1))
            months.Add(month);
        var day = query switch
        {
            { Day: { } asked } when asked >= today && asked <= last => asked,
            { Month: { } asked } when months.Contains(asked) => First(days, asked),
            _ => First(days, null),
        };
        var shown = day?.ToYearMonth() ?? (query.Month is { } wanted && months.Contains(wanted) ? wanted : months[0]);
        return new PageView(provider, open, query, locale, zone, days, today, day, shown, months);
    }

    public IReadOnlyList<Slot> Slots => Day is { } day && Days.TryGetValue(day, out var slots) ? slots : [];

    /// <summary>Whether a clock at the owner's would show other times on the chosen day.</summary>
    public bool ZonesDiffer => Slots.Any(slot => Zone.GetUtcOffset(slot.Start) != Provider.Hours.Zone.GetUtcOffset(slot.Start));

    /// <summary>A few free days, the chosen one among them, and where those before and after begin.</summary>
    public (LocalDate? Earlier, IReadOnlyList<LocalDate> Days, LocalDate? Later) Next
    {
        get
        {
            var free = Days.Keys.ToList();
            var at = free.FindLastIndex(day => day <= (Day ?? Today));
            var start = Math.Max(at, 0) / DaysAtOnce * DaysAtOnce;
            return (start == 0 ? null : free[start - DaysAtOnce],
                free.Skip(start).Take(DaysAtOnce).ToList(),
                start + DaysAtOnce < free.Count ? free[start + DaysAtOnce] : null);
        }
    }

    /// <summary>The first free day after a chosen one on which nothing is free.</summary>
    public LocalDate? Alternative => Slots.Count > 0 ? null : First(Days.Keys, day => Day is null || day > Day) ?? First(Days.Keys, _ => true);

    /// <summary>Where a visitor takes this time: a form, else the address that opens WhatsApp with this time in the message; null when the owner has neither.</summary>
    /// <remarks>The message is read in both places, so it says both clocks where they differ.</remarks>
    public string? Link(Slot slot)
    {
        if (Take is not null)
            return $"{Take}at={BookingForm.Write(slot.Start)}&tz={Uri.EscapeDataString(Zone.Id)}";
        if (Provider.WhatsappNumber is not { } phone)
            return null;
        var here = slot.Start.InZone(Zone).LocalDateTime;
        var there = slot.Start.InZone(Provider.Hours.Zone).LocalDateTime;
        var time = Locale.Time(here.TimeOfDay);
        if (here != there)
            time += $" {ZoneNames.Words(Zone)} ({Locale.Time(there.TimeOfDay)}"
                + (here.Date == there.Date ? "" : $" on {Locale.Day(there.Date)}")
                + $" {ZoneNames.Words(Provider.Hours.Zone)})";
        // A plain space: what is pasted elsewhere should not hold a character that cannot be seen.
        return WhatsappMessage.Link(
            phone, Provider.Settings.Whatsapp?.MessageTemplate, Locale.LongDate(here.Date), time.Replace('\u00a0', ' '));
    }

    /// <summary>The address that opens WhatsApp with a question; null when the owner takes no messages.</summary>
    public string? Ask => Provider.WhatsappNumber is { } phone
        ? WhatsappMessage.Link(phone, "Hello, I would like to book a time with you. Which times would suit you?")
        : null;

    private static LocalDate? First(SortedDictionary<LocalDate, List<Slot>> days, YearMonth? month) =>
        First(days.Keys, day => month is null || day.ToYearMonth() == month);

    private static LocalDate? First(IEnumerable<LocalDate> days, Func<LocalDate, bool> fits) =>
        days.Where(fits).Select(day => (LocalDate?)day).FirstOrDefault();
}
