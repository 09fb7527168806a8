using Microsoft.Extensions.Logging;

namespace Lockstep.Server.Tenancy.Jwt;

/// <summary>What became of looking for a key.</summary>
internal abstract record KeyLookup
{
    private KeyLookup() { }

    /// <summary>This one key fits.</summary>
    public sealed record Found(VerificationKey Key) : KeyLookup;

    /// <summary>The key set is known well enough to say that no key, or more than one, fits.</summary>
    public sealed record Unknown : KeyLookup;

    /// <summary>The key set could not be fetched, so nothing can be said.</summary>
    public sealed record Unavailable : KeyLookup;
}

/// <summary>The published keys of the identity provider, remembered and fetched again when needed.</summary>
/// <remarks>
/// <code>
///             0 ........ 10 min ................... 1 h ........
///  known kid  answer     fetch; if that fails,      fetch, else
///                        answer from memory         Unavailable
///  other kid  fetch, at most once in 30 s; then Unknown
/// </code>
/// Whatever kids arrive, however many at once, there is one request at a time and nothing is remembered about a kid,
/// so made-up kids cost neither memory nor the identity provider's patience.
/// </remarks>
internal sealed partial class JwksKeys(Uri url, HttpMessageInvoker http, TimeProvider time, ILogger<JwksKeys> logger)
{
    public static readonly TimeSpan FreshFor = TimeSpan.FromMinutes(10);
    public static readonly TimeSpan KeptFor = TimeSpan.FromHours(1);

    /// <summary>Shortest time between two requests while a key set is held.</summary>
    public static readonly TimeSpan RefreshGap = TimeSpan.FromSeconds(30);

    /// <summary>Shortest time between two requests while none is held: nobody can sign in meanwhile.</summary>
    public static readonly TimeSpan RetryGap = TimeSpan.FromSeconds(5);

    private readonly JwksFetch fetch = new(url, http, time);
    private readonly Lock gate = new();
    private JwkSet? keys;
    private long keysAt;
    private long? attemptAt;
    private bool attemptFailed;
    private Task? refresh;

    /// <summary>Finds the key for a token, fetching the set when that may help.</summary>
    /// <param name="keyId">Null asks for the only key of the algorithm.</param>
    public async ValueTask<KeyLookup> FindAsync(JwsAlgorithm algorithm, string? keyId, CancellationToken ct)
    {
        Task? wait = null;
        lock (gate)
        {
            var known = Held()?.Find(algorithm, keyId);
            if (known is not null && time.GetElapsedTime(keysAt) < FreshFor)
                return new KeyLookup.Found(known);

            var failing = attemptFailed;
            var started = RefreshIfDue();
            // While the identity provider is down, those whose key is known do not wait for it at every gap.
            if (known is null || !failing)
                wait = started;
        }

        // A caller that goes away stops waiting, but not the request that others wait for.
        if (wait is not null)
            await wait.WaitAsync(ct);

        lock (gate)
        {
            var held = Held();
            if (held?.Find(algorithm, keyId) is { } key)
                return new KeyLookup.Found(key);
            return held is null || attemptFailed ? new KeyLookup.Unavailable() : new KeyLookup.Unknown();
        }
    }

    private JwkSet? Held() => keys is not null && time.GetElapsedTime(keysAt) < KeptFor ? keys : null;

    private Task? RefreshIfDue()
    {
        if (refresh is { IsCompleted: false })
            return refresh;
        var gap = Held() is null ? RetryGap : RefreshGap;
        if (attemptAt is { } at && time.GetElapsedTime(at) < gap)
            return null;
        attemptAt = time.GetTimestamp();
        return refresh = Task.Run(RefreshAsync, CancellationToken.None);
    }

    private async Task RefreshAsync()
    {
        JwkSet? fetched = null;
        string? problem = "the request broke off";
        try
        {
            (fetched, problem) = await fetch.GetAsync(CancellationToken.None);
        }
        finally
        {
            lock (gate)
            {
                attemptFailed = fetched is null;
                if (fetched is not null)
                {
                    keys = fetched;
                    keysAt = time.GetTimestamp();
                }
            }

            Report(fetched, problem);
        }
    }

    private void Report(JwkSet? fetched, string? problem)
    {
        // The query may hold something that is not for the log.
        var address = url.GetLeftPart(UriPartial.Path);
        if (fetched is null)
            FetchFailed(address, problem, KeptFor);
        else
            Fetched(fetched.Keys.Count, address);
        foreach (var reason in fetched?.Skipped ?? [])
            KeySkipped(address, reason);
    }

    [LoggerMessage(2101, LogLevel.Debug, "Fetched {Count} keys from {Address}.")]
    private partial void Fetched(int count, string address);

    [LoggerMessage(2102, LogLevel.Warning,
        "The keys at {Address} could not be fetched because {Problem}; those known are used for up to {KeptFor} after they were fetched.")]
    private partial void FetchFailed(string address, string? problem, TimeSpan keptFor);

    [LoggerMessage(2103, LogLevel.Information, "In the key set at {Address}: {Reason}")]
    private partial void KeySkipped(string address, string reason);
}
