using Lockstep.Server.Booking.Why;
using Lockstep.Server.Detection;
using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Lockstep.Server.Booking;

internal static class ProviderEndpoints
{
    public static void MapProvider(this IEndpointRouteBuilder routes)
    {
        var provider = routes.MapGroup("/v1/provider").RequireAuthorization(Policies.User).WithTags("Booking");
        provider.MapGet("", Get).WithName("getProvider").WithSummary("Your public identity: page address, hours, WhatsApp, blocking calendars");
        provider.MapPut("", Put).WithName("putProvider").WithSummary("Replace your public identity as a whole; publish or hide your page");
        WhyEndpoint.Map(provider);
    }

    internal static async Task<Ok<Provider>> Get(TenantSession session, CancellationToken ct) =>
        TypedResults.Ok(await ProviderStore.Read(session, ct) ?? Complete(new Provider()));

    internal static async Task<Results<Ok<Provider>, ProblemHttpResult>> Put(Provider body, TenantSession session, CancellationToken ct)
    {
        var errors = ProviderRules.Check(body);
        errors.RefuseSecretsIn("settings", body.Settings);
        if (errors.Any)
            return Problems.Invalid(errors.All);
        var provider = await Addressed(Complete(body), errors, session, ct);
        if (errors.Any)
            return Problems.Invalid(errors.All);
        return await ProviderStore.Write(session, provider, ct) switch
        {
            ProviderOutcome.SlugTaken => Problems.Conflict("slug_taken", $"The address '{provider.PublicSlug}' belongs to somebody else. Choose another."),
            ProviderOutcome.HoldsSecret => Problems.Invalid("settings", "A value looks like a password or a key. Settings are not secret: keep it in a credential."),
            _ => TypedResults.Ok(provider),
        };
    }

    private static Provider Complete(Provider provider) =>
        provider with { Timezone = provider.Timezone ?? Provider.StandardTimezone, Settings = provider.Settings ?? new() };

    /// <summary>The same with its calendars by absolute URL; one that is not the caller's is an error.</summary>
    private static async Task<Provider> Addressed(Provider provider, FieldErrors errors, TenantSession session, CancellationToken ct)
    {
        if (provider.Settings?.Calendar is not { } chosen || (chosen.BookingCalendarId is null && chosen.SelectedCalendarIds is not { Count: > 0 }))
            return provider;
        var own = await OwnCalendar.All(session, ct);
        var names = chosen.SelectedCalendarIds ?? [];
        var hrefs = new List<string>();
        for (var i = 0; i < names.Count; i++)
            if (own.FirstOrDefault(calendar => calendar.IsCalled(names[i]!)) is { } calendar)
                hrefs.Add(calendar.Href);
            else
                errors.Add($"settings.calendar.selectedCalendarIds[{i}]", ProviderRules.UnknownCalendar);
        var target = own.FirstOrDefault(calendar => chosen.BookingCalendarId is { } name && calendar.IsOwn && calendar.IsCalled(name));
        errors.Require(chosen.BookingCalendarId is null || target is not null, ProviderRules.BookingCalendar, ProviderRules.UnknownCalendar);
        return provider with
        {
            Settings = provider.Settings with { Calendar = new CalendarSettings([.. hrefs.Distinct(StringComparer.Ordinal)], target?.Href) },
        };
    }
}
