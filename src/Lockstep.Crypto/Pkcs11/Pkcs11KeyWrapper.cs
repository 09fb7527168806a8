namespace Lockstep.Crypto.Pkcs11;

/// <summary>
/// Wraps data keys by AES-256-GCM with a key that never leaves a hardware module. Tenant, id and version of the data key, the format and the
/// key's label are authenticated, so a wrapped key put into another row does not open.
/// </summary>
public sealed class Pkcs11KeyWrapper(Pkcs11Options options) : IKeyWrapper
{
    /// <summary>The value of <see cref="WrappedKey.Provider"/>; <see cref="WrappedKey.KeyVersion"/> is the key's label.</summary>
    public const string Provider = "pkcs11";

    private const string Format = "lockstep/pkcs11-data-key/v1";

    /// <summary>A place that no row has.</summary>
    private static readonly DataKeyName Canary = new("lockstep/canary", Guid.AllBitsSet, 1);

    private readonly Pkcs11Token token = new(options);

    string IKeyWrapper.Provider => Provider;

    /// <summary>Whether the token is there, the PIN right, and each key wraps and opens.</summary>
    /// <returns>Null when all is well.</returns>
    public async Task<KeyTrouble?> Check(CancellationToken ct)
    {
        using var canary = DataKey.Generate(Canary);
        foreach (var label in options.Keys)
        {
            var wrapped = await Task.Run(() => Wrap(canary, label), ct).ConfigureAwait(false);
            if (wrapped is not WrapOutcome.Wrapped(var text))
                return ((WrapOutcome.Unavailable)wrapped).Trouble;
            switch (await Unwrap(Canary, text, ct).ConfigureAwait(false))
            {
                case UnwrapOutcome.Unwrapped(var back):
                    back.Dispose();
                    break;
                case UnwrapOutcome.Unavailable(var trouble):
                    return trouble;
                default:
                    return new KeyTrouble(KeyTroubleKind.Refused, $"The token's key '{label}' does not open what it wrapped. It is not used.");
            }
            if (await Unwrap(Canary with { Version = 2 }, text, ct).ConfigureAwait(false) is UnwrapOutcome.Unwrapped(var moved))
            {
                moved.Dispose();
                return new KeyTrouble(KeyTroubleKind.Refused, $"The token's key '{label}' opened a key in another place than it was wrapped for. It is not used.");
            }
        }
        return null;
    }

    public Task<WrapOutcome> Wrap(DataKey key, CancellationToken ct) => Task.Run(() => Wrap(key, options.Keys[0]), ct);

    public Task<IReadOnlyList<WrapOutcome>> WrapAll(IReadOnlyList<DataKey> keys, CancellationToken ct) =>
        Task.Run<IReadOnlyList<WrapOutcome>>(() => [.. keys.Select(key => Wrap(key, options.Keys[0]))], ct);

    public Task<UnwrapOutcome> Unwrap(DataKeyName name, WrappedKey wrapped, CancellationToken ct) => Task.Run(() => Unwrap(name, wrapped), ct);

    public Task<IReadOnlyList<WrapOutcome>> Rewrap(IReadOnlyList<WrappedDataKey> keys, CancellationToken ct) =>
        Task.Run<IReadOnlyList<WrapOutcome>>(() => [.. keys.Select(Rewrap)], ct);

    public Task<bool?> IsNewest(WrappedKey wrapped, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(wrapped);
        return Task.FromResult<bool?>(wrapped.Provider == Provider && wrapped.KeyVersion == options.Keys[0]);
    }

    private WrapOutcome Rewrap(WrappedDataKey key)
    {
        switch (Unwrap(key.Name, key.Wrapped))
        {
            case UnwrapOutcome.Unwrapped(var opened):
                using (opened)
                    return Wrap(opened, options.Keys[0]);
            case UnwrapOutcome.UnknownKey(var label):
                return new WrapOutcome.UnknownKey(label);
            case UnwrapOutcome.Unavailable(var trouble):
                return new WrapOutcome.Unavailable(trouble);
            default:
                return new WrapOutcome.Damaged();
        }
    }

    private WrapOutcome Wrap(DataKey key, string label)
    {
        var plaintext = key.Key.RevealBytes();
        try
        {
            var nonce = new byte[Primitives.NonceBytes];
            Primitives.Random(nonce);
            var output = new byte[Primitives.KeyBytes + Primitives.TagBytes];
            var associated = Bind(key.Name, label);
            var (code, trouble) = token.Use(label, (module, session, handle) => module.Encrypt(session, handle, nonce, associated, plaintext, output));
            if (trouble is not null || code != Cryptoki.Ok)
                return new WrapOutcome.Unavailable(trouble ?? Pkcs11Token.Away(code));
            var text = new SealedText(nonce, output[Primitives.KeyBytes..], output[..Primitives.KeyBytes]).ToString();
            return new WrapOutcome.Wrapped(new WrappedKey(Provider, label, text));
        }
        finally
        {
            Primitives.Clear(plaintext);
        }
    }

    private UnwrapOutcome Unwrap(DataKeyName name, WrappedKey wrapped)
    {
        if (wrapped.Provider != Provider || SealedText.Parse(wrapped.Text) is not { Encrypted.Length: Primitives.KeyBytes } parsed)
            return new UnwrapOutcome.Damaged();
        if (!options.Keys.Contains(wrapped.KeyVersion))
            return new UnwrapOutcome.UnknownKey(wrapped.KeyVersion);
        var output = Secret.NewBuffer(Primitives.KeyBytes);
        var (code, trouble) = Decrypt(name, wrapped.KeyVersion, parsed, output);
        if (trouble is not null)
            return new UnwrapOutcome.Unavailable(trouble);
        return code switch
        {
            Cryptoki.Ok => new UnwrapOutcome.Unwrapped(new DataKey(name, new Secret(output))),
            Cryptoki.EncryptedDataInvalid or Cryptoki.EncryptedDataLengthRange => new UnwrapOutcome.Damaged(),
            // Modules say this of a tag that does not fit as well as of themselves: a fresh canary tells which.
            Cryptoki.GeneralError or Cryptoki.FunctionFailed when Works(wrapped.KeyVersion) => new UnwrapOutcome.Damaged(),
            _ => new UnwrapOutcome.Unavailable(Pkcs11Token.Away(code)),
        };
    }

    private (nuint Code, KeyTrouble? Trouble) Decrypt(DataKeyName name, string label, SealedText text, byte[] output)
    {
        var associated = Bind(name, label);
        byte[] input = [.. text.Encrypted, .. text.Tag];
        return token.Use(label, (module, session, handle) => module.Decrypt(session, handle, text.Nonce, associated, input, output));
    }

    private bool Works(string label)
    {
        using var canary = DataKey.Generate(Canary);
        return Wrap(canary, label) is WrapOutcome.Wrapped(var wrapped)
            && Decrypt(Canary, label, SealedText.Parse(wrapped.Text)!, new byte[Primitives.KeyBytes]) is (Cryptoki.Ok, null);
    }

    private static byte[] Bind(DataKeyName name, string label) =>
        new Binding(Format).Add(Provider).Add(label).Add(name.Tenant).Add(name.Id).Add(name.Version).Bytes.ToArray();
}
