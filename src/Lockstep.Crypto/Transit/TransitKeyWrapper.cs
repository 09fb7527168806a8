using System.Globalization;

namespace Lockstep.Crypto.Transit;

/// <summary>
/// Wraps data keys with a key that never leaves Transit. Tenant, id and version of the data key are the context from which Transit derives
/// the key, so a wrapped key put into another row does not open. The associated data of Transit is not used: rewrap ignores it.
/// </summary>
public sealed class TransitKeyWrapper(TransitEngine engine) : IKeyWrapper
{
    /// <summary>The value of <see cref="WrappedKey.Provider"/>.</summary>
    public const string Provider = "transit";

    private const string Format = "lockstep/transit-data-key/v1";

    string IKeyWrapper.Provider => Provider;

    public async Task<WrapOutcome> Wrap(DataKey key, CancellationToken ct) => (await WrapAll([key], ct).ConfigureAwait(false))[0];

    public async Task<IReadOnlyList<WrapOutcome>> WrapAll(IReadOnlyList<DataKey> keys, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(keys);
        var inputs = keys.Select(key => new TransitInput(Context(key.Name), key.Key.RevealBytes(), null)).ToList();
        try
        {
            return [.. (await engine.Encrypt(inputs, ct).ConfigureAwait(false)).Select(item => Outcome(item, engine.Keys[0]))];
        }
        finally
        {
            foreach (var input in inputs)
                Primitives.Clear(input.Plaintext);
        }
    }

    public async Task<UnwrapOutcome> Unwrap(DataKeyName name, WrappedKey wrapped, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(wrapped);
        if (Key(wrapped) is not { } key)
            return new UnwrapOutcome.Damaged();
        if (!engine.Keys.Contains(key))
            return new UnwrapOutcome.UnknownKey(wrapped.KeyVersion);
        switch ((await engine.Decrypt(key, [new TransitInput(Context(name), null, wrapped.Text)], ct).ConfigureAwait(false))[0])
        {
            case TransitItem.Opened({ Length: Primitives.KeyBytes } opened):
                return new UnwrapOutcome.Unwrapped(new DataKey(name, opened));
            case TransitItem.Opened(var strange):
                strange.Dispose();
                return new UnwrapOutcome.Damaged();
            case TransitItem.Failed(var trouble):
                return new UnwrapOutcome.Unavailable(trouble);
            default:
                return new UnwrapOutcome.Damaged();
        }
    }

    public async Task<IReadOnlyList<WrapOutcome>> Rewrap(IReadOnlyList<WrappedDataKey> keys, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(keys);
        var outcomes = new WrapOutcome[keys.Count];
        var inPlace = new List<int>();
        for (var i = 0; i < keys.Count; i++)
        {
            if (Key(keys[i].Wrapped) is not { } key)
                outcomes[i] = new WrapOutcome.Damaged();
            else if (key == engine.Keys[0])
                inPlace.Add(i);
            else
                outcomes[i] = await FromOlderKey(keys[i], ct).ConfigureAwait(false);
        }
        var items = await engine.Rewrap(
            engine.Keys[0], [.. inPlace.Select(i => new TransitInput(Context(keys[i].Name), null, keys[i].Wrapped.Text))], ct).ConfigureAwait(false);
        for (var i = 0; i < inPlace.Count; i++)
            outcomes[inPlace[i]] = Outcome(items[i], engine.Keys[0]);
        return outcomes;
    }

    public async Task<bool?> IsNewest(WrappedKey wrapped, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(wrapped);
        return wrapped.Provider != Provider ? false
            : await engine.NewestVersion(ct).ConfigureAwait(false) is { } version ? wrapped.KeyVersion == KeyVersion(engine.Keys[0], version)
            : null;
    }

    private static string KeyVersion(string key, int version) => string.Create(CultureInfo.InvariantCulture, $"{key}:{version}");

    /// <returns>The name of the key; null when the columns contradict each other or the text.</returns>
    private static string? Key(WrappedKey wrapped)
    {
        if (wrapped.Provider != Provider || TransitCiphertext.Version(wrapped.Text) is not { } version)
            return null;
        var end = wrapped.KeyVersion.LastIndexOf(':');
        return end > 0 && wrapped.KeyVersion == KeyVersion(wrapped.KeyVersion[..end], version) ? wrapped.KeyVersion[..end] : null;
    }

    private static WrapOutcome Outcome(TransitItem item, string key) => item switch
    {
        TransitItem.Sealed(var text, var version) => new WrapOutcome.Wrapped(new WrappedKey(Provider, KeyVersion(key, version), text)),
        TransitItem.Failed(var trouble) => new WrapOutcome.Unavailable(trouble),
        _ => new WrapOutcome.Damaged(),
    };

    private static byte[] Context(DataKeyName name) => new Binding(Format).Add(name.Tenant).Add(name.Id).Add(name.Version).Bytes.ToArray();

    /// <summary>Another key cannot wrap anew: it is opened and wrapped.</summary>
    private async Task<WrapOutcome> FromOlderKey(WrappedDataKey key, CancellationToken ct)
    {
        switch (await Unwrap(key.Name, key.Wrapped, ct).ConfigureAwait(false))
        {
            case UnwrapOutcome.Unwrapped(var opened):
                using (opened)
                    return await Wrap(opened, ct).ConfigureAwait(false);
            case UnwrapOutcome.UnknownKey(var name):
                return new WrapOutcome.UnknownKey(name);
            case UnwrapOutcome.Unavailable(var trouble):
                return new WrapOutcome.Unavailable(trouble);
            default:
                return new WrapOutcome.Damaged();
        }
    }
}
