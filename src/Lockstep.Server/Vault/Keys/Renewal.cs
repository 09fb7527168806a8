using Lockstep.Crypto;
using Lockstep.Crypto.Transit;
using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Microsoft.Extensions.Logging;

namespace Lockstep.Server.Vault.Keys;

/// <summary>Wraps data keys anew, and has Transit seal values anew. Every replacement is a compare and swap: a newer rotation is never overwritten.</summary>
internal sealed class Renewal(Database database, KeyProviders providers, DataKeys dataKeys, ILogger<Renewal> log)
{
    private const int KeysPerBatch = 200;

    /// <summary>Values measure up to 64 KiB, and 10 MiB go into one request.</summary>
    private const int ValuesPerBatch = 100;

    /// <summary>Pages at once, so that a backlog is gone soon also where requests keep all else busy.</summary>
    private const int Lanes = 4;

    private TenantSession Session => database.For(Caller.Service);

    /// <summary>Data keys and values that wait for the first provider.</summary>
    public async Task<long> Backlog(CancellationToken ct) =>
        (await Session.Query(RenewalRows.Backlog(), row => row.GetInt64(0), ct))[0];

    /// <summary>Hands what waits to the first provider. Stops quietly when it goes away again.</summary>
    /// <returns>How many could not be handed over although it is there.</returns>
    public async Task<int> RenewPending(CancellationToken ct)
    {
        // Values first: their data keys are still wrapped here, so that opening them asks nobody.
        var (values, unsealed) = providers.Values is null ? (0, 0) : await PendingValues(ct);
        var (keys, left) = await PendingKeys(ct);
        if (keys + values + left + unsealed > 0)
            log.Renewed(keys, values, left + unsealed);
        return left + unsealed;
    }

    /// <summary>After Transit's key was rotated: seals anew what Transit sealed under older versions, former values and keys of webhooks too. No plaintext moves.</summary>
    /// <param name="progress">Called with how many were sealed anew so far.</param>
    /// <returns>How many were, and how many could not be.</returns>
    public async Task<(long Renewed, int Left)> RenewDirect(Action<long> progress, CancellationToken ct)
    {
        var (renewed, left) = (0L, 0);
        if (providers.Values is not { } transit || await transit.NewestVersion(ct) is not { } newest)
            return (renewed, left);
        SealRow? last = null;
        while (await Session.Query(RenewalRows.Seals(last?.Part.Id, last?.Version, ValuesPerBatch, pending: false), RenewalRows.ReadSeal, ct) is { Count: > 0 } page)
        {
            last = page[^1];
            var old = page.Where(row => row.Sealed.KeyVersion < newest || row.Sealed.KeyId != providers.Options.Transit!.Keys[0]).ToList();
            var outcomes = await transit.Renew([.. old.Select(row => (ValueSealer.Place(row.Owner, row.Part, row.Version), ValueOf(row)))], ct);
            var good = new List<(SealRow, TransitValue)>();
            foreach (var (row, outcome) in old.Zip(outcomes))
            {
                if (outcome is TransitValueOutcome.Sealed(var value))
                    good.Add((row, value));
                else
                    Left(row, outcome is TransitValueOutcome.Unavailable(var trouble) ? trouble.Reason : "it does not open in its row");
            }
            left += old.Count - good.Count;
            renewed += await Replace(good, ct);
            progress(renewed);
        }
        return (renewed, left);
    }

    private Task<(int Renewed, int Left)> PendingKeys(CancellationToken ct) => InLanes<WrappedDataKey>(
        async last => await Session.Query(RenewalRows.Keys(last?.Name.Id, KeysPerBatch, pending: true), RenewalRows.ReadKey, ct),
        page => Keys(page, ct));

    private Task<(int Renewed, int Left)> PendingValues(CancellationToken ct) => InLanes<SealRow>(
        async last => await Session.Query(RenewalRows.Seals(last?.Part.Id, last?.Version, ValuesPerBatch, pending: true), RenewalRows.ReadSeal, ct),
        page => Values(page, ct));

