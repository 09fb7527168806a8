using System.Globalization;
using System.Text.RegularExpressions;
using Lockstep.Server.Http;
using NodaTime;

namespace Lockstep.Server.Booking;

/// <summary>What a provider may be set to; every fault is named by its path.</summary>
internal static partial class ProviderRules
{
    private const int MaxCalendars = 50;
    private const int MaxRanges = 28;

    public const string BookingCalendar = "settings.calendar.bookingCalendarId";

    public static FieldErrors Check(Provider provider)
    {
        var errors = new FieldErrors();
        if (provider.PublicSlug is { } slug)
        {
            errors.Require(Slug().IsMatch(slug), "publicSlug",
                "An address has 3 to 63 small letters, digits and hyphens, and neither begins nor ends with a hyphen.");
            errors.Require(!ReservedSlugs.Contains(slug), "publicSlug", "This word is reserved. Choose another address.");
        }
        if (provider.Timezone is { } timezone)
            CheckZone(timezone, "timezone", errors);
        var settings = provider.Settings ?? new();
        if (provider.IsPublic)
        {
            errors.Require(provider.PublicSlug is not null, "publicSlug", "A public page needs an address: choose one, such as your name.");
            errors.Require(settings.WorkingHours is not null, "settings.workingHours", "A public page needs working hours: set days, start and end.");
        }
        if (settings.Profile is { } profile)
            CheckProfile(profile, errors);
        if (settings.WorkingHours is { } hours)
            CheckHours(hours, errors);
        if (settings.Whatsapp is { } whatsapp)
            CheckWhatsapp(whatsapp, errors);
        if (settings.Calendar?.SelectedCalendarIds is { } calendars)
            CheckCalendars(calendars, errors);
        if (settings.Calendar?.BookingCalendarId is { } target)
            errors.Require(target is { Length: > 0 and <= 2000 } && IsPlain(target), BookingCalendar, UnknownCalendar);
        if (settings.Slots is { } slots)
            CheckSlots(slots, errors);
        return errors;
    }

    /// <summary>The hours as times; only for settings that passed <see cref="Check"/>.</summary>
    public static WorkingHours? Hours(string timezone, HoursSettings? hours) =>
        hours is not null && DateTimeZoneProviders.Tzdb.GetZoneOrNull(hours.Timezone ?? timezone) is { } zone
        && Ranges(hours) is { Count: > 0 } ranges
            ? new WorkingHours(zone, ranges)
            : null;

    private static List<HoursRange> Ranges(HoursSettings hours) =>
        [.. (hours.Ranges ?? [new RangeSettings(hours.Days, hours.Start, hours.End)])
            .OfType<RangeSettings>().Where(range => range is { Days: not null, Start: not null, End: not null })
            .Select(range => new HoursRange(range.Days!.Select(day => (IsoDayOfWeek)day).ToHashSet(), Minute(range.Start!), Minute(range.End!)))];

    private static void CheckZone(string zone, string field, FieldErrors errors) => errors.Require(
        DateTimeZoneProviders.Tzdb.Ids.Contains(zone), field, "This is not a time zone. Take an IANA name, such as Asia/Dubai or Europe/Berlin.");

    private static void CheckProfile(ProfileSettings profile, FieldErrors errors)
    {
        errors.Require(profile.Name is null || (profile.Name.Trim().Length is >= 1 and <= 100 && IsPlain(profile.Name)),
            "settings.profile.name", "A name has 1 to 100 characters on one line.");
        errors.Require(profile.About is null || (profile.About.Length <= 500 && IsPlain(profile.About.Replace('\n', ' '))),
            "settings.profile.about", "This has at most 500 characters of plain text.");
    }

    private static void CheckHours(HoursSettings hours, FieldErrors errors)
    {
        const string At = "settings.workingHours";
        if (hours.Timezone is { } zone)
            CheckZone(zone, $"{At}.timezone", errors);
        if (hours.Ranges is null)
            CheckRange(new RangeSettings(hours.Days, hours.Start, hours.End), At, errors);
        else
            CheckRanges(hours, hours.Ranges, $"{At}.ranges", errors);
    }

    private static void CheckRanges(HoursSettings hours, IReadOnlyList<RangeSettings?> ranges, string at, FieldErrors errors)
    {
        errors.Require(hours is { Days: null, Start: null, End: null }, at, "Give either days, start and end, or ranges that have them.");
        errors.Require(ranges.Count is >= 1 and <= MaxRanges, at, $"From 1 to {MaxRanges} ranges.");
        var sound = !errors.Any;
        for (var i = 0; i < Math.Min(ranges.Count, MaxRanges); i++)
            sound &= CheckRange(ranges[i] ?? new(), $"{at}[{i}]", errors);
        if (sound && Overlap(Ranges(hours)))
            errors.Add(at, "Two ranges overlap on a day. Make one of them, or let the second begin where the first ends.");
    }

