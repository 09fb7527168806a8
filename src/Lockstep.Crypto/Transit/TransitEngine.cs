namespace Lockstep.Crypto.Transit;

/// <summary>The Transit engine as we use it: signed in, checked before its first use, and left alone while it is away.</summary>
/// <remarks>
/// Nothing is sent to it before each key was read (<c>derived: true</c>) and a canary came back: encrypted under one context, opened
/// there, refused under another. A key that is not derived ignores the context in silence, and any row would open in any place. After each
/// time away the check is made again: a healthy answer does not prove access to the key.
/// </remarks>
public sealed class TransitEngine : IDisposable
{
    private const int BatchPatience = 3;

    private static readonly TimeSpan InfoAge = TimeSpan.FromSeconds(10);

    private readonly TransitOptions options;
    private readonly TransitConnection connection;
    private readonly TransitTokens tokens;
    private readonly CircuitBreaker breaker;
    private readonly TimeProvider time;
    private readonly Lock gate = new();
    private volatile bool verified;
    private Task<KeyTrouble?>? check;
    private (int Version, long At)? newest;

    /// <param name="http">Follows no redirects.</param>
    public TransitEngine(TransitOptions options, HttpMessageInvoker http, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(options);
        (this.options, this.time) = (options, time);
        connection = new TransitConnection(options, http);
        tokens = new TransitTokens(connection, options.Login, time);
        breaker = new CircuitBreaker(time);
    }

    /// <summary>Newest first.</summary>
    public IReadOnlyList<string> Keys => options.Keys;

    /// <summary>Null while all is well; else why it is not asked, or that it was not checked yet.</summary>
    public KeyTrouble? Trouble =>
        breaker.Trouble ?? (verified ? null : new KeyTrouble(KeyTroubleKind.Away, "Transit has not been checked yet."));

    /// <summary>Makes the check unless it was made already, or its time to be asked again has not come.</summary>
    /// <returns>Null when all is well.</returns>
    public async Task<KeyTrouble?> Check(CancellationToken ct)
    {
        // Nothing was asked, so nothing succeeded: failures go on being counted.
        if (verified)
            return null;
        if (breaker.Enter() is { } trouble)
            return trouble;
        return await Guarded(() => Verify(ct)).ConfigureAwait(false);
    }

    /// <summary>The newest version of the first key, as of seconds ago; null when it cannot be told now.</summary>
    public async Task<int?> NewestVersion(CancellationToken ct)
    {
        if (newest is { } known && time.GetElapsedTime(known.At) < InfoAge)
            return known.Version;
        if (breaker.Enter() is not null)
            return null;
        TransitKeyInfo? info = null;
        await Guarded(async () =>
        {
            if (await Verify(ct).ConfigureAwait(false) is { } unfit)
                return unfit;
            (info, var trouble) = await ReadKey(Keys[0], ct).ConfigureAwait(false);
            return trouble;
        }).ConfigureAwait(false);
        return info?.Latest;
    }

    public void Dispose() => tokens.Dispose();

    internal Task<IReadOnlyList<TransitItem>> Encrypt(IReadOnlyList<TransitInput> inputs, CancellationToken ct) => Ask("encrypt", Keys[0], inputs, ct);

    internal Task<IReadOnlyList<TransitItem>> Decrypt(string key, IReadOnlyList<TransitInput> inputs, CancellationToken ct) => Ask("decrypt", key, inputs, ct);

    /// <summary>Only ciphertext goes over the wire.</summary>
    internal Task<IReadOnlyList<TransitItem>> Rewrap(string key, IReadOnlyList<TransitInput> inputs, CancellationToken ct) => Ask("rewrap", key, inputs, ct);

    private async Task<IReadOnlyList<TransitItem>> Ask(string operation, string key, IReadOnlyList<TransitInput> inputs, CancellationToken ct)
    {
        if (inputs.Count == 0)
            return [];
        var trouble = breaker.Enter();
        IReadOnlyList<TransitItem> items = [];
        trouble ??= await Guarded(async () =>
        {
            if (await Verify(ct).ConfigureAwait(false) is { } unfit)
                return unfit;
            items = await Send(operation, key, inputs, ct).ConfigureAwait(false);
            return items[0] is TransitItem.Failed { Trouble: { Kind: KeyTroubleKind.Away } away } ? away : null;
        }).ConfigureAwait(false);
        return items.Count > 0 ? items : [.. Enumerable.Repeat(new TransitItem.Failed(trouble!), inputs.Count)];
    }

    /// <summary>Tells the breaker how it went.</summary>
    private async Task<KeyTrouble?> Guarded(Func<Task<KeyTrouble?>> work)
    {
        var told = false;
        try
        {
            var trouble = await work().ConfigureAwait(false);
            told = true;
            if (trouble is null)
                breaker.Succeeded();
            else
                // Whoever asks for the newest version asks the server now, and so finds out whether it is away.
                newest = null;
            // What fails its check is not asked again by every request.
            if (trouble is not null && breaker.Failed(trouble, atOnce: !verified))
                verified = false;
            return trouble;
        }
        finally
        {
            if (!told)
                breaker.Abandoned();
        }
    }

    private async Task<IReadOnlyList<TransitItem>> Send(string operation, string key, IReadOnlyList<TransitInput> inputs, CancellationToken ct)
    {
        using var body = TransitItems.Write(inputs);
        using var reply = await Signed(
            HttpMethod.Post, $"{options.Mount}/{operation}/{key}", body, inputs.Count > 1 ? BatchPatience : 1, ct).ConfigureAwait(false);
        return TransitItems.Read(reply, inputs.Count);
    }

