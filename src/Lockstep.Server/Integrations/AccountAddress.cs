namespace Lockstep.Server.Integrations;

/// <summary>Where the calendars of a domain or an e-mail address are.</summary>
internal abstract record AccountAddress
{
    private AccountAddress()
    {
    }

    /// <summary>Addresses to try, best first; there is at least one.</summary>
    public sealed record Found(IReadOnlyList<Uri> Urls) : AccountAddress;

    /// <summary>
    /// The domain names a server of another domain, or one without encryption. A name server's answer is not signed: whoever can forge it
    /// would be shown the password, so the user has to agree (RFC 6764 section 8).
    /// </summary>
    public sealed record Elsewhere(Uri Url) : AccountAddress;

    /// <summary>The domain says that it has no calendars (RFC 2782: the target is ".").</summary>
    public sealed record None : AccountAddress;
}
