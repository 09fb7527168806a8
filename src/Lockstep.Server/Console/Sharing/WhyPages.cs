using Lockstep.Server.Booking.Why;
using Lockstep.Server.Calendars;
using Lockstep.Server.Console.Connections;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using NodaTime;
using NodaTime.Text;

namespace Lockstep.Server.Console.Sharing;

/// <summary>A time that was asked about, as it was typed, and the answer; null when there is none.</summary>
/// <param name="Connections">By calendar: where to look when one of them keeps times from being offered.</param>
internal sealed record WhyPageView(string Day, string Time, WhyView? Found, IReadOnlyDictionary<Guid, Guid> Connections)
{
    private const int MinutesOfDay = 24 * 60;

    private DateTimeZone Zone => DateTimeZoneProviders.Tzdb[Found!.Timezone];

    /// <summary>Minutes of that day by the clock, from and to, for the bar; null for what does not touch the day.</summary>
    public (int From, int To)? On(Instant from, Instant to)
    {
        var day = LocalDatePattern.Iso.Parse(Found!.Day.Date).Value;
        var (first, last) = (Minutes(from, day), Minutes(to, day));
        return last > first ? (first, last) : null;
    }

    public string Clock(Instant at) => LocalTimePattern.CreateWithInvariantCulture("HH:mm").Format(at.InZone(Zone).TimeOfDay);

    private int Minutes(Instant at, LocalDate day)
    {
        var local = at.InZone(Zone).LocalDateTime;
        return local.Date < day ? 0 : local.Date > day ? MinutesOfDay : (local.TimeOfDay.Hour * 60) + local.TimeOfDay.Minute;
    }
}

/// <summary>"Why is this time not offered?", with the day as layers.</summary>
internal static class WhyPages
{
    public static void Map(IEndpointRouteBuilder console) => console.MapGet("/sharing/why", Show);

    private static async Task<IResult> Show(ConsoleVisit visit, TimeProvider time, Integrations.IntegrationStore store, string? day, string? at, CancellationToken ct)
    {
        var zone = await ReaderZone.Of(visit.Session, ct);
        // Somebody who did not ask yet sees the next day as an example.
        var (date, clock) = (day is { Length: > 0 } ? day : LocalDatePattern.Iso.Format(visit.Now.InZone(zone).Date.PlusDays(1)), at is { Length: > 0 } ? at : "10:00");
        var (found, refusal) = visit.Read<WhyView>(await WhyEndpoint.Why(visit.Session, time, ct, $"{date}T{clock}"));
        var connections = found is { Offered: false }
            ? (await ConnectedCalendar.Of(visit.Session, store, ct)).ToDictionary(one => one.Calendar.Id.Value, one => one.Connection.Id.Value)
            : [];
        // In the words of this page; the fields show what fields for a day and a time can show.
        return await visit.Page<WhyPage>("sharing", new WhyPageView(
            LocalDatePattern.Iso.Parse(date).Success ? date : "", LocalTimePattern.CreateWithInvariantCulture("HH:mm").Parse(clock).Success ? clock : "", found, connections),
            refusal is { Code: "no_hours" } ? refusal with { Detail = "You have not set your hours yet, so no time is offered." } : refusal);
    }
}
