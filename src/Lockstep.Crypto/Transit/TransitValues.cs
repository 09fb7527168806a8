namespace Lockstep.Crypto.Transit;

/// <summary>Has Transit seal values themselves, each to its place (<see cref="SealContext"/>) by the context.</summary>
public sealed class TransitValues(TransitEngine engine)
{
    /// <summary>The name of this format, bound to every value.</summary>
    public const string Format = "lockstep/transit-value/v1";

    /// <summary>Sealing one value twice gives two texts.</summary>
    public async Task<TransitValueOutcome> Seal(SealContext context, Secret value, CancellationToken ct) =>
        (await SealAll([(context, value)], ct).ConfigureAwait(false))[0];

    /// <summary>Several in one request; together at most 10 MiB.</summary>
    /// <returns>An outcome for each, in the order given.</returns>
    public async Task<IReadOnlyList<TransitValueOutcome>> SealAll(IReadOnlyList<(SealContext Context, Secret Value)> values, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(values);
        var inputs = values.Select(value => new TransitInput(Context(value.Context), value.Value.RevealBytes(), null)).ToList();
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

    public async Task<TransitValueOutcome> Open(SealContext context, TransitValue value, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(value);
        if (!Fits(value))
            return new TransitValueOutcome.Damaged();
        return Outcome((await engine.Decrypt(value.Key, [new TransitInput(Context(context), null, value.Text)], ct).ConfigureAwait(false))[0], value.Key);
    }

    /// <summary>Seals anew with the newest version of the same key, showing no value to anybody.</summary>
    /// <returns>An outcome for each, in the order given.</returns>
    public async Task<IReadOnlyList<TransitValueOutcome>> Renew(IReadOnlyList<(SealContext Context, TransitValue Value)> values, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(values);
        var outcomes = new TransitValueOutcome[values.Count];
        foreach (var group in Enumerable.Range(0, values.Count).GroupBy(i => Fits(values[i].Value) ? values[i].Value.Key : null))
        {
            if (group.Key is not { } key)
            {
                foreach (var i in group)
                    outcomes[i] = new TransitValueOutcome.Damaged();
                continue;
            }
            var items = await engine.Rewrap(
                key, [.. group.Select(i => new TransitInput(Context(values[i].Context), null, values[i].Value.Text))], ct).ConfigureAwait(false);
            foreach (var (i, item) in group.Zip(items))
                outcomes[i] = Outcome(item, key);
        }
        return outcomes;
    }

    /// <summary>The newest version of the key that seals; null when it cannot be told now.</summary>
    public Task<int?> NewestVersion(CancellationToken ct) => engine.NewestVersion(ct);

    private bool Fits(TransitValue value) => TransitCiphertext.Version(value.Text) == value.Version && engine.Keys.Contains(value.Key);

    private static byte[] Context(SealContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return new Binding(Format).Add(context.Tenant).Add(context.EntityId).Add(context.Field).Add(context.Version).Bytes.ToArray();
    }

    private static TransitValueOutcome Outcome(TransitItem item, string key) => item switch
    {
        TransitItem.Sealed(var text, var version) => new TransitValueOutcome.Sealed(new TransitValue(key, version, text)),
        TransitItem.Opened(var plaintext) => new TransitValueOutcome.Opened(plaintext),
        TransitItem.Failed(var trouble) => new TransitValueOutcome.Unavailable(trouble),
        _ => new TransitValueOutcome.Damaged(),
    };
}

/// <summary>A value that Transit sealed, as its row has it.</summary>
/// <param name="Key">The name of Transit's key.</param>
/// <param name="Version">Of that key; the text says the same, or the row was changed.</param>
/// <param name="Text"><c>vault:vN:base64</c>.</param>
public sealed record TransitValue(string Key, int Version, string Text);

/// <summary>What came of having Transit seal or open a value.</summary>
public abstract record TransitValueOutcome
{
    private TransitValueOutcome() { }

    public sealed record Sealed(TransitValue Value) : TransitValueOutcome;

    /// <summary>The receiver disposes it.</summary>
    public sealed record Opened(Secret Value) : TransitValueOutcome;

    /// <summary>Changed, moved to another place, or of a key that is not ours.</summary>
    public sealed record Damaged : TransitValueOutcome;

    public sealed record Unavailable(KeyTrouble Trouble) : TransitValueOutcome;
}
