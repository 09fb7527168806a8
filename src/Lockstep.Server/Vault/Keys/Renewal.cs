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

    /// <summary>Values measure up to 64 KiB, and 16 MiB go into one answer.</summary>
    private const int ValuesPerBatch = 50;

    private TenantSession Session => database.For(Caller.Service);

    /// <summary>Data keys and values that wait for the first provider.</summary>
    public async Task<long> Backlog(CancellationToken ct) =>
        (await Session.Query(RenewalRows.Backlog(), row => row.GetInt64(0), ct))[0];

    /// <summary>Hands what waits to the first provider. Stops quietly when it goes away again.</summary>
    /// <returns>How many could not be handed over although it is there.</returns>
    public async Task<int> RenewPending(CancellationToken ct)
    {
        var (keys, left) = await PendingKeys(ct);
        var (values, unsealed) = providers.Values is null ? (0, 0) : await PendingValues(ct);
        if (keys + values + left + unsealed > 0)
            log.Renewed(keys, values, left + unsealed);
        return left + unsealed;
    }

    /// <summary>After Transit's key was rotated: seals anew what Transit sealed under older versions, former values too. No plaintext moves.</summary>
    /// <param name="progress">Called with how many were sealed anew so far.</param>
    /// <returns>How many were, and how many could not be.</returns>
    public async Task<(long Renewed, int Left)> RenewDirect(Action<long> progress, CancellationToken ct)
    {
        var (renewed, left) = (0L, 0);
        if (providers.Values is not { } transit || await transit.NewestVersion(ct) is not { } newest)
            return (renewed, left);
        SealRow? last = null;
        while (await Session.Query(RenewalRows.Seals(last?.Id.Value, last?.Version, ValuesPerBatch, pending: false), RenewalRows.ReadSeal, ct) is { Count: > 0 } page)
        {
            last = page[^1];
            var old = page.Where(row => row.Sealed.KeyVersion < newest || row.Sealed.KeyId != providers.Options.Transit!.Keys[0]).ToList();
            var outcomes = await transit.Renew([.. old.Select(row => (ValueSealer.Place(row.Owner, row.Id, row.Version), ValueOf(row)))], ct);
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

    private async Task<(int Renewed, int Left)> PendingKeys(CancellationToken ct)
    {
        var (renewed, left) = (0, 0);
        Guid? after = null;
        while (await Session.Query(RenewalRows.Keys(after, KeysPerBatch, pending: true), RenewalRows.ReadKey, ct) is { Count: > 0 } page)
        {
            after = page[^1].Name.Id;
            var outcomes = await providers.Rewrap(page, ct);
            var good = page.Zip(outcomes).Where(pair => pair.Second is WrapOutcome.Wrapped)
                .Select(pair => (pair.First, ((WrapOutcome.Wrapped)pair.Second).Key)).ToList();
            if (good.Count > 0)
                renewed += (await Session.Query(RenewalRows.ReplaceKeys(good), row => row.GetGuid(0), ct)).Count;
            if (outcomes.Any(outcome => outcome is WrapOutcome.Unavailable { Trouble.Kind: KeyTroubleKind.Away }))
                return (renewed, left);
            foreach (var (key, outcome) in page.Zip(outcomes).Where(pair => pair.Second is not WrapOutcome.Wrapped))
            {
                left++;
                log.KeyLeft(key.Name.Id, outcome switch
                {
                    WrapOutcome.UnknownKey(var fingerprint) => $"it is wrapped under key {fingerprint}, which was not given",
                    WrapOutcome.Unavailable(var trouble) => trouble.Reason,
                    _ => "it does not open in its row",
                });
            }
        }
        return (renewed, left);
    }

    private async Task<(long Renewed, int Left)> PendingValues(CancellationToken ct)
    {
        var (renewed, left) = (0L, 0);
        SealRow? last = null;
        while (await Session.Query(RenewalRows.Seals(last?.Id.Value, null, ValuesPerBatch, pending: true), RenewalRows.ReadSeal, ct) is { Count: > 0 } page)
        {
            last = page[^1];
            var good = new List<(SealRow, TransitValue)>();
            foreach (var row in page)
            {
                switch (await Hand(row, ct))
                {
                    case TransitValueOutcome.Sealed(var value):
                        good.Add((row, value));
                        break;
                    case TransitValueOutcome.Unavailable { Trouble.Kind: KeyTroubleKind.Away }:
                        return (renewed + await Replace(good, ct), left);
                    case var outcome:
                        left++;
                        Left(row, outcome is TransitValueOutcome.Unavailable(var trouble) ? trouble.Reason : "it does not open in its row");
                        break;
                }
            }
            renewed += await Replace(good, ct);
        }
        return (renewed, left);
    }

    /// <summary>Opens with the data key that sealed it for the time being, and has Transit seal it.</summary>
    private async Task<TransitValueOutcome> Hand(SealRow row, CancellationToken ct)
    {
        try
        {
            using var key = row.Sealed.Key is { } keyRow ? await dataKeys.Open(row.Owner, keyRow, ct) : null;
            var place = ValueSealer.Place(row.Owner, row.Id, row.Version);
            using var value = key is null ? null : SealedValue.Open(key.Key, place, row.Sealed.Text);
            return value is null ? new TransitValueOutcome.Damaged() : await providers.Values!.Seal(place, value, ct);
        }
        catch (ProblemException e)
        {
            return new TransitValueOutcome.Unavailable(new KeyTrouble(KeyTroubleKind.Refused, e.Message));
        }
    }

    private async Task<long> Replace(List<(SealRow, TransitValue)> seals, CancellationToken ct) =>
        seals.Count == 0 ? 0 : (await Session.Query(RenewalRows.ReplaceSeals(seals), row => row.GetInt64(0), ct))[0];

    private void Left(SealRow row, string why) => log.ValueLeft(row.Id.Value, row.Version, why);

    private static TransitValue ValueOf(SealRow row) => new(row.Sealed.KeyId ?? "", row.Sealed.KeyVersion, row.Sealed.Text);
}
