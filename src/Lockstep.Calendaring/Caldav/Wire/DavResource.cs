using System.Globalization;
using NodaTime;

namespace Lockstep.Calendaring.Caldav.Wire;

/// <summary>A property that was answered with a 2xx status.</summary>
/// <param name="Names">Local names of all elements below it, and the <c>name</c> attributes of <c>comp</c> elements.</param>
/// <param name="Oversized">The text exceeds its limit and was dropped.</param>
internal sealed record DavProperty(DavName Name, string Text, IReadOnlyList<string> Hrefs, IReadOnlyList<string> Names, bool Oversized);

/// <summary>One <c>DAV:response</c> (RFC 4918 section 14.24) about one href.</summary>
/// <param name="Status">Of the resource as a whole; null when it answers by property.</param>
/// <param name="Error">Its precondition, if any.</param>
internal sealed record DavResource(Href Href, int? Status, IReadOnlyList<DavProperty> Properties, string? Error)
{
    public bool IsGone => Status is 404 or 410;

    public DavProperty? Get(DavName name) => Properties.FirstOrDefault(p => p.Name == name);

    public string? Text(DavName name) => Get(name)?.Text.Trim() is { Length: > 0 } text ? text : null;

    public bool Has(DavName name, string element) => Get(name)?.Names.Contains(element) ?? false;

    public ETag? ETag => ETag.Parse(Text(DavName.GetETag));

    /// <summary>An HTTP date, to the second.</summary>
    public Instant? LastModified => DateTimeOffset.TryParse(Text(DavName.LastModified), CultureInfo.InvariantCulture,
        DateTimeStyles.AssumeUniversal | DateTimeStyles.AllowWhiteSpaces, out var time)
        ? Instant.FromDateTimeOffset(time)
        : null;

    /// <summary>Null where the server did not send the text. XML makes CRLF into LF (XML 1.0 section 2.11); it is put back.</summary>
    public string? Ics => Get(DavName.CalendarData) is { Oversized: false } data && data.Text.Length > 0 ? WithCrlf(data.Text) : null;

    public bool IsOversized => Get(DavName.CalendarData)?.Oversized ?? false;

    private static string WithCrlf(string text) =>
        text.Replace("\r\n", "\n", StringComparison.Ordinal).TrimStart('\n', ' ', '\t', '\r').Replace("\n", "\r\n", StringComparison.Ordinal);
}
