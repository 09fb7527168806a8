using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using NodaTime;

namespace Lockstep.Server.Booking;

/// <summary>The door of the public page: free times, found with the owner's eyes and told without anything of the owner's events.</summary>
internal sealed class OpenTimesFinder(Database database, TimeProvider time) : IDisposable
{
    /// <summary>How long what was read serves others, though no event has changed: calendars grow old by themselves.</summary>
    public static readonly Duration Kept = Duration.FromSeconds(15);

    private readonly SharedAnswers<Question, KnownBusy> answers = new(time, Kept, most: 1_000, atOnce: 2);

    public Instant Now => Instant.FromDateTimeOffset(time.GetUtcNow());

    /// <remarks>
    /// Busy times are read by whole days and kept, slots are cut from them for each caller. A change of the settings or of any event of the owner's own,
    /// a booking among them, moves <see cref="PublicProvider.Version"/>, so that what was read before is not asked any more.
    /// </remarks>
    public async Task<OpenTimes> Find(PublicProvider provider, Interval window, SlotRules rules, CancellationToken ct)
    {
        var days = WholeDays(new Interval(window.Start - rules.Before, window.End + rules.After));
        var known = await answers.Get(new Question(provider.Owner, provider.Version, days), stop => FindOut(provider, days, stop), ct);
        return known.Open(provider.Hours, rules, window, Now);
    }

    private async Task<KnownBusy> FindOut(PublicProvider provider, Interval days, CancellationToken ct)
    {
        var session = database.For(new Caller(provider.Owner, CallerRole.Authenticated, "page"));
        var times = await session.Transact(transaction => OwnerTimes.Read(transaction, days, ct), ct);
        // After the transaction: no connection waits for the expansion.
        return times.Judge(days, provider.Hours.Zone, Now, ct);
    }

    public void Dispose() => answers.Dispose();

    private static Interval WholeDays(Interval window) => new(
        Instant.FromUnixTimeSeconds(window.Start.ToUnixTimeSeconds() / 86_400 * 86_400),
        Instant.FromUnixTimeSeconds(((window.End.ToUnixTimeSeconds() / 86_400) + 1) * 86_400));

    private sealed record Question(UserId Owner, ProviderVersion Version, Interval Days);
}