    /// <summary>Some pages at once: while one waits for the provider another is read or stored.</summary>
    private static async Task<(int Renewed, int Left)> InLanes<T>(Func<T?, Task<List<T>>> read, Func<IReadOnlyList<T>, Task<Handed>> hand)
        where T : class
    {
        var (renewed, left, away) = (0, 0, false);
        var under = new List<Task<Handed>>(Lanes);
        try
        {
            T? last = null;
            while (!away && await read(last) is { Count: > 0 } page)
            {
                last = page[^1];
                under.Add(hand(page));
                if (under.Count == Lanes)
                    await Next();
            }
            while (under.Count > 0)
                await Next();
            return (renewed, left);
        }
        finally
        {
            await Task.WhenAll((IEnumerable<Task>)under).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        async Task Next()
        {
            var done = await Task.WhenAny(under);
            under.Remove(done);
            var handed = await done;
            (renewed, left, away) = (renewed + handed.Renewed, left + handed.Left, away || handed.Away);
        }
    }

    private async Task<Handed> Keys(IReadOnlyList<WrappedDataKey> page, CancellationToken ct)
    {
        var outcomes = await providers.Rewrap(page, ct);
        var good = page.Zip(outcomes).Where(pair => pair.Second is WrapOutcome.Wrapped)
            .Select(pair => (pair.First, ((WrapOutcome.Wrapped)pair.Second).Key)).ToList();
        var renewed = good.Count == 0 ? 0 : (await Session.Query(RenewalRows.ReplaceKeys(good), row => row.GetGuid(0), ct)).Count;
        if (outcomes.Any(outcome => outcome is WrapOutcome.Unavailable { Trouble.Kind: KeyTroubleKind.Away }))
            return new Handed(renewed, 0, Away: true);
        foreach (var (key, outcome) in page.Zip(outcomes).Where(pair => pair.Second is not WrapOutcome.Wrapped))
        {
            log.KeyLeft(key.Name.Id, outcome switch
            {
                WrapOutcome.UnknownKey(var fingerprint) => $"it is wrapped under key {fingerprint}, which was not given",
                WrapOutcome.Unavailable(var trouble) => trouble.Reason,
                _ => "it does not open in its row",
            });
        }
        return new Handed(renewed, page.Count - good.Count, Away: false);
    }

    private async Task<Handed> Values(IReadOnlyList<SealRow> page, CancellationToken ct)
    {
        var opened = new List<(SealRow Row, Secret Value)>();
        try
        {
            foreach (var row in page)
            {
                if (await Open(row, ct) is { } value)
                    opened.Add((row, value));
            }
            var left = page.Count - opened.Count;
            var outcomes = await providers.Values!.SealAll(
                [.. opened.Select(one => (ValueSealer.Place(one.Row.Owner, one.Row.Part, one.Row.Version), one.Value))], ct);
            var good = opened.Zip(outcomes).Where(pair => pair.Second is TransitValueOutcome.Sealed)
                .Select(pair => (pair.First.Row, ((TransitValueOutcome.Sealed)pair.Second).Value)).ToList();
            var renewed = (int)await Replace(good, ct);
            foreach (var (one, outcome) in opened.Zip(outcomes))
            {
                if (outcome is not TransitValueOutcome.Unavailable(var trouble))
                    continue;
                if (trouble.Kind == KeyTroubleKind.Away)
                    return new Handed(renewed, left, Away: true);
                left++;
                Left(one.Row, trouble.Reason);
            }
            return new Handed(renewed, left, Away: false);
        }
        finally
        {
            opened.ForEach(one => one.Value.Dispose());
        }
    }

    /// <summary>With the data key that sealed it for the time being.</summary>
    /// <returns>Null when it cannot be; that has been logged.</returns>
    private async Task<Secret?> Open(SealRow row, CancellationToken ct)
    {
        try
        {
            using var key = row.Sealed.Key is { } keyRow ? await dataKeys.Open(row.Owner, keyRow, ct) : null;
            if (key is not null && SealedValue.Open(key.Key, ValueSealer.Place(row.Owner, row.Part, row.Version), row.Sealed.Text) is { } value)
                return value;
            Left(row, "it does not open in its row");
        }
        catch (ProblemException e)
        {
            Left(row, e.Message);
        }
        return null;
    }

    private async Task<long> Replace(List<(SealRow, TransitValue)> seals, CancellationToken ct) =>
        seals.Count == 0 ? 0 : (await Session.Query(RenewalRows.ReplaceSeals(seals), row => row.GetInt64(0), ct))[0];

    private void Left(SealRow row, string why) => log.ValueLeft(row.Part.Id, row.Version, why);

    private static TransitValue ValueOf(SealRow row) => new(row.Sealed.KeyId ?? "", row.Sealed.KeyVersion, row.Sealed.Text);

    /// <param name="Left">Could not be handed over although the provider is there.</param>
    /// <param name="Away">It went away again.</param>
    private readonly record struct Handed(int Renewed, int Left, bool Away);
}
