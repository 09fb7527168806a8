using Lockstep.Crypto;
using Lockstep.Server.Http;

namespace Lockstep.Server.Vault.Keys;

/// <summary>The key providers of this server: the first one wraps, and each opens what it wrapped.</summary>
internal sealed class KeyProviders(VaultOptions options)
{
    private readonly KeyRing ring = options.Keys ?? new KeyRing();
    private readonly IKeyWrapper local = new LocalKeyWrapper(options.Keys ?? new KeyRing());

    /// <summary>No key at all: nothing can be sealed or opened.</summary>
    public bool Locked => ring.Newest is null;

    /// <summary>The one that wraps.</summary>
    public IKeyWrapper First => local;

    /// <exception cref="ProblemException">503 <c>vault_locked</c>.</exception>
    public void RequireUnlocked()
    {
        if (Locked)
            throw new ProblemException(503, "vault_locked",
                "The vault is locked: the server was started without a master key. Set LOCKSTEP_MASTER_KEYS and start it again. Nothing was stored or read.");
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
                throw Unavailable(trouble);
            default:
                RequireUnlocked();
                throw new InvalidOperationException("A new data key is neither damaged nor of an unknown key.");
        }
    }

    /// <summary>Opens with the provider that the row names.</summary>
    public Task<UnwrapOutcome> Unwrap(DataKeyName name, WrappedKey wrapped, CancellationToken ct) =>
        Of(wrapped) is { } provider
            ? provider.Unwrap(name, wrapped, ct)
            : Task.FromResult<UnwrapOutcome>(new UnwrapOutcome.Damaged());

    /// <summary>Wraps data keys anew with the newest key of the first provider, whoever wrapped them before.</summary>
    /// <returns>An outcome for each, in the order given.</returns>
    public Task<IReadOnlyList<WrapOutcome>> Rewrap(IReadOnlyList<WrappedDataKey> keys, CancellationToken ct) => First.Rewrap(keys, ct);

    public static ProblemException Unavailable(KeyTrouble trouble) => new(503, "key_provider_unavailable",
        $"The key provider cannot be used right now: {trouble.Reason} Nothing was stored or released. Try again after the seconds in Retry-After; the operator sees it under /health.",
        trouble.RetryAfter ?? TimeSpan.FromSeconds(5));

    private IKeyWrapper? Of(WrappedKey wrapped) => wrapped.Provider == LocalKeyWrapper.Provider ? local : null;
}

/// <param name="Pending">A stand-in wrapped it: the first provider is to wrap it anew when it is back.</param>
internal sealed record NewWrapping(WrappedKey Key, bool Pending);
