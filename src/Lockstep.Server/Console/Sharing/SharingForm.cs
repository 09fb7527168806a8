using System.Globalization;
using Lockstep.Server.Booking;

namespace Lockstep.Server.Console.Sharing;

/// <summary>Reads the form into what the API takes. What the form does not show stays as it was.</summary>
internal static class SharingForm
{
    private const int MostRanges = 20;

    public static Provider Read(ConsoleForm form, Provider stored)
    {
        var ranges = new List<RangeSettings?>();
        for (var i = 0; i < MostRanges; i++)
        {
            var days = form.All($"days{i}").Select(day => int.TryParse(day, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0).ToList();
            if (days.Count > 0)
                ranges.Add(new RangeSettings(days, form.OrNull($"start{i}"), form.OrNull($"end{i}")));
        }
        var (calendars, chosen) = (form.All("calendar"), form.All("blocks"));
        var settings = stored.Settings ?? new();
        return new Provider(
            form.OrNull("slug"),
            form.Has("public"),
            form.OrNull("timezone"),
            settings with
            {
                Profile = form.Has("name") || form.Has("about") ? new ProfileSettings(form.OrNull("name"), form.OrNull("about")?.ReplaceLineEndings("\n")) : null,
                WorkingHours = ranges.Count == 0 ? null : new HoursSettings(settings.WorkingHours?.Timezone, Ranges: ranges),
                Slots = new SlotSettings(
                    Number(form, "duration"), settings.Slots?.StepMinutes, Number(form, "before"), Number(form, "after"), Number(form, "notice"), Number(form, "horizon")),
                Booking = new BookingSettings(form.Has("bookings")),
                Whatsapp = form.Has("phone") || form.Has("whatsapp") ? new WhatsappSettings(form.Has("whatsapp"), form.OrNull("phone"), form.OrNull("template")) : null,
                // All of them chosen means all, those that will come as well.
                Calendar = calendars.Count == 0 ? settings.Calendar : new CalendarSettings(chosen.Count == calendars.Count ? [] : chosen, form.OrNull("target")),
            });
    }

    /// <summary>Null for an empty field, so that the standard holds; what is no number is refused as one that is too small.</summary>
    private static int? Number(ConsoleForm form, string field) =>
        !form.Has(field) ? null : int.TryParse(form[field], NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number < 100_000 ? number : -1;
}
