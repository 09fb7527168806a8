using System.Text;
using System.Xml;

namespace Lockstep.Calendaring.Caldav.Wire;

/// <summary>Reads the elements of one <c>DAV:response</c>. Each method starts on a start tag and ends on its end tag.</summary>
internal sealed class MultistatusElements(XmlReader reader, CaldavOptions options, int maxDepth)
{
    private const string Dav = "DAV:";
    private const int MaxNames = 256;

    // An answer of one response with millions of empty elements would be in memory as a whole, each a hundred times its bytes.
    private const int MaxHrefs = 1000;
    private const int MaxProperties = 256;

    private readonly char[] buffer = new char[8 << 10];
    private long room = RoomOf(options);

    /// <returns>One resource for each href: a response with a status may name several (RFC 4918 section 14.24).</returns>
    /// <exception cref="AnswerTooLargeException">It holds more than any server has reason to say of one resource.</exception>
    public async Task<IReadOnlyList<DavResource>> ResponseAsync(Uri url)
    {
        room = RoomOf(options);
        var hrefs = new List<Href>();
        var properties = new List<DavProperty>();
        int? status = null;
        string? error = null;
        var depth = reader.Depth;
        while (await NextChildAsync(depth).ConfigureAwait(false))
        {
            switch (reader.LocalName)
            {
                case "href" when Href.TryResolve(url, await TextAsync(options.MaxPropertyChars).ConfigureAwait(false), out var href):
                    AddTo(hrefs, href, MaxHrefs);
                    break;
                case "status":
                    status = StatusOf(await TextAsync(options.MaxPropertyChars).ConfigureAwait(false));
                    break;
                case "propstat":
                    await PropstatAsync(properties).ConfigureAwait(false);
                    break;
                case "error":
                    error = await PropertyAsync(options.MaxPropertyChars).ConfigureAwait(false) is { Names: [var first, ..] } ? first : null;
                    break;
            }
        }

        return hrefs.ConvertAll(href => new DavResource(href, status, properties, error));
    }

    /// <returns>Null when it exceeds the limit.</returns>
    public async Task<string?> TextAsync(int maxChars)
    {
        var property = await PropertyAsync(maxChars).ConfigureAwait(false);
        return property.Oversized ? null : property.Text;
    }

    private async Task PropstatAsync(List<DavProperty> properties)
    {
        var found = new List<DavProperty>();
        int? status = null;
        var depth = reader.Depth;
        while (await NextChildAsync(depth).ConfigureAwait(false))
        {
            if (reader.LocalName == "status")
                status = StatusOf(await TextAsync(options.MaxPropertyChars).ConfigureAwait(false));
            else if (reader.LocalName == "prop")
            {
                var prop = reader.Depth;
                while (await NextChildAsync(prop, anyNamespace: true).ConfigureAwait(false))
                {
                    var isData = new DavName(reader.NamespaceURI, reader.LocalName) == DavName.CalendarData;
                    AddTo(found, await PropertyAsync(isData ? options.MaxObjectChars : options.MaxPropertyChars).ConfigureAwait(false), MaxProperties);
                }
            }
        }

        // A property-level 404 says that the property is missing, never that the resource is.
        if (status is null or (>= 200 and < 300))
            found.ForEach(property => AddTo(properties, property, MaxProperties));
    }

    /// <summary>Moves to the next child element of the element at that depth.</summary>
    private async Task<bool> NextChildAsync(int depth, bool anyNamespace = false)
    {
        if (reader.Depth == depth && reader.NodeType == XmlNodeType.Element && reader.IsEmptyElement)
            return false;
        while (await ReadAsync().ConfigureAwait(false))
        {
            if (reader.NodeType == XmlNodeType.EndElement && reader.Depth == depth)
                return false;
            if (reader.NodeType == XmlNodeType.Element && reader.Depth == depth + 1 && (anyNamespace || reader.NamespaceURI == Dav))
                return true;
        }

        return false;
    }

    private async Task<DavProperty> PropertyAsync(int maxChars)
    {
        var name = new DavName(reader.NamespaceURI, reader.LocalName);
        var depth = reader.Depth;
        var text = new StringBuilder();
        var hrefs = new List<string>();
        var names = new List<string>();
        StringBuilder? href = null;
        var oversized = false;
        if (reader.IsEmptyElement)
            return new DavProperty(name, "", hrefs, names, Oversized: false);
        while (await ReadAsync().ConfigureAwait(false))
        {
            if (reader.NodeType == XmlNodeType.EndElement)
            {
                if (reader.Depth == depth)
                    break;
                if (href is not null && reader.LocalName == "href")
                {
                    hrefs.Add(href.ToString());
                    href = null;
                }
            }
            else if (reader.NodeType == XmlNodeType.Element && names.Count < MaxNames)
            {
                names.Add(reader.LocalName);
                if (reader.GetAttribute("name") is { } attribute)
                    names.Add(attribute);
                if (reader.LocalName == "href" && !reader.IsEmptyElement)
                    href = new StringBuilder();
            }
            else if (reader.NodeType is XmlNodeType.Text or XmlNodeType.CDATA or XmlNodeType.Whitespace
                or XmlNodeType.SignificantWhitespace)
            {
                oversized |= !await AppendValueAsync(href ?? text, maxChars).ConfigureAwait(false);
            }
        }

        return new DavProperty(name, oversized ? "" : text.ToString(), hrefs, names, oversized);
    }

    private async Task<bool> AppendValueAsync(StringBuilder text, int maxChars)
    {
        var fits = true;
        int read;
        while ((read = await reader.ReadValueChunkAsync(buffer, 0, buffer.Length).ConfigureAwait(false)) > 0)
        {
            fits &= text.Length + read <= maxChars;
            if (!fits)
                continue;
            text.Append(buffer, 0, read);
            if ((room -= read) < 0)
                throw new AnswerTooLargeException();
        }

        return fits;
    }

    /// <summary>Characters that one response may hold; and what stands outside of them, such as a sync-token in front.</summary>
    private static long RoomOf(CaldavOptions options) => options.MaxObjectChars + (16L * options.MaxPropertyChars);

    private static void AddTo<T>(List<T> list, T item, int most)
    {
        if (list.Count == most)
            throw new AnswerTooLargeException();
        list.Add(item);
    }

    private async Task<bool> ReadAsync()
    {
        if (!await reader.ReadAsync().ConfigureAwait(false))
            return false;
        return reader.Depth <= maxDepth ? true : throw new XmlException("Nested too deeply.");
    }

    /// <summary>Reads <c>HTTP/1.1 404 Not Found</c>.</summary>
    private static int? StatusOf(string? line)
    {
        foreach (var part in (line ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (part.Length == 3 && int.TryParse(part, out var status))
                return status;
        }

        return null;
    }
}
