using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;

namespace Lockstep.Server.Booking;

/// <summary>What anybody may know of a provider whose page is public.</summary>
/// <param name="Owner">For reading busy times with; never shown.</param>
/// <param name="Settings">Without the calendars.</param>
internal sealed record PublicProvider(string Slug, UserId Owner, WorkingHours Hours, ProviderSettings Settings)
{
    public SlotRules Rules { get; } = SlotRules.Of(Settings.Slots);

    private static readonly Caller Visitor = new(null, CallerRole.Authenticated, "visitor");

    /// <returns>Null for a slug that nobody has, and for one whose owner does not show the page: the two look the same.</returns>
    public static async Task<PublicProvider?> Find(Database database, string slug, CancellationToken ct)
    {
        var found = await database.For(Visitor).Query(
            new Statement("SELECT owner_user_id, timezone, settings FROM lockstep.public_provider($1)", slug),
            row => (Owner: new UserId(row.GetGuid(0)), Timezone: row.GetString(1), Settings: ProviderStore.Settings(row.GetString(2))),
            ct);
        return found is [var provider] && ProviderRules.Hours(provider.Timezone, provider.Settings.WorkingHours) is { } hours
            ? new PublicProvider(slug, provider.Owner, hours, provider.Settings)
            : null;
    }

    /// <summary>The name that the owner gave, else one made of the slug.</summary>
    public string Name => Settings.Profile?.Name?.Trim() ?? string.Join(' ', Slug.Split('-', StringSplitOptions.RemoveEmptyEntries).Select(Capital));

    /// <summary>E.164; null when the owner does not take messages.</summary>
    public string? WhatsappNumber => Settings.Whatsapp is { Enabled: true, PhoneE164: { } phone } ? phone : null;

    private static string Capital(string word) => char.ToUpperInvariant(word[0]) + word[1..];
}
