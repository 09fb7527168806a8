using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using NodaTime;

namespace Lockstep.Server.Booking;

/// <summary>What anybody may know of a provider whose page is public.</summary>
/// <param name="Owner">For reading busy times with; never shown.</param>
/// <param name="Settings">Without the calendars.</param>
/// <param name="LinkKey">Signs forms and links; never shown.</param>
internal sealed record PublicProvider(
    string Slug, UserId Owner, WorkingHours Hours, ProviderSettings Settings, byte[] LinkKey, ProviderVersion Version)
{
    public SlotRules Rules { get; } = SlotRules.Of(Settings.Slots);

    private static readonly Caller Visitor = new(null, CallerRole.Authenticated, "visitor");

    /// <returns>Null for a slug that nobody has, and for one whose owner does not show the page: the two look the same.</returns>
    public static async Task<PublicProvider?> Find(Database database, string slug, CancellationToken ct)
    {
        var found = await database.For(Visitor).Query(
            new Statement("SELECT owner_user_id, timezone, settings, link_key, changed_at, head FROM lockstep.public_page($1)", slug),
            row => (Owner: new UserId(row.GetGuid(0)), Timezone: row.GetString(1), Settings: ProviderStore.Settings(row.GetString(2)),
                Key: row.GetBytes(3), Version: new ProviderVersion(row.GetInstant(4), row.GetInt64(5))),
            ct);
        return found is [var provider] && ProviderRules.Hours(provider.Timezone, provider.Settings.WorkingHours) is { } hours
            ? new PublicProvider(slug, provider.Owner, hours, provider.Settings, provider.Key, provider.Version)
            : null;
    }

    /// <summary>Whether visitors may take a time on the page itself.</summary>
    public bool TakesBookings => Settings.Booking is { Enabled: true };

    /// <summary>The name that the owner gave, else one made of the slug.</summary>
    public string Name => NameOf(Slug, Settings);

    public static string NameOf(string slug, ProviderSettings? settings) =>
        settings?.Profile?.Name?.Trim() ?? string.Join(' ', slug.Split('-', StringSplitOptions.RemoveEmptyEntries).Select(Capital));

    /// <summary>E.164; null when the owner does not take messages.</summary>
    public string? WhatsappNumber => Settings.Whatsapp is { Enabled: true, PhoneE164: { } phone } ? phone : null;

    private static string Capital(string word) => char.ToUpperInvariant(word[0]) + word[1..];
}

/// <summary>What was read before is still so while these stay: of the settings, and of the owner's events.</summary>
/// <param name="Head">Of the owner's change log, which every event goes through.</param>
internal sealed record ProviderVersion(Instant SetAt, long Head);
