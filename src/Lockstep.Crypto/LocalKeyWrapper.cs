namespace Lockstep.Crypto;

/// <summary>
/// Wraps data keys with the master keys of this machine. Tenant, id and version of the data key, the format and the master key's
/// fingerprint are authenticated, so a wrapped key put into another row does not open.
/// </summary>
public sealed class LocalKeyWrapper(KeyRing ring) : IKeyWrapper
{
    /// <summary>The value of <see cref="WrappedKey.Provider"/>.</summary>
    public const string Provider = "local";

    private const string Format = "lockstep/wrapped-data-key/v1";

    /// <summary>Wraps with the newest master key.</summary>
    /// <returns>Null when there is no master key: the vault is locked.</returns>
    public WrappedKey? Wrap(DataKey key)
    {
        ArgumentNullException.ThrowIfNull(key);
        if (ring.Newest is not { } master)
            return null;

        Span<byte> plaintext = stackalloc byte[Primitives.KeyBytes];
        try
        {
            key.Key.RevealTo(plaintext);
            var text = CommittingAead.Seal(master.Key, Bind(key.Name, master.Fingerprint), plaintext);
            return new WrappedKey(Provider, master.Fingerprint, text);
        }
        finally
        {
            Primitives.Clear(plaintext);
        }
    }

    /// <summary>Finds the master key by its fingerprint, whatever its label, and opens.</summary>
    public UnwrapOutcome Unwrap(DataKeyName name, WrappedKey wrapped)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(wrapped);
        if (wrapped.Provider != Provider)
            return new UnwrapOutcome.Damaged();
        if (ring.Find(wrapped.KeyVersion) is not { } master)
            return new UnwrapOutcome.UnknownKey(wrapped.KeyVersion);

        var key = CommittingAead.Open(master.Key, Bind(name, master.Fingerprint), wrapped.Text);
        if (key is { Length: Primitives.KeyBytes })
            return new UnwrapOutcome.Unwrapped(new DataKey(name, key));

        key?.Dispose();
        return new UnwrapOutcome.Damaged();
    }

    string IKeyWrapper.Provider => Provider;

    Task<WrapOutcome> IKeyWrapper.Wrap(DataKey key, CancellationToken ct) => Task.FromResult(Outcome(key));

    Task<IReadOnlyList<WrapOutcome>> IKeyWrapper.WrapAll(IReadOnlyList<DataKey> keys, CancellationToken ct) =>
        Task.FromResult<IReadOnlyList<WrapOutcome>>([.. keys.Select(Outcome)]);

    Task<UnwrapOutcome> IKeyWrapper.Unwrap(DataKeyName name, WrappedKey wrapped, CancellationToken ct) => Task.FromResult(Unwrap(name, wrapped));

    Task<IReadOnlyList<WrapOutcome>> IKeyWrapper.Rewrap(IReadOnlyList<WrappedDataKey> keys, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(keys);
        return Task.FromResult<IReadOnlyList<WrapOutcome>>([.. keys.Select(Rewrap)]);
    }

    Task<bool?> IKeyWrapper.IsNewest(WrappedKey wrapped, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(wrapped);
        return Task.FromResult<bool?>(wrapped.Provider == Provider && wrapped.KeyVersion == ring.Newest?.Fingerprint);
    }

    private WrapOutcome Rewrap(WrappedDataKey key)
    {
        switch (Unwrap(key.Name, key.Wrapped))
        {
            case UnwrapOutcome.Unwrapped(var opened):
                using (opened)
                    return Outcome(opened);
            case UnwrapOutcome.UnknownKey(var fingerprint):
                return new WrapOutcome.UnknownKey(fingerprint);
            default:
                return new WrapOutcome.Damaged();
        }
    }

    private WrapOutcome Outcome(DataKey key) => Wrap(key) is { } wrapped ? new WrapOutcome.Wrapped(wrapped) : new WrapOutcome.NoKey();

    private static Binding Bind(DataKeyName name, string fingerprint) =>
        new Binding(Format).Add(Provider).Add(fingerprint).Add(name.Tenant).Add(name.Id).Add(name.Version);
}
