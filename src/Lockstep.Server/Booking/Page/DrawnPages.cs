using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Lockstep.Server.Tenancy;

namespace Lockstep.Server.Booking.Page;

/// <summary>A page as it goes out.</summary>
/// <param name="ETag">Of these very bytes.</param>
internal sealed record DrawnPage(byte[] Body, string ETag, bool Unconfirmed)
{
    public static DrawnPage Of(Html html, bool unconfirmed)
    {
        var body = Encoding.UTF8.GetBytes(html.ToString());
        return new DrawnPage(body, $"\"{Base64Url.EncodeToString(SHA256.HashData(body).AsSpan(0, 12))}\"", unconfirmed);
    }
}

/// <summary>Pages that were drawn lately, for all who ask for the same. Whatever is set or booked meanwhile is another question.</summary>
internal sealed class DrawnPages(TimeProvider time) : IDisposable
{
    // A page has some 30 KB: all of them together a few megabytes.
    private readonly SharedAnswers<Question, DrawnPage> pages = new(time, OpenTimesFinder.Kept, most: 200, atOnce: 4);

    /// <param name="draw">Its token is cancelled when nobody waits for the page any more.</param>
    public Task<DrawnPage> Get(
        PublicProvider provider, PageQuery query, VisitorLocale locale, Func<CancellationToken, Task<DrawnPage>> draw, CancellationToken ct) =>
        pages.Get(new Question(provider.Owner, provider.Slug, provider.Version, query, locale), draw, ct);

    public void Dispose() => pages.Dispose();

    private sealed record Question(UserId Owner, string Slug, ProviderVersion Version, PageQuery Query, VisitorLocale Locale);
}
