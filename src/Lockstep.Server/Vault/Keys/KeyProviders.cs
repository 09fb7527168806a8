using System.Diagnostics.CodeAnalysis;
using System.Diagnostics.Metrics;
using Lockstep.Crypto;
using Lockstep.Crypto.Pkcs11;
using Lockstep.Crypto.Transit;
using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Microsoft.Extensions.Logging;

namespace Lockstep.Server.Vault.Keys;

/// <summary>The key providers of this server: the first one wraps, each opens what it wrapped, and the local ring stands in while the first is away.</summary>
/// <remarks>
/// <code>
///   event at the first provider          a write                                    a read
///   no connection, no answer, 5xx,       the stand-in, within its budget, marked    503 with Retry-After, unless the data key
///     sealed, 429                        pending_rewrap; else 503                   is cached
///   403 after a new login                503                                        503
///   400 that says the text is bad        -                                          422 integrity_failure, never another provider
/// </code>
/// </remarks>
internal sealed class KeyProviders : IDisposable
{
    private static readonly Counter<long> StandInWrites = Meters.Lockstep.CreateCounter<long>(
        "lockstep.keys.stand_in_writes", description: "Values sealed with the local key's help because the key provider was away");

    private readonly KeyRing ring;
    private readonly IKeyWrapper local;
    private readonly TransitEngine? engine;
    private readonly Pkcs11KeyWrapper? hardware;
    private readonly List<IKeyWrapper> wrappers = [];
    private readonly StandInBudget budget;
    private readonly ILogger<KeyProviders> log;

    public KeyProviders(VaultOptions options, TimeProvider time, ILogger<KeyProviders> log)
    {
        this.log = log;
        Options = options.Providers;
        ring = options.Keys ?? new KeyRing();
        local = new LocalKeyWrapper(ring);
        budget = new StandInBudget(Options, time);
        engine = Options.Transit is { } transit ? new TransitEngine(transit, Http(), time) : null;
        Values = engine is null ? null : new TransitValues(engine);
        if (engine is not null)
            wrappers.Add(new TransitKeyWrapper(engine));
        hardware = Options.Pkcs11 is { } module ? new Pkcs11KeyWrapper(module) : null;
        if (hardware is not null)
            wrappers.Add(hardware);
        wrappers.Add(local);
    }

    public KeyProviderOptions Options { get; }

    /// <summary>No key at all: nothing can be sealed or opened.</summary>
    public bool Locked => ring.Newest is null && engine is null && hardware is null;

    /// <summary>The one that wraps.</summary>
    public IKeyWrapper First => wrappers[0];

    /// <summary>Transit, for values that it seals itself; null without it.</summary>
    public TransitValues? Values { get; }

    /// <summary>Whether the first provider can be away at all.</summary>
    public bool CanBeAway => engine is not null;

    /// <summary>Whether the local ring would stand in, its budget aside.</summary>
    public bool CanStandIn => engine is not null && Options.StandIn && ring.Newest is not null;

    /// <summary>Null while the first provider is well.</summary>
    public KeyTrouble? Trouble => engine?.Trouble;

    /// <summary>Values sealed with the stand-in's help since the first provider went away.</summary>
    public int StandInWritesNow => budget.Writes;

    /// <summary>Asks the first provider whether it is well, when it is time to; back again, the budget is whole again.</summary>
    /// <returns>Null when it is.</returns>
    public async Task<KeyTrouble?> Check(CancellationToken ct)
    {
        if (engine is null)
            return null;
        var trouble = await engine.Check(ct) ?? (await engine.NewestVersion(ct) is null ? engine.Trouble : null);
        if (trouble is null)
            budget.Reset();
        return trouble;
    }

    /// <summary>Before serving: as <see cref="Check"/>, and a hardware module wraps and opens a canary.</summary>
    public async Task<KeyTrouble?> CheckAtStart(CancellationToken ct) =>
        (hardware is null ? null : await hardware.Check(ct)) ?? await Check(ct);

    /// <exception cref="ProblemException">503 <c>vault_locked</c>.</exception>
    public void RequireUnlocked()
    {
        if (Locked)
            throw new ProblemException(503, "vault_locked",
                "The vault is locked: the server was started without a master key. Set LOCKSTEP_MASTER_KEYS, or name a Transit server, and start it again. Nothing was stored or read.");
    }

