namespace Lockstep.Crypto.Transit;

/// <summary>Opens what other software had the same server seal (<c>vault:v1:...</c>), so that it can be taken over: with any key, derived or not.</summary>
/// <remarks>It only decrypts. For our own values <see cref="TransitEngine"/> checks the key first; what was sealed with this one has been sealed already.</remarks>
public sealed class TransitOldValues : IDisposable
{
    private readonly TransitOptions options;
    private readonly TransitConnection connection;
    private readonly TransitTokens tokens;

    /// <param name="http">Follows no redirects.</param>
    public TransitOldValues(TransitOptions options, HttpMessageInvoker http, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(options);
        this.options = options;
        connection = new TransitConnection(options, http);
        tokens = new TransitTokens(connection, options.Login, time);
    }

    /// <param name="key">The name of the Transit key.</param>
    /// <param name="context">Of a derived key; empty for one that is not.</param>
    /// <returns>The value, which the caller disposes; or why it does not open, without a word of it.</returns>
    public async Task<(Secret? Value, string? Why)> Open(string key, string ciphertext, byte[] context, CancellationToken ct)
    {
        if (TransitCiphertext.Version(ciphertext) is null)
            return (null, "is no ciphertext of Transit (vault:v1:...)");
        var (token, trouble) = await tokens.Get(null, ct).ConfigureAwait(false);
        if (token is null)
            return (null, $"cannot be opened now: {trouble!.Reason}");
        using var body = TransitItems.Write([new TransitInput(context, null, ciphertext)]);
        using var reply = await connection.Send(HttpMethod.Post, $"{options.Mount}/decrypt/{key}", body, token.Value, ct).ConfigureAwait(false);
        return TransitItems.Read(reply, 1)[0] switch
        {
            TransitItem.Opened(var value) => (value, null),
            TransitItem.Failed(var failed) => (null, $"cannot be opened now: {failed.Reason} It needs update on {options.Mount}/decrypt/{key}."),
            _ => (null, $"does not open with Transit's key '{key}'"),
        };
    }

    public void Dispose() => tokens.Dispose();
}
