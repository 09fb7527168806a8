using Lockstep.Crypto;
using Lockstep.Crypto.Transit;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using NodaTime;

namespace Lockstep.Server.Vault.Keys;

/// <summary>What an operator does to all keys at once, beside servers that go on. Each step is a compare-and-swap on what was read, and nothing is
/// remembered between them but in the rows: killed anywhere, it is run again and goes on.</summary>
internal sealed class KeyRotation(Database database, KeyProviders providers, ValueSealer sealer, VaultOptions options)
{
    private const int PageSize = 200;

    private TenantSession Session => database.For(Caller.Service with { Actor = "operator" });

    /// <summary>Which keys wrap what is stored, and which of them are at hand.</summary>
    public async Task<List<KeyUse>> InUse(CancellationToken ct)
    {
        var uses = await Session.Query(
            new Statement("SELECT k.provider, k.key_version, k.data_keys, k.sealed_values, k.tenants FROM lockstep.keys_in_use() k"),
            row => new KeyUse(row.GetString(0), row.GetString(1), row.GetInt64(2), row.GetInt64(3), row.GetInt64(4), false, false),
            ct);
        var told = new List<KeyUse>(uses.Count);
        foreach (var use in uses)
        {
            var provider = use.Provider == KeyUse.TransitValue ? TransitKeyWrapper.Provider : use.Provider;
            var newest = await providers.First.IsNewest(new WrappedKey(provider, use.Key, ""), ct) == true;
            var given = provider == LocalKeyWrapper.Provider ? options.Keys?.Find(use.Key) is not null : provider == providers.First.Provider;
            told.Add(use with { IsNewest = newest, AtHand = newest || given });
        }
        return told;
    }

    /// <summary>How old what lies under each key is, and what waits to be sealed anew.</summary>
    public Task<List<KeyAge>> Ages(CancellationToken ct) => Session.Query(
        new Statement("SELECT a.provider, a.key_version, a.since, a.retired, a.retired_values FROM lockstep.key_ages() a"),
        row => new KeyAge(row.GetString(0), row.GetString(1), row.GetInstant(2), row.GetInt64(3), row.GetInt64(4)),
        ct);

    /// <summary>Wraps every data key with the newest key of the first provider.</summary>
    /// <param name="progress">Told how many of how many are done.</param>
    public async Task<RewrapReport> Rewrap(Action<long, long> progress, CancellationToken ct)
    {
        var all = (await InUse(ct)).Sum(use => use.DataKeys);
        var report = new RewrapReport(0, 0, 0, 0, []);
        Guid? after = null;
        while (true)
        {
            var page = await Session.Query(Wrapped(after), ReadWrapped, ct);
            if (page.Count > 0)
                report = report.Add(await RewrapPage(page, ct));
            progress(report.Keys, Math.Max(all, report.Keys));
            if (page.Count < PageSize)
                return report;
            after = page[^1].Name.Id;
        }
    }

    /// <summary>Gives every tenant a new data key; the former ones open what they sealed until <see cref="Reseal"/> has been over it.</summary>
    /// <param name="before">Data keys made since stay: a run that goes on passes the time at which it began.</param>
    /// <returns>How many were made.</returns>
    public async Task<long> ReplaceDataKeys(Instant before, Action<long, long> progress, CancellationToken ct)
    {
        var all = (await InUse(ct)).Sum(use => use.DataKeys);
        var made = 0L;
        Guid? after = null;
        while (true)
        {
            var page = await Session.Query(
                new Statement("SELECT k.id, k.user_id, k.workspace_id, k.version FROM lockstep.keys_to_replace($1, $2, $3) k", before, after, PageSize),
                row => (Id: row.GetGuid(0), Owner: OwnerOf(row.GetGuidOrNull(1), row.GetGuidOrNull(2)), Version: row.GetInt32(3)),
                ct);
            if (page.Count > 0)
                made += await MakeNext(page, ct);
            progress(made, Math.Max(all, made));
            if (page.Count < PageSize)
                return made;
            after = page[^1].Id;
        }
    }

