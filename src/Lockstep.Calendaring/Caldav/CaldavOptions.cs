namespace Lockstep.Calendaring.Caldav;

/// <summary>What the client allows a server to cost. The defaults suit a calendar of 50,000 events read in one streamed answer.</summary>
public sealed record CaldavOptions
{
    /// <summary>Until the first byte of an answer. Default 60 s.</summary>
    public TimeSpan ResponseTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Between two reads of a body. Default 30 s.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>For a whole answer, so that a server that drips a byte a second ends too. Default 10 minutes.</summary>
    public TimeSpan TotalTimeout { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Bytes of one answer after decompression. Default 256 MiB.</summary>
    public long MaxResponseBytes { get; init; } = 256L << 20;

    /// <summary>Characters of one calendar object; a larger one is reported, the others are still read. Default 4 Mi.</summary>
    public int MaxObjectChars { get; init; } = 4 << 20;

    /// <summary>Characters of any other property. Default 64 Ki.</summary>
    public int MaxPropertyChars { get; init; } = 64 << 10;

    /// <summary>Resources in one answer: each costs memory many times its bytes. Default 250,000.</summary>
    public int MaxResources { get; init; } = 250_000;

    /// <summary>Redirects followed for one request. Default 5.</summary>
    public int MaxRedirects { get; init; } = 5;

    /// <summary>
    /// Tells whether an exception of the transport means that the address may not be reached at all; gives
    /// <see cref="UnreachableReason.AddressRefused"/>. Default: never.
    /// </summary>
    public Func<Exception, bool> IsRefusal { get; init; } = static _ => false;
}
