using NodaTime;

namespace Lockstep.Calendaring.Caldav;

/// <summary>Why no usable answer came back from the network.</summary>
public enum UnreachableReason
{
    /// <summary>The host name is unknown.</summary>
    NameNotResolved,

    /// <summary>Nobody answered at that address and port.</summary>
    ConnectionFailed,

    /// <summary>The TLS handshake or the certificate failed.</summary>
    TlsFailed,

    /// <summary>The server took too long.</summary>
    TimedOut,

    /// <summary>The answer broke off before its end.</summary>
    BrokenOff,

    /// <summary>The address may not be reached from this installation.</summary>
    AddressRefused,
}

/// <summary>The ways in which an operation fails that callers are expected to handle.</summary>
public abstract record CaldavFailure
{
    private CaldavFailure()
    {
    }

    /// <summary>One sentence for people: what was wrong, and what to do. It never holds a secret.</summary>
    public abstract string Message { get; }

    /// <summary>401 with the credentials shown.</summary>
    public sealed record Unauthorized(string Host) : CaldavFailure
    {
        public override string Message =>
            $"Could not sign in to {Host}: it refused the user name or password. Some providers need an app password.";
    }

    /// <summary>The server sent us to another origin, which asks for credentials that it was not given.</summary>
    public sealed record CredentialsWithheld(string Origin) : CaldavFailure
    {
        public override string Message =>
            $"The server redirects to {Origin}, which was not sent the password. If you trust it, enter that address instead.";
    }

    /// <summary>403. The precondition is the element of RFC 4918 section 16, such as <c>need-privileges</c>, or null.</summary>
    public sealed record Forbidden(string Host, string? Precondition) : CaldavFailure
    {
        public override string Message => $"{Host} does not allow this{Because(Precondition)}. Check the rights of the account.";
    }

    /// <summary>404 or 410 for the whole request.</summary>
    public sealed record NotFound(string Host, string Path) : CaldavFailure
    {
        public override string Message => $"{Host} has nothing at {Path}. Check the address.";
    }

    /// <summary>412, also when a 207 carries it: somebody else changed the resource, or it exists already.</summary>
    public sealed record PreconditionFailed : CaldavFailure
    {
        public override string Message => "The event was changed on the server in the meantime.";
    }

    /// <summary>409, or <c>no-uid-conflict</c> under any status (RFC 4791 section 5.3.2.1).</summary>
    public sealed record Conflict(string Host, string? Precondition) : CaldavFailure
    {
        public override string Message => $"{Host} reports a conflict{Because(Precondition)}.";
    }

    /// <summary>429, 503, or Google's 403 for its quotas. Null when the server did not say how long.</summary>
    public sealed record Throttled(string Host, Duration? RetryAfter) : CaldavFailure
    {
        public override string Message => RetryAfter is { } wait
            ? $"{Host} asks for fewer requests. Try again in {Math.Ceiling(wait.TotalSeconds)} s."
            : $"{Host} asks for fewer requests. Try again later.";
    }

    /// <summary>The server forgot the sync-token (RFC 6578 section 3.2): compare all etags instead.</summary>
    public sealed record TokenInvalid : CaldavFailure
    {
        public override string Message => "The server no longer knows our place in its changes; the whole calendar is compared.";
    }

    /// <summary>No answer, or half an answer.</summary>
    public sealed record Unreachable(string Host, UnreachableReason Reason) : CaldavFailure
    {
        public override string Message => Reason switch
        {
            UnreachableReason.NameNotResolved => $"Could not find {Host}. Check the spelling of the address.",
            UnreachableReason.TlsFailed => $"Could not make a secure connection to {Host}: its certificate was not accepted.",
            UnreachableReason.TimedOut => $"{Host} took too long to answer. Try again later.",
            UnreachableReason.BrokenOff => $"The answer of {Host} broke off. Try again later.",
            UnreachableReason.AddressRefused => $"{Host} may not be reached from here. Whoever runs this installation can allow it.",
            _ => $"Could not connect to {Host}. Check the address and port, and that the server runs.",
        };
    }

    /// <summary>Something answers there, such as a web page, but not CalDAV.</summary>
    public sealed record NotCaldav(string Host) : CaldavFailure
    {
        public override string Message => $"{Host} answers, but not with CalDAV. Check the address in your provider's help.";
    }

    /// <summary>More redirects than allowed, or one from https to http, or to no address at all.</summary>
    public sealed record RedirectRefused(string Host) : CaldavFailure
    {
        public override string Message => $"{Host} redirects in a way that is not followed. Enter the final https address instead.";
    }

    /// <summary>The server refuses what was sent: 400, 413, 415, 422 and the like.</summary>
    public sealed record Rejected(string Host, int Status, string? Precondition) : CaldavFailure
    {
        public override string Message => $"{Host} refused the request with {Status}{Because(Precondition)}.";
    }

    /// <summary>Any other 5xx.</summary>
    public sealed record ServerError(string Host, int Status) : CaldavFailure
    {
        public override string Message => $"{Host} failed with {Status}. Try again later.";
    }

    /// <summary>The answer exceeds a limit of <see cref="CaldavOptions"/>.</summary>
    public sealed record TooLarge(string Host) : CaldavFailure
    {
        public override string Message => $"The answer of {Host} is larger than allowed.";
    }

    private static string Because(string? precondition) => precondition is null ? "" : $" ({precondition})";
}
