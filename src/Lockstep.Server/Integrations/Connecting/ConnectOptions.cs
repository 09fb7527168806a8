using System.Collections.Frozen;
using Lockstep.Server.Http;

namespace Lockstep.Server.Integrations.Connecting;

/// <summary>What the operator lets products do with links.</summary>
internal sealed record ConnectOptions
{
    public const string ReturnSetting = "LOCKSTEP_CONNECT_RETURN";
    public const string FrameSetting = "LOCKSTEP_CONNECT_FRAME";

    /// <summary>Where a page may send people back to; empty: no links are made.</summary>
    public ReturnAddresses Return { get; init; } = ReturnAddresses.None;

    /// <summary>Origins whose pages may show ours in a frame; none by default.</summary>
    public IReadOnlySet<string> FrameOrigins { get; init; } = FrozenSet<string>.Empty;

    /// <summary>Where browsers reach this server, without a slash at its end; null: where the request for the link came to.</summary>
    public string? PublicUrl { get; init; }

    /// <summary>Open links a user.</summary>
    public int Most { get; init; } = 20;

    /// <summary>Attempts to sign in a link, so that nobody guesses passwords with one.</summary>
    public int Attempts { get; init; } = 15;
}

/// <summary>The allow-list of return addresses: origins, or origins with the beginning of a path.</summary>
internal sealed class ReturnAddresses
{
    public static readonly ReturnAddresses None = new([]);

    private readonly IReadOnlyList<Uri> entries;

    private ReturnAddresses(IReadOnlyList<Uri> entries) => this.entries = entries;

    public bool Any => entries.Count > 0;

    /// <param name="faults">Gets one sentence for each entry that cannot be read.</param>
    public static ReturnAddresses Parse(string? value, ICollection<string> faults)
    {
        var entries = new List<Uri>();
        foreach (var text in (value ?? "").Split([',', ' ', '\t', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries))
        {
            if (text.Contains('*', StringComparison.Ordinal))
                faults.Add($"{ConnectOptions.ReturnSetting}: '{text}' is a pattern. Name each origin whole, such as https://app.example.com.");
            else if (Read(text) is { Query: "", Fragment: "" } uri)
                entries.Add(uri);
            else
                faults.Add($"{ConnectOptions.ReturnSetting}: '{text}' is no http or https address without query, such as https://app.example.com or https://app.example.com/settings/.");
        }
        return new ReturnAddresses(entries);
    }

    /// <summary>The same scheme, host and port, and a path that is the entry's or below it, once dots are resolved.</summary>
    public bool Allows(Uri url) => entries.Any(entry =>
        Uri.Compare(entry, url, UriComponents.SchemeAndServer, UriFormat.UriEscaped, StringComparison.OrdinalIgnoreCase) == 0
        && (url.AbsolutePath == entry.AbsolutePath || url.AbsolutePath.StartsWith(entry.AbsolutePath.TrimEnd('/') + "/", StringComparison.Ordinal)));

    /// <returns>Null when it is not one, or carries a password or a fragment; a message then is among the errors.</returns>
    public Uri? Check(string? text, string field, FieldErrors errors)
    {
        if (string.IsNullOrWhiteSpace(text))
            errors.Add(field, "is missing: where the person goes afterwards, such as https://app.example.com/settings.");
        else if (text.Length > 1_500 || Read(text) is not { Fragment: "" } url)
            errors.Add(field, "is no http or https address without user name and fragment, or is longer than 1,500 characters.");
        else if (!Allows(url))
            errors.Add(field, $"is at no address that {ConnectOptions.ReturnSetting} names. Whoever runs this installation adds it there.");
        else
            return url;
        return null;
    }

    private static Uri? Read(string text) =>
        !text.Contains('\\', StringComparison.Ordinal) && Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is ("http" or "https") && uri.UserInfo.Length == 0 && uri.Host.Length > 0
            ? uri
            : null;
}