    /// <summary>Seals every value under a retired data key anew under its tenant's active one, former values too, then destroys the retired keys
    /// that nothing lies under any more.</summary>
    public async Task<ResealReport> Reseal(Action<long, long> progress, CancellationToken ct)
    {
        var report = new ResealReport(0, 0, 0, 0, []);
        Guid? after = null;
        int? version = null;
        while (true)
        {
            var page = await Session.Query(RetiredValue.Page(after, version, PageSize), RetiredValue.Read, ct);
            if (page.Count > 0)
                report = report.Add(await ResealPage(page, ct));
            progress(report.Values, report.Values);
            if (page.Count < PageSize)
                break;
            (after, version) = (page[^1].Part.Id, page[^1].Version);
        }
        var dropped = await Session.Query(new Statement("SELECT lockstep.drop_retired_keys()"), row => row.GetInt64(0), ct);
        return report with { Dropped = dropped.Single() };
    }

    /// <summary>What cannot be opened without a key: credentials by id.</summary>
    public Task<List<LostValue>> ValuesUnder(KeyUse key, Guid? after, CancellationToken ct) => Session.Query(
        new Statement(
            "SELECT v.id, v.tenant, v.name, v.service, v.is_current FROM lockstep.values_under($1, $2, $3, $4) v", key.Provider, key.Key, after, PageSize),
        row => new LostValue(row.GetGuid(0), row.GetString(1), row.GetString(2), row.GetString(3), row.GetBoolean(4)),
        ct);

    /// <summary>Gives up what a lost key wrapped: it is deleted, an audit line each, so that its owners can store anew.</summary>
    /// <exception cref="InvalidOperationException">The key is at hand, so nothing is lost.</exception>
    public async Task<GivenUp> GiveUp(KeyUse key, string reason, CancellationToken ct)
    {
        if (key.AtHand)
            throw new InvalidOperationException("A key that is at hand is not given up.");
        return (await Session.First(
            new Statement("SELECT g.data_keys, g.credentials, g.former FROM lockstep.give_up_key($1, $2, $3) g", key.Provider, key.Key, reason),
            row => new GivenUp(row.GetInt64(0), row.GetInt64(1), row.GetInt64(2)),
            ct))!;
    }

    /// <summary>Destroys the data keys of a tenant, and with them what they sealed.</summary>
    /// <returns>Null when there is no such tenant.</returns>
    public async Task<GivenUp?> Shred(Tenant tenant, string reason, CancellationToken ct)
    {
        var shredded = await Session.First(
            new Statement("SELECT s.data_keys, s.credentials FROM lockstep.shred_tenant($1::uuid, $2::uuid, $3) s", tenant.User?.Value, tenant.Workspace?.Value, reason),
            row => new GivenUp(row.GetInt64(0), row.GetInt64(1), 0),
            ct);
        sealer.Forget(tenant);
        return shredded;
    }

    public static Tenant OwnerOf(Guid? user, Guid? workspace) =>
        user is { } id ? Tenant.Of(new UserId(id)) : workspace is { } space ? Tenant.Of(new WorkspaceId(space)) : Tenant.System;

    private static Statement Wrapped(Guid? after) => new(
        """
        SELECT k.id, k.user_id, k.workspace_id, k.version, k.provider, k.key_version, k.wrapped_key
        FROM   lockstep.wrapped_keys($1::uuid, $2, false) k
        """,
        after, PageSize);

    private static WrappedDataKey ReadWrapped(Npgsql.NpgsqlDataReader row) => new(
        new DataKeyName(OwnerOf(row.GetGuidOrNull(1), row.GetGuidOrNull(2)).ToString(), row.GetGuid(0), row.GetInt32(3)),
        new WrappedKey(row.GetString(4), row.GetString(5), row.GetString(6)));

