using Lockstep.Server.Calendars;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using NodaTime;

namespace Lockstep.Server.Booking;

/// <summary>The door of the public page: free times, found with the owner's eyes and told without anything of the owner's events.</summary>
internal sealed class OpenTimesFinder(Database database, TimeProvider time) : IDisposable
{
    /// <summary>A calendar that was last read longer ago than this is not believed.</summary>
    public static readonly Duration Freshness = Duration.FromMinutes(15);

    /// <summary>How long one answer serves everybody who asks the same; as long as a browser may keep it.</summary>
    public static readonly Duration Kept = Duration.FromSeconds(15);

    private readonly SharedAnswers<Question, OpenTimes> answers = new(time, Kept, most: 1_000, atOnce: 2);

    public Instant Now => Instant.FromDateTimeOffset(time.GetUtcNow());

    public Task<OpenTimes> Find(PublicProvider provider, Interval window, SlotRules rules, CancellationToken ct) =>
        answers.Get(new Question(provider.Owner, provider.Slug, window, rules), stop => FindOut(provider, window, rules, stop), ct);

    private async Task<OpenTimes> FindOut(PublicProvider provider, Interval window, SlotRules rules, CancellationToken ct)
    {
        var session = database.For(new Caller(provider.Owner, CallerRole.Authenticated, "page"));
        var selected = (await ProviderStore.Read(session, ct))?.Settings?.Calendar?.SelectedCalendarIds ?? [];
        var blocking = Blocking(await OwnCalendar.All(session, ct), selected);
        var now = Now;
        if (blocking is null)
            return new OpenTimes(now, [], Unconfirmed: true);
        // What touches a buffer takes the slot too.
        var around = new Interval(window.Start - rules.Before, window.End + rules.After);
        var times = await EventStore.Busy(session, blocking.Of, around, provider.Hours.Zone, ct);
        return times.TooMuch || times.Calendars.Any(calendar => blocking.Kept.Contains(calendar.Id) && !IsFresh(calendar, now))
            ? new OpenTimes(now, [], Unconfirmed: true)
            : new OpenTimes(now, [.. Availability.Slots(provider.Hours, rules, times.Busy.Concat(times.Unknown), window, now)], Unconfirmed: false);
    }

    public void Dispose() => answers.Dispose();

    private static bool IsFresh(CalendarState calendar, Instant now) =>
        calendar is { UnreadableSince: null, LastReadAt: { } read } && now - read <= Freshness;

    /// <summary>Which calendars block, and which of them must be fresh.</summary>
    /// <returns>Null when one that must is not mirrored at all, or is gone.</returns>
    /// <remarks>Of a disabled integration the last known events still block, but nobody promised to keep them fresh, unless it was selected.</remarks>
    private static BlockingCalendars? Blocking(List<OwnCalendar> own, IReadOnlyList<string?> selected)
    {
        if (selected.Count == 0)
        {
            var kept = own.Where(calendar => calendar is { IsOwn: true, IsKept: true }).ToList();
            return kept.Any(calendar => calendar.Id is null) ? null : new BlockingCalendars(null, kept.Select(calendar => calendar.Id!.Value).ToHashSet());
        }
        var chosen = selected.Select(href => own.Where(calendar => calendar.Id is not null && calendar.Href == href).ToList()).ToList();
        if (chosen.Any(found => found.Count == 0))
            return null;
        var ids = chosen.SelectMany(found => found).Select(calendar => calendar.Id!.Value).ToHashSet();
        return new BlockingCalendars(ids, ids);
    }

    private sealed record Question(UserId Owner, string Slug, Interval Window, SlotRules Rules);

    /// <param name="Of">Null: all of the owner's.</param>
    private sealed record BlockingCalendars(IReadOnlyCollection<CalendarId>? Of, IReadOnlySet<CalendarId> Kept);
}