    /// <summary>Wraps a new data key.</summary>
    /// <exception cref="ProblemException">503: <c>vault_locked</c>, or <c>key_provider_unavailable</c>.</exception>
    public async Task<NewWrapping> Wrap(DataKey key, CancellationToken ct)
    {
        switch (await First.Wrap(key, ct))
        {
            case WrapOutcome.Wrapped(var wrapped):
                return new NewWrapping(wrapped, Pending: false);
            case WrapOutcome.Unavailable(var trouble):
                TakeStandIn(trouble);
                return await local.Wrap(key, ct) is WrapOutcome.Wrapped(var byStandIn)
                    ? new NewWrapping(byStandIn, Pending: true)
                    : throw Unavailable(trouble);
            default:
                RequireUnlocked();
                throw new InvalidOperationException("A new data key is neither damaged nor of an unknown key.");
        }
    }

    /// <summary>Opens with the provider that the row names.</summary>
    public Task<UnwrapOutcome> Unwrap(DataKeyName name, WrappedKey wrapped, CancellationToken ct) =>
        wrappers.Find(wrapper => wrapper.Provider == wrapped.Provider) is { } provider
            ? provider.Unwrap(name, wrapped, ct)
            : Task.FromResult<UnwrapOutcome>(new UnwrapOutcome.UnknownKey($"{wrapped.Provider} {wrapped.KeyVersion}"));

    /// <summary>Wraps data keys anew with the newest key of the first provider, whoever wrapped them before. What that provider wrapped itself
    /// is not opened for it.</summary>
    /// <returns>An outcome for each, in the order given.</returns>
    public async Task<IReadOnlyList<WrapOutcome>> Rewrap(IReadOnlyList<WrappedDataKey> keys, CancellationToken ct)
    {
        var outcomes = new WrapOutcome[keys.Count];
        var own = Enumerable.Range(0, keys.Count).Where(i => keys[i].Wrapped.Provider == First.Provider).ToList();
        foreach (var (i, outcome) in own.Zip(await First.Rewrap([.. own.Select(i => keys[i])], ct)))
            outcomes[i] = outcome;
        var opened = new List<(int Index, DataKey Key)>();
        try
        {
            foreach (var i in Enumerable.Range(0, keys.Count).Except(own))
            {
                var outcome = await Unwrap(keys[i].Name, keys[i].Wrapped, ct);
                if (outcome is UnwrapOutcome.Unwrapped(var key))
                    opened.Add((i, key));
                else
                    outcomes[i] = Failed(outcome);
            }
            if (opened.Count > 0)
            {
                foreach (var (entry, outcome) in opened.Zip(await First.WrapAll([.. opened.Select(entry => entry.Key)], ct)))
                    outcomes[entry.Index] = outcome;
            }
        }
        finally
        {
            opened.ForEach(entry => entry.Key.Dispose());
        }
        return outcomes;
    }

    /// <summary>For a value that the stand-in helps to seal: counts it, or refuses.</summary>
    /// <exception cref="ProblemException">503 <c>key_provider_unavailable</c>.</exception>
    public void TakeStandIn(KeyTrouble trouble)
    {
        if (trouble.Kind != KeyTroubleKind.Away || !CanStandIn || !budget.Take())
            throw Unavailable(trouble);
        StandInWrites.Add(1);
        if (budget.Writes == 1)
            log.StandInBegan(trouble.Reason);
    }

    public static ProblemException Unavailable(KeyTrouble trouble) => new(503, "key_provider_unavailable",
        $"The key provider cannot be used right now: {trouble.Reason} Nothing was stored or released. Try again after the seconds in Retry-After; the operator sees it under /health.",
        trouble.RetryAfter ?? TimeSpan.FromSeconds(5));

    public void Dispose() => engine?.Dispose();

    private static WrapOutcome Failed(UnwrapOutcome outcome) => outcome switch
    {
        UnwrapOutcome.UnknownKey(var key) => new WrapOutcome.UnknownKey(key),
        UnwrapOutcome.Unavailable(var trouble) => new WrapOutcome.Unavailable(trouble),
        _ => new WrapOutcome.Damaged(),
    };

    /// <summary>The address is the operator's, so the guard of users' addresses is not asked.</summary>
    [SuppressMessage("Reliability", "CA2000:Dispose objects before losing scope", Justification = "Lives as long as the process.")]
    private static HttpMessageInvoker Http() => new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        UseProxy = false,
        UseCookies = false,
        ConnectTimeout = TimeSpan.FromSeconds(3),
        PooledConnectionLifetime = TimeSpan.FromMinutes(2),
    });
}

/// <param name="Pending">A stand-in wrapped it: the first provider is to wrap it anew when it is back.</param>
internal sealed record NewWrapping(WrappedKey Key, bool Pending);
