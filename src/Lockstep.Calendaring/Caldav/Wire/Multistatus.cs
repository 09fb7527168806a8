using System.Xml;

namespace Lockstep.Calendaring.Caldav.Wire;

/// <summary>
/// Reads a multistatus (RFC 4918 section 13) one response at a time, so that a calendar of any size passes through in flat memory.
/// Tolerant of what real servers send (no content type, hrefs of every form); strict about what attacks send (DTDs, depth, size).
/// </summary>
internal sealed class Multistatus : IAsyncDisposable
{
    private const string Dav = "DAV:";
    private const int MaxDepth = 32;

    private readonly DavResponse response;
    private readonly CaldavOptions options;
    private readonly MultistatusElements elements;
    private readonly XmlReader reader;
    private readonly Queue<DavResource> ready = new();
    private int seen;

    private readonly Func<Href, Href>? known;

    private Multistatus(DavResponse response, XmlReader reader, CaldavOptions options, Func<Href, Href>? known)
    {
        this.known = known;
        this.response = response;
        this.options = options;
        this.reader = reader;
        elements = new MultistatusElements(reader, options, MaxDepth);
    }

    /// <summary>Where the answer came from.</summary>
    public Uri Url => response.Url;

    /// <summary>Known at the end (RFC 6578 section 6.4).</summary>
    public string? SyncToken { get; private set; }

    /// <summary>Set when <see cref="NextAsync"/> ended before the answer did.</summary>
    public CaldavFailure? Failure { get; private set; }

    public static XmlReaderSettings Settings(bool async) => new()
    {
        Async = async,
        DtdProcessing = DtdProcessing.Prohibit,
        XmlResolver = null,
        IgnoreComments = true,
        IgnoreProcessingInstructions = true,
        // Events hold control characters that XML does not allow; they are the parser's of the event to judge.
        CheckCharacters = false,
    };

    /// <summary>Takes the response over, whatever comes of it.</summary>
    /// <param name="known">By what address the caller knows what is listed; null: as it is listed.</param>
    public static async Task<CaldavAnswer<Multistatus>> OpenAsync(
        DavResponse response, CaldavOptions options, CancellationToken ct, Func<Href, Href>? known = null)
    {
        try
        {
            var reader = XmlReader.Create(await response.OpenAsync(ct).ConfigureAwait(false), Settings(async: true));
            if (await reader.MoveToContentAsync().ConfigureAwait(false) == XmlNodeType.Element
                && reader.LocalName == "multistatus" && reader.NamespaceURI == Dav)
                return new Multistatus(response, reader, options, known);
            reader.Dispose();
        }
        catch (Exception e) when (Failures.Of(e, response.Url, options, ct) is not null)
        {
            response.Dispose();
            return Failures.Of(e, response.Url, options, ct)!;
        }

        response.Dispose();
        return new CaldavFailure.NotCaldav(response.Host);
    }

    /// <returns>Null at the end; then look at <see cref="Failure"/>.</returns>
    public async ValueTask<DavResource?> NextAsync(CancellationToken ct)
    {
        if (ready.TryDequeue(out var next))
            return next;
        try
        {
            while (Failure is null && await reader.ReadAsync().ConfigureAwait(false))
            {
                if (reader.NodeType != XmlNodeType.Element || reader.NamespaceURI != Dav)
                    continue;
                if (reader.Depth == 1 && reader.LocalName == "sync-token")
                    SyncToken = (await elements.TextAsync(options.MaxPropertyChars).ConfigureAwait(false))?.Trim();
                else if (reader.Depth == 1 && reader.LocalName == "response")
                {
                    foreach (var resource in await elements.ResponseAsync(Url).ConfigureAwait(false))
                        ready.Enqueue(known is null ? resource : resource with { Href = known(resource.Href) });
                    if ((seen += ready.Count) > options.MaxResources)
                        throw new AnswerTooLargeException();
                    if (ready.TryDequeue(out next))
                        return next;
                }
            }
        }
        catch (XmlException)
        {
            // The root was a multistatus, so this is CalDAV that broke off or went wrong, and the next attempt may be better.
            ct.ThrowIfCancellationRequested();
            Failure = new CaldavFailure.Unreachable(response.Host, UnreachableReason.BrokenOff);
        }
        catch (Exception e) when (Failures.Of(e, Url, options, ct) is not null)
        {
            Failure = Failures.Of(e, Url, options, ct);
        }

        return null;
    }

    public ValueTask DisposeAsync()
    {
        reader.Dispose();
        response.Dispose();
        return ValueTask.CompletedTask;
    }
}
