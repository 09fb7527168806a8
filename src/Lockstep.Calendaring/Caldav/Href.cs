using System.Diagnostics.CodeAnalysis;

namespace Lockstep.Calendaring.Caldav;

/// <summary>
/// The address of a resource. It is requested exactly as the server listed it, because some servers know only their own spelling;
/// two are equal when host and decoded path are, because the same server writes <c>@</c> here and <c>%40</c> there. A trailing
/// slash does not tell two apart.
/// </summary>
public sealed class Href : IEquatable<Href>
{
    private readonly string key;

    private Href(Uri url)
    {
        Url = url;
        key = KeyOf(url);
    }

    public Uri Url { get; }

    /// <summary>The path as it stands on the wire.</summary>
    public string Path => Url.AbsolutePath;

    /// <summary>The last segment, decoded.</summary>
    public string Name
    {
        get
        {
            var path = Path.TrimEnd('/');
            return Uri.UnescapeDataString(path[(path.LastIndexOf('/') + 1)..]);
        }
    }

    /// <summary>Reads an absolute address, as <see cref="ToString"/> gives it.</summary>
    public static bool TryParse(string? text, [NotNullWhen(true)] out Href? href) => TryResolve(null, text, out href);

    /// <exception cref="FormatException">The text is not an absolute http or https address.</exception>
    public static Href Parse(string text) => TryParse(text, out var href)
        ? href
        : throw new FormatException($"'{text}' is not an absolute http or https address.");

    public static Href Of(Uri url) => Parse(url.AbsoluteUri);

    /// <summary>A member of this collection; the name is escaped (RFC 3986 section 3.3).</summary>
    public Href Member(string name)
    {
        var collection = Url.GetLeftPart(UriPartial.Path);
        return Parse((collection.EndsWith('/') ? collection : collection + "/") + Uri.EscapeDataString(name));
    }

    /// <summary>
    /// Resolves what a server listed against the address that the answer came from. A server behind a proxy often lists http
    /// while it is reached by https: the origin we reached it by is kept then.
    /// </summary>
    internal static bool TryResolve(Uri? from, string? listed, [NotNullWhen(true)] out Href? href)
    {
        href = null;
        listed = listed?.Trim();
        if (string.IsNullOrEmpty(listed))
            return false;
        if (from is not null && listed[0] == '/' && !listed.StartsWith("//", StringComparison.Ordinal))
            listed = Origin.Of(from) + listed;
        var url = Exactly(listed);
        if (url is null && (from is null || !Uri.TryCreate(from, listed, out url)))
            return false;
        if (url.Scheme != Uri.UriSchemeHttp && url.Scheme != Uri.UriSchemeHttps)
            return false;
        if (from is { Scheme: "https" } && url.Scheme == Uri.UriSchemeHttp
            && string.Equals(from.IdnHost, url.IdnHost, StringComparison.OrdinalIgnoreCase))
            url = Exactly(Origin.Of(from) + url.PathAndQuery) ?? url;
        href = new Href(url);
        return true;
    }

    public bool Equals(Href? other) => other is not null && key == other.key;

    public override bool Equals(object? obj) => Equals(obj as Href);

    public override int GetHashCode() => StringComparer.Ordinal.GetHashCode(key);

    /// <summary>The absolute address, as listed.</summary>
    public override string ToString() => Url.AbsoluteUri;

    // Uri decodes unreserved escapes (%7E, %41) on its own; a listed path of visible ASCII is taken over untouched instead.
    private static Uri? Exactly(string text)
    {
        var untouched = text.AsSpan().IndexOfAnyExceptInRange('!', '~') < 0 && !text.Contains('#') && !text.Contains('\\')
            && !text.Contains("/.", StringComparison.Ordinal);
        var options = new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = untouched };
        // A bare path is an absolute file: address on Unix; only web addresses count here.
        var web = text.StartsWith("http", StringComparison.OrdinalIgnoreCase);
        return web && Uri.TryCreate(text, options, out var url) && url.IsAbsoluteUri ? url : null;
    }

    private static string KeyOf(Uri url)
    {
        var segments = url.AbsolutePath.TrimEnd('/').Split('/');
        for (var i = 0; i < segments.Length; i++)
        {
            // An escaped slash is part of a name, so it stays escaped.
            segments[i] = Uri.UnescapeDataString(segments[i])
                .Replace("%", "%25", StringComparison.Ordinal)
                .Replace("/", "%2F", StringComparison.Ordinal);
        }

        return Origin.Of(url) + string.Join('/', segments);
    }
}