    private async Task<RewrapReport> RewrapPage(List<WrappedDataKey> page, CancellationToken ct)
    {
        var old = new List<WrappedDataKey>(page.Count);
        foreach (var key in page)
        {
            if (await providers.First.IsNewest(key.Wrapped, ct) != true)
                old.Add(key);
        }
        var stragglers = new List<Straggler>();
        var done = new List<(WrappedDataKey Before, WrappedKey After)>(old.Count);
        var outcomes = old.Count == 0 ? [] : await providers.Rewrap(old, ct);
        for (var i = 0; i < old.Count; i++)
        {
            if (outcomes[i] is WrapOutcome.Wrapped(var wrapped))
                done.Add((old[i], wrapped));
            else
                stragglers.Add(new(old[i].Name.Id, null, old[i].Name.Tenant, Why(outcomes[i])));
        }
        var replaced = done.Count == 0 ? [] : await Session.Query(
            new Statement(
                "SELECT r FROM lockstep.replace_wrappings($1, $2, $3, $4, $5) r",
                done.Select(pair => pair.Before.Name.Id).ToArray(), done.Select(pair => pair.Before.Wrapped.Text).ToArray(),
                done.Select(pair => pair.After.Provider).ToArray(), done.Select(pair => pair.After.KeyVersion).ToArray(),
                done.Select(pair => pair.After.Text).ToArray()),
            row => row.GetGuid(0),
            ct);
        return new(page.Count, replaced.Count, page.Count - old.Count, done.Count - replaced.Count, stragglers);
    }

    private async Task<long> MakeNext(List<(Guid Id, Tenant Owner, int Version)> former, CancellationToken ct)
    {
        var names = new List<DataKeyName>(former.Count);
        var wrappings = new List<NewWrapping>(former.Count);
        foreach (var (_, owner, version) in former)
        {
            using var key = DataKey.Generate(new DataKeyName(owner.ToString(), Guid.CreateVersion7(), version + 1));
            names.Add(key.Name);
            wrappings.Add(await providers.Wrap(key, ct));
        }
        return (await Session.Query(
            new Statement(
                "SELECT lockstep.replace_data_keys($1, $2, $3, $4, $5, $6, $7)",
                former.Select(key => key.Id).ToArray(), names.Select(name => name.Id).ToArray(), names.Select(name => name.Version).ToArray(),
                wrappings.Select(wrapping => wrapping.Key.Provider).ToArray(), wrappings.Select(wrapping => wrapping.Key.KeyVersion).ToArray(),
                wrappings.Select(wrapping => wrapping.Key.Text).ToArray(), wrappings.Select(wrapping => wrapping.Pending).ToArray()),
            row => row.GetInt64(0),
            ct)).Single();
    }

    private async Task<ResealReport> ResealPage(List<RetiredValue> page, CancellationToken ct)
    {
        var stragglers = new List<Straggler>();
        var done = new List<(RetiredValue Before, SealedColumns After)>(page.Count);
        foreach (var value in page)
        {
            try
            {
                if (await sealer.Reseal(value.Owner, value.Part, value.Version, value.Sealed, value.Target, ct) is { } resealed)
                    done.Add((value, resealed));
                else
                    stragglers.Add(new(value.Part.Id, value.Version, value.Owner.ToString(), "does not open in its place: it was changed or moved"));
            }
            catch (Http.ProblemException e)
            {
                stragglers.Add(new(value.Part.Id, value.Version, value.Owner.ToString(), e.Message));
            }
        }
        var replaced = done.Count == 0 ? 0 : (await Session.Query(
            new Statement(
                "SELECT lockstep.replace_sealed_values($1, $2, $3, $4, $5, $6)",
                done.Select(pair => pair.Before.Part.Id).ToArray(), done.Select(pair => pair.Before.Version).ToArray(),
                done.Select(pair => pair.Before.Sealed.Text).ToArray(), done.Select(pair => pair.After.Text).ToArray(),
                done.Select(pair => pair.After.DataKey!.Value).ToArray(), done.Select(pair => pair.After.KeyVersion).ToArray()),
            row => row.GetInt64(0),
            ct)).Single();
        return new(page.Count, replaced, done.Count - replaced, 0, stragglers);
    }

    private static string Why(WrapOutcome outcome) => outcome switch
    {
        WrapOutcome.UnknownKey(var fingerprint) => $"wrapped by key {fingerprint}, which was not given",
        WrapOutcome.Unavailable(var trouble) => trouble.Reason,
        WrapOutcome.NoKey => "there is no key to wrap with",
        _ => "does not open in its row: it was changed or moved",
    };
}
