using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Lockstep.Crypto;
using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Vault.Keys;
using Microsoft.Extensions.Logging;
using NodaTime;
using Npgsql;

namespace Lockstep.Server.Vault.OAuth;

/// <summary>Refreshes an access token once, however many ask for it on however many nodes.</summary>
/// <remarks>
/// <code>
/// (1) one flight a credential and node; whoever comes later waits for it
/// (2) claim: one statement puts a lease on the row             lost: look again until the row is fresh
/// (3) open, and seal once for nothing                          no key, no request: a token that cannot be kept must not be asked for
/// (4) the token endpoint                                       no transaction is open
/// (5) seal and finish: tokens, end of the lease, audit in one statement, refused unless lease and version still are the claimed ones
/// </code>
/// What came of it is in the row, which every waiting caller reads. A node that dies between (2) and (5) is taken over when its lease ends; if it dies
/// between (4) and (5), what the endpoint sent dies with it, and the next one shows the former refresh token (RFC 9700 section 4.14.2).
/// </remarks>
internal sealed class TokenRefresher(
    Database database, ValueSealer seals, TokenEndpointClient endpoint, TimeProvider time, ILogger<TokenRefresher> log) : IAsyncDisposable
{
    /// <summary>Longer than a request may take, sealing and storing included.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromSeconds(20);

    /// <summary>How long a caller waits: long enough to see a dead node's lease end.</summary>
    public static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(25);

    /// <summary>How long tokens that the endpoint has sent are held while the database or the key provider is away.</summary>
    private static readonly TimeSpan StoreFor = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan FirstLook = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan SlowestLook = TimeSpan.FromMilliseconds(500);

    private static readonly Counter<long> Refreshes = Meters.Lockstep.CreateCounter<long>(
        "lockstep.oauth.refreshes", description: "Answers of token endpoints, by what came of them");

    private readonly ConcurrentDictionary<CredentialId, Lazy<Task>> flights = new();
    private readonly CancellationTokenSource stopping = new();

    private Instant Now => Instant.FromDateTimeOffset(time.GetUtcNow());

    /// <summary>Returns when the row says what holds: refreshed, failed, or still somebody else's after <see cref="LongestWait"/>.</summary>
    /// <param name="session">Of a caller who has seen the credential; his name is in the audit.</param>
    public async Task Refresh(TenantSession session, CredentialId id, CancellationToken ct)
    {
        // (1) Not the first caller's token: he may leave while others wait, and what the endpoint sent has to be stored.
        var flight = flights.GetOrAdd(id, _ => new Lazy<Task>(() => Fly(session, id)));
        try
        {
            await flight.Value.WaitAsync(LongestWait, time, ct);
        }
        catch (TimeoutException)
        {
            // The row tells.
        }
    }

    /// <summary>Tokens that were asked for are stored before the database is let go.</summary>
    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        var open = flights.Values.Select(flight => flight.Value).ToList();
        await Task.WhenAny(Task.WhenAll(open), Task.Delay(TokenEndpointClient.Timeout, time, CancellationToken.None));
        stopping.Dispose();
    }

    private async Task Fly(TenantSession session, CredentialId id)
    {
        try
        {
            var began = time.GetTimestamp();
            for (var pause = FirstLook; ; pause = pause * 1.5 < SlowestLook ? pause * 1.5 : SlowestLook)
            {
                // (2)
                var lease = Guid.CreateVersion7();
                var claim = await session.First(GrantRows.Claim(id, lease, Lease.TotalSeconds, Now), ClaimRow.Read, CancellationToken.None);
                if (claim is null or { Settled: true })
                    return;
                if (claim.Claimed)
                {
                    await Carry(new Flight(session, id, lease, claim));
                    return;
                }
                if (time.GetElapsedTime(began) > LongestWait || stopping.IsCancellationRequested)
                    return;
                await Task.Delay(pause, time, stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
        finally
        {
            flights.TryRemove(id, out _);
        }
    }

    private async Task Carry(Flight flight)
    {
        var began = time.GetTimestamp();
        try
        {
            using var tokens = await Open(flight);
            var answer = tokens is null
                ? new TokenAnswer.Misconfigured("integrity_failure")
                : await endpoint.Refresh(flight.Claim.Client!, tokens);
            Refreshes.Add(1, new KeyValuePair<string, object?>("outcome", answer.GetType().Name));
            if (answer is not TokenAnswer.Granted granted)
            {
                await Fail(flight, answer);
                return;
            }
            using (granted.Access)
            using (granted.Refresh)
            {
                // Only points at its parts.
#pragma warning disable CA2000
                using var next = new TokenBundle(granted.Access, granted.Refresh ?? tokens!.Refresh, tokens!.Client).ToSecret();
#pragma warning restore CA2000
                if (await Store(flight, next, granted.Life))
                    log.Refreshed(flight.Id.Value, (int)time.GetElapsedTime(began).TotalMilliseconds);
            }
        }
        catch (ProblemException e)
        {
            // The key provider is away: nothing was asked for.
            await Fail(flight, new TokenAnswer.Unavailable(e.Code, e.RetryAfter));
        }
    }

    /// <summary>Step (3).</summary>
    /// <returns>Null when the row was changed by somebody else than this program.</returns>
    private async Task<TokenBundle?> Open(Flight flight)
    {
        var (session, id, _, claim) = flight;
        using var value = await seals.Open(claim.Owner, id, claim.Version, claim.Sealed, CancellationToken.None);
        var tokens = value is null ? null : TokenBundle.Open(value);
        if (tokens?.Refresh is not null && claim.Client is not null
            && await seals.Seal(session, claim.Owner, id, claim.Version + 1, value!, CancellationToken.None) is not null)
            return tokens;
        tokens?.Dispose();
        return null;
    }

    /// <summary>Step (5): again and again, since the former refresh token may be worth nothing by now.</summary>
    /// <returns>False when it came too late, or could not be stored.</returns>
    private async Task<bool> Store(Flight flight, Secret next, TokenLifetime life)
    {
        var (session, id, lease, claim) = flight;
        var began = time.GetTimestamp();
        for (var pause = FirstLook; ; pause *= 2)
        {
            string trouble;
            try
            {
                if (await seals.Seal(session, claim.Owner, id, claim.Version + 1, next, CancellationToken.None) is not { } value)
                {
                    trouble = "its owner's data key is not there";
                }
                else if ((await Service(session).Query(GrantRows.Finish(id, lease, claim.Version, value, life, Now), row => row.GetBoolean(0), CancellationToken.None))[0])
                {
                    return true;
                }
                else
                {
                    log.Stale(id.Value);
                    return false;
                }
            }
            catch (PostgresException e) when (e is { SqlState: PostgresErrorCodes.ForeignKeyViolation, ConstraintName: "credentials_data_key_fkey" })
            {
                seals.Forget(claim.Owner);
                trouble = "its owner's data key was replaced";
            }
            catch (Exception e) when (e is NpgsqlException or ProblemException)
            {
                trouble = e is PostgresException p ? p.SqlState : e.GetType().Name;
            }
            if (time.GetElapsedTime(began) > StoreFor)
            {
                log.Lost(id.Value, trouble);
                return false;
            }
            log.NotStoredYet(id.Value, trouble);
            await Task.Delay(pause, time, CancellationToken.None);
        }
    }

    private async Task Fail(Flight flight, TokenAnswer answer)
    {
        var (session, id, lease, claim) = flight;
        var (state, code) = answer switch
        {
            TokenAnswer.Refused(var why) => (GrantStates.RefreshFailed, why),
            TokenAnswer.Misconfigured(var why) => (GrantStates.Misconfigured, why),
            TokenAnswer.Malformed(var why) => (GrantStates.Malformed, why),
            TokenAnswer.Unavailable(var why, _) => (GrantStates.Unavailable, why),
            _ => throw new InvalidOperationException($"{answer.GetType().Name} is no failure."),
        };
#pragma warning disable CA5394 // Spreads attempts; nothing depends on it being unpredictable.
        var wait = RefreshBackoff.After(answer, claim.Failures, Random.Shared.NextDouble());
#pragma warning restore CA5394
        var noted = await Service(session).Query(
            GrantRows.Fail(id, lease, claim.Version, state, code, wait.TotalSeconds), row => row.GetBoolean(0), CancellationToken.None);
        if (noted[0])
            log.NotRefreshed(id.Value, state, code, (int)wait.TotalSeconds);
        else
            log.Stale(id.Value);
    }

    /// <summary>The service login, in the name of whoever asked.</summary>
    private TenantSession Service(TenantSession session) => database.For(
        new Caller(null, CallerRole.Service, session.Caller.Actor, session.Caller.Address, session.Caller.RequestId));

    private sealed record Flight(TenantSession Session, CredentialId Id, Guid Lease, ClaimRow Claim);
}
