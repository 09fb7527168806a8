namespace Lockstep.Calendaring.Caldav.Wire;

/// <summary>A request that can be sent again after a redirect or a challenge, method and body kept.</summary>
internal sealed record DavRequest(HttpMethod Method, Uri Url)
{
    public static readonly HttpMethod Propfind = new("PROPFIND");
    public static readonly HttpMethod Report = new("REPORT");

    private const string Xml = "application/xml; charset=utf-8";

    public string? Depth { get; init; }

    public ReadOnlyMemory<byte>? Body { get; init; }

    public string ContentType { get; init; } = Xml;

    public ETag? IfMatch { get; init; }

    public bool IfNoneMatchAny { get; init; }

    /// <summary>Off for single objects: compressing proxies change their etags.</summary>
    public bool Compressed { get; init; }

    /// <summary>The collection as the caller knows it; what is listed is told of as its members, wherever a redirect leads. Null: as it is listed.</summary>
    public Href? Collection { get; init; }

    public bool ExpectsMultistatus => Method == Propfind || Method == Report;

    public bool IsRead => ExpectsMultistatus || Method == HttpMethod.Get;

    public static DavRequest ForPropfind(Uri url, string depth, byte[] body) =>
        new(Propfind, url) { Depth = depth, Body = body, Compressed = true };

    public static DavRequest ForReport(Uri url, string depth, byte[] body) =>
        new(Report, url) { Depth = depth, Body = body, Compressed = true };

    public HttpRequestMessage ToMessage(Uri url, string? authorization)
    {
        var message = new HttpRequestMessage(Method, url);
        var headers = message.Headers;
        headers.TryAddWithoutValidation("User-Agent", "Lockstep/0.1");
        // A server that ignores the expectation costs a second for each PUT.
        headers.ExpectContinue = false;
        if (authorization is not null)
            headers.TryAddWithoutValidation("Authorization", authorization);
        if (Depth is not null)
            headers.TryAddWithoutValidation("Depth", Depth);
        if (Compressed)
            headers.TryAddWithoutValidation("Accept-Encoding", "gzip, deflate");
        if (IfMatch is not null)
            headers.TryAddWithoutValidation("If-Match", IfMatch.Value);
        if (IfNoneMatchAny)
            headers.TryAddWithoutValidation("If-None-Match", "*");
        if (Body is { } body)
        {
            message.Content = new ReadOnlyMemoryContent(body);
            message.Content.Headers.TryAddWithoutValidation("Content-Type", ContentType);
        }

        return message;
    }
}
