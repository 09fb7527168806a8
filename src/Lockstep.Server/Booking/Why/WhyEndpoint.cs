using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using NodaTime;
using NodaTime.Text;

namespace Lockstep.Server.Booking.Why;

/// <summary>"Why is this time not offered?", asked by the owner.</summary>
internal static class WhyEndpoint
{
    /// <param name="provider">The owner's own group.</param>
    public static void Map(IEndpointRouteBuilder provider) => provider.MapGet("/why", Why).WithName("whyNotOffered")
        .WithSummary("Why a time is not offered on your page: every cause, and the day in layers; at is a time, without an offset on the clock of your hours");

    internal static async Task<Results<Ok<WhyView>, ProblemHttpResult>> Why(
        TenantSession session, TimeProvider time, CancellationToken ct, string? at = null, int? duration = null)
    {
        var now = Instant.FromDateTimeOffset(time.GetUtcNow());
        if (duration is < 5 or > 480)
            return Problems.Invalid("duration", "This is a whole number from 5 to 480.");
        var provider = await ProviderStore.Read(session, ct) ?? new Provider();
        if (ProviderRules.Hours(provider.Timezone ?? Provider.StandardTimezone, provider.Settings?.WorkingHours) is not { } hours)
            return Problems.Conflict("no_hours", "You have set no working hours, so nothing is offered. Set settings.workingHours with PUT /v1/provider.");
        if (Read(at, hours.Zone) is not { } start || start < now - Duration.FromDays(366) || start > now + Duration.FromDays(732))
            return Problems.Invalid("at", "This is a time such as 2026-03-01T09:00, on the clock of your hours, or 2026-03-01T09:00:00Z; at most two years from now.");
        var rules = SlotRules.Of(provider.Settings?.Slots);
        if (duration is { } minutes)
            rules = rules.For(Duration.FromMinutes(minutes));
        var day = start.InZone(hours.Zone).Date;
        var window = new Interval(
            hours.Zone.AtStartOfDay(day).ToInstant() - rules.Before,
            hours.Zone.AtStartOfDay(day.PlusDays(1)).ToInstant() + rules.Length + rules.After);
        var times = await session.Transact(transaction => OwnerTimes.Read(transaction, window, ct), ct);
        return TypedResults.Ok(new WhyNot(times, hours, rules, window, now).Of(start, ct));
    }

    private static Instant? Read(string? at, DateTimeZone zone)
    {
        if (at is null)
            return null;
        // A '+' that was not escaped arrives as a space.
        if (OffsetDateTimePattern.Rfc3339.Parse(at.Replace(' ', '+')) is { Success: true } exact)
            return exact.Value.ToInstant();
        foreach (var pattern in new[] { "uuuu-MM-dd'T'HH:mm", "uuuu-MM-dd'T'HH:mm:ss" })
            if (LocalDateTimePattern.CreateWithInvariantCulture(pattern).Parse(at) is { Success: true } local)
                return local.Value.InZoneLeniently(zone).ToInstant();
        return null;
    }
}