    /// <summary>Sends with our token; after a 403 logs in again, once.</summary>
    private async Task<TransitReply> Signed(HttpMethod method, string path, TransitBody? body, int patience, CancellationToken ct)
    {
        var (token, trouble) = await tokens.Get(null, ct).ConfigureAwait(false);
        if (token is null)
            return new TransitReply.Unsigned(trouble!);
        var reply = await connection.Send(method, path, body, token.Value, ct, patience).ConfigureAwait(false);
        if (reply is not TransitReply.Answer { Status: 403 })
            return reply;
        reply.Dispose();
        (token, trouble) = await tokens.Get(token, ct).ConfigureAwait(false);
        return token is null
            ? new TransitReply.Unsigned(trouble!)
            : await connection.Send(method, path, body, token.Value, ct, patience).ConfigureAwait(false);
    }

    /// <summary>Many who need the check wait for one.</summary>
    private Task<KeyTrouble?> Verify(CancellationToken ct)
    {
        if (verified)
            return Task.FromResult<KeyTrouble?>(null);
        lock (gate)
        {
            // Not a caller's token: he may leave while others wait. Each request in it is bounded.
            check = check is { IsCompleted: false } ? check : VerifyOnce();
            return check.WaitAsync(ct);
        }
    }

    private async Task<KeyTrouble?> VerifyOnce()
    {
        foreach (var key in Keys)
        {
            var (info, trouble) = await ReadKey(key, CancellationToken.None).ConfigureAwait(false);
            trouble ??= Unfit(key, info!);
            if (trouble is not null)
                return trouble;
        }
        if (await Canary().ConfigureAwait(false) is { } failed)
            return failed;
        verified = true;
        return null;
    }

    private async Task<(TransitKeyInfo? Info, KeyTrouble? Trouble)> ReadKey(string key, CancellationToken ct)
    {
        using var reply = await Signed(HttpMethod.Get, $"{options.Mount}/keys/{key}", null, 1, ct).ConfigureAwait(false);
        if (reply is TransitReply.Answer { IsGood: true, Data: { } data })
        {
            var info = TransitKeyInfo.Read(data);
            if (key == Keys[0])
                newest = (info.Latest, time.GetTimestamp());
            return (info, null);
        }
        return (null, reply is TransitReply.Answer { Status: 404 or 400 }
            ? new KeyTrouble(KeyTroubleKind.Refused,
                $"Transit has no key '{key}' on mount '{options.Mount}'. Make it there: type aes256-gcm96, derived=true; or name another in LOCKSTEP_TRANSIT_KEY.")
            : TransitFault.Of(reply));
    }

    private static KeyTrouble? Unfit(string key, TransitKeyInfo info) =>
        !info.Encrypts ? new KeyTrouble(KeyTroubleKind.Refused, $"Transit's key '{key}' is not of a type that encrypts. Make one of type aes256-gcm96 with derived=true.")
        : !info.Derived ? new KeyTrouble(KeyTroubleKind.Refused,
            $"Transit's key '{key}' is not derived, so it would ignore what a value is bound to. A key cannot be changed to that: make another with derived=true and name it in LOCKSTEP_TRANSIT_KEY.")
        : null;

    private async Task<KeyTrouble?> Canary()
    {
        using var value = Secret.Random(16);
        var plaintext = value.RevealBytes();
        byte[] here = [.. "lockstep/canary/here"u8], elsewhere = [.. "lockstep/canary/elsewhere"u8];
        var made = (await Send("encrypt", Keys[0], [new(here, plaintext, null)], CancellationToken.None).ConfigureAwait(false))[0];
        if (made is not TransitItem.Sealed(var text, _))
            return Why(made, "encrypt");
        var moved = (await Send("decrypt", Keys[0], [new(elsewhere, null, text)], CancellationToken.None).ConfigureAwait(false))[0];
        if (moved is TransitItem.Opened(var leaked))
        {
            leaked.Dispose();
            return new KeyTrouble(KeyTroubleKind.Refused, $"Transit's key '{Keys[0]}' opened a value in another place than it was sealed to. It is not used.");
        }
        if (moved is not TransitItem.Damaged)
            return Why(moved, "decrypt");
        var renewed = (await Send("rewrap", Keys[0], [new(here, null, text)], CancellationToken.None).ConfigureAwait(false))[0];
        if (renewed is not TransitItem.Sealed(var again, _))
            return Why(renewed, "rewrap");
        var opened = (await Send("decrypt", Keys[0], [new(here, null, again)], CancellationToken.None).ConfigureAwait(false))[0];
        if (opened is not TransitItem.Opened(var back))
            return Why(opened, "decrypt");
        using (back)
            return back.RevealBytes().AsSpan().SequenceEqual(plaintext)
                ? null
                : new KeyTrouble(KeyTroubleKind.Refused, $"Transit's key '{Keys[0]}' gave back something else than was encrypted. It is not used.");
    }

    private KeyTrouble Why(TransitItem item, string operation) => item switch
    {
        TransitItem.Failed { Trouble: { Kind: KeyTroubleKind.Away } away } => away,
        TransitItem.Failed(var trouble) => trouble with
        {
            Reason = $"{trouble.Reason} It was asked to {operation} with key '{Keys[0]}'; the policy needs update on {options.Mount}/encrypt, decrypt and rewrap of it, and read on {options.Mount}/keys.",
        },
        _ => new KeyTrouble(KeyTroubleKind.Refused, $"Transit's key '{Keys[0]}' does not {operation} what it should. It is not used."),
    };
}
