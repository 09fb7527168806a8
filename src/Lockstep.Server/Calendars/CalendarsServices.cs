using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Lockstep.Server.Calendars;

internal static class CalendarsServices
{
    /// <summary>Needs ChangeSync's <c>ChangeLog</c> and a <see cref="TimeProvider"/>.</summary>
    public static IServiceCollection AddCalendars(this IServiceCollection services) =>
        services.AddSingleton<EventChanges>().AddSingleton<EventEdits>().AddSingleton<EventStore>().AddSingleton<OccurrenceStore>().AddSingleton<CalendarMirror>().AddSingleton<EventsWithin>();

    public static void MapCalendars(this IEndpointRouteBuilder routes)
    {
        EventEndpoints.Map(routes);
        EventResourceEndpoints.Map(routes);
        OccurrenceEndpoints.Map(routes);
        MatterEndpoints.Map(routes);
        ConflictEndpoints.Map(routes);
        QuarantineEndpoints.Map(routes);
    }
}
