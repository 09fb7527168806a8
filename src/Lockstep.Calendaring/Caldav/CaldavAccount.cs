namespace Lockstep.Calendaring.Caldav;

/// <summary>How an account proves who it is.</summary>
public enum CaldavScheme
{
    /// <summary>User name and password: Basic (RFC 7617) or Digest (RFC 7616), as the server asks.</summary>
    Password,

    /// <summary>A bearer token (RFC 6750) in place of the password.</summary>
    Bearer,
}

/// <summary>Whose calendars are read, and where.</summary>
/// <param name="url">Absolute http or https address: a domain, principal, calendar home or calendar.</param>
/// <param name="username">Empty for <see cref="CaldavScheme.Bearer"/>.</param>
/// <param name="secret">Gives the password or token; asked for each time it is needed, the answer is never kept.</param>
public sealed class CaldavAccount(Uri url, string username, Func<string> secret, CaldavScheme scheme = CaldavScheme.Password)
{
    public Uri Url { get; } = url;

    public string Username { get; } = username;

    public CaldavScheme Scheme { get; } = scheme;

    internal string Secret() => secret();

    /// <summary>
    /// May this account's credentials be shown to <paramref name="target"/>? Only to its own origin, to the same host over https
    /// instead of http, and between Apple's partition hosts, to which iCloud always redirects.
    /// </summary>
    internal bool Trusts(Uri target)
    {
        if (Origin.Of(target) == Origin.Of(Url))
            return true;
        if (target.Scheme != Uri.UriSchemeHttps)
            return false;
        var upgraded = Url.Scheme == Uri.UriSchemeHttp && Url.IsDefaultPort && target.IsDefaultPort && SameHost(target, Url);
        return upgraded || (Url.Scheme == Uri.UriSchemeHttps && IsIcloud(Url) && IsIcloud(target));
    }

    public override string ToString() => $"CalDAV account at {Origin.Of(Url)}";

    private static bool SameHost(Uri a, Uri b) => string.Equals(a.IdnHost, b.IdnHost, StringComparison.OrdinalIgnoreCase);

    private static bool IsIcloud(Uri url) => url.IsDefaultPort
        && (url.IdnHost.Equals("icloud.com", StringComparison.OrdinalIgnoreCase)
            || url.IdnHost.EndsWith(".icloud.com", StringComparison.OrdinalIgnoreCase));
}