    private static bool Overlap(List<HoursRange> ranges) => ranges.Where((one, i) => ranges.Skip(i + 1).Any(other =>
        one.Days.Overlaps(other.Days) && one.StartMinute < other.EndMinute && other.StartMinute < one.EndMinute)).Any();

    private static bool CheckRange(RangeSettings range, string at, FieldErrors errors)
    {
        var sound = true;
        if (range.Days is not { Count: > 0 } days)
        {
            errors.Add($"{at}.days", "Name at least one day: 1 is Monday, 7 is Sunday.");
            sound = false;
        }
        else
        {
            // Seven are enough; more would only lengthen the answer.
            for (var i = 0; i < Math.Min(days.Count, 8); i++)
                errors.Require(days[i] is >= 1 and <= 7, $"{at}.days[{i}]", "A day is a number from 1, Monday, to 7, Sunday.");
            errors.Require(days.Distinct().Count() == days.Count, $"{at}.days", "A day is there twice.");
        }
        var start = CheckTime(range.Start, $"{at}.start", errors);
        var end = CheckTime(range.End, $"{at}.end", errors);
        errors.Require(start is null || end is null || start < end, $"{at}.end", "The end is later than the start; the latest is 24:00.");
        return sound && start is not null && end is not null;
    }

    private static void CheckSlots(SlotSettings slots, FieldErrors errors)
    {
        const string At = "settings.slots";
        Within(slots.DurationMinutes, 5, 480, $"{At}.durationMinutes", errors);
        Within(slots.StepMinutes, 5, 480, $"{At}.stepMinutes", errors);
        Within(slots.BufferBeforeMinutes, 0, 240, $"{At}.bufferBeforeMinutes", errors);
        Within(slots.BufferAfterMinutes, 0, 240, $"{At}.bufferAfterMinutes", errors);
        Within(slots.NoticeMinutes, 0, 43_200, $"{At}.noticeMinutes", errors);
        Within(slots.HorizonDays, 1, SlotRules.MaxHorizon, $"{At}.horizonDays", errors);
    }

    private static void Within(int? value, int least, int most, string field, FieldErrors errors) =>
        errors.Require(value is null || (value >= least && value <= most), field, $"This is a whole number from {least} to {most}.");

    private static int? CheckTime(string? time, string field, FieldErrors errors)
    {
        if (time is not null && Time().IsMatch(time))
            return Minute(time);
        errors.Add(field, "Write a time as HH:mm, such as 09:00 or 17:30.");
        return null;
    }

    private static void CheckWhatsapp(WhatsappSettings whatsapp, FieldErrors errors)
    {
        const string At = "settings.whatsapp";
        if (whatsapp.PhoneE164 is null)
            errors.Require(!whatsapp.Enabled, $"{At}.phoneE164", "WhatsApp needs a number, such as +971501234567.");
        else
            errors.Require(Phone().IsMatch(whatsapp.PhoneE164), $"{At}.phoneE164",
                "Write the number as + and 7 to 15 digits, country code first, such as +971501234567.");
        if (whatsapp.MessageTemplate is { } template && WhatsappMessage.Fault(template) is { } fault)
            errors.Add($"{At}.messageTemplate", fault);
    }

    private static void CheckCalendars(IReadOnlyList<string?> calendars, FieldErrors errors)
    {
        const string At = "settings.calendar.selectedCalendarIds";
        errors.Require(calendars.Count <= MaxCalendars, At, $"At most {MaxCalendars} calendars.");
        for (var i = 0; i < Math.Min(calendars.Count, MaxCalendars); i++)
            errors.Require(calendars[i] is { Length: > 0 and <= 2000 } id && IsPlain(id), $"{At}[{i}]", UnknownCalendar);
    }

    public const string UnknownCalendar = "This is not one of your calendars. Take its id, its address or its path as your integration lists it.";

    /// <summary>No control characters: neither a NUL for PostgreSQL nor a line that hides.</summary>
    private static bool IsPlain(string text) => !text.Any(char.IsControl);

    private static int Minute(string time) =>
        (int.Parse(time.AsSpan(0, 2), CultureInfo.InvariantCulture) * 60) + int.Parse(time.AsSpan(3, 2), CultureInfo.InvariantCulture);

    [GeneratedRegex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]\\z")]
    private static partial Regex Slug();

    [GeneratedRegex("^(?:(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00)\\z")]
    private static partial Regex Time();

    [GeneratedRegex("^\\+[1-9][0-9]{6,14}\\z")]
    private static partial Regex Phone();
}
