namespace Lockstep.Server.Booking;

/// <summary>A user's public business identity, as its owner sees and sets it; setting replaces it as a whole.</summary>
/// <param name="PublicSlug">The page's address is /c/SLUG; null until chosen.</param>
/// <param name="IsPublic">Whether the page can be seen.</param>
/// <param name="Timezone">IANA name; of the working hours too, unless these name their own.</param>
internal sealed record Provider(
    string? PublicSlug = null, bool IsPublic = false, string? Timezone = null, ProviderSettings? Settings = null)
{
    public const string StandardTimezone = "Asia/Dubai";
}
