using System.Text.Json;

namespace Lockstep.Crypto.Transit;

/// <summary>Our token at the server: got by the login, prolonged in time, replaced when it is refused. One request at a time does that.</summary>
/// <remarks>
/// Prolonged at about two thirds of its lease. When the server grants less than half of the first lease, the end of its longest life is
/// near: then, as after a 403, we log in again.
/// </remarks>
internal sealed class TransitTokens(TransitConnection connection, TransitLogin login, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan RetryRenewal = TimeSpan.FromSeconds(15);

    private readonly SemaphoreSlim one = new(1, 1);
    private volatile Token? current;
    private ITimer? renewal;
    private bool disposed;

    /// <param name="refused">The token that was just refused; null when none was.</param>
    /// <returns>A token, or why there is none.</returns>
    public async Task<(Token? Token, KeyTrouble? Trouble)> Get(Token? refused, CancellationToken ct)
    {
        if (Usable(refused) is { } known)
            return (known, null);
        await one.WaitAsync(ct).ConfigureAwait(false);
        try
        {
            if (Usable(refused) is { } meanwhile)
                return (meanwhile, null);
            var (token, trouble) = await LogIn(refused, ct).ConfigureAwait(false);
            if (token is not null)
                Keep(token);
            return (token, trouble);
        }
        finally
        {
            one.Release();
        }
    }

    public void Dispose()
    {
        disposed = true;
        renewal?.Dispose();
        current?.Value.Dispose();
    }

    private Token? Usable(Token? refused) =>
        current is { } token && !ReferenceEquals(token.Value, refused?.Value) && (token.Lease == TimeSpan.Zero || time.GetElapsedTime(token.Since) < token.Lease * 0.95)
            ? token
            : null;

    private async Task<(Token?, KeyTrouble?)> LogIn(Token? refused, CancellationToken ct)
    {
        switch (login)
        {
            case TransitLogin.Token(var value):
                return refused is null
                    ? await LookUp(Copy(value), ct).ConfigureAwait(false)
                    : (null, new KeyTrouble(KeyTroubleKind.Refused, "Transit refuses our token (403), and there is no other one. Give a new LOCKSTEP_TRANSIT_TOKEN, or check the token's policy."));
            case TransitLogin.TokenFile(var path):
                return ReadFile(path) is { } fromFile
                    ? await LookUp(fromFile, ct).ConfigureAwait(false)
                    : (null, new KeyTrouble(KeyTroubleKind.Refused, $"The file with Transit's token, {path}, cannot be read."));
            case TransitLogin.AppRole(var role, var secret, var mount):
                var id = secret.RevealBytes();
                try
                {
                    using var body = new TransitBody(json =>
                    {
                        json.WriteString("role_id", role);
                        json.WriteString("secret_id", id);
                    });
                    return await Post($"auth/{mount}/login", body, "role id and secret id", ct).ConfigureAwait(false);
                }
                finally
                {
                    Primitives.Clear(id);
                }
            case TransitLogin.Kubernetes(var role, var path, var mount):
                using (var jwt = ReadFile(path))
                {
                    if (jwt is null)
                        return (null, new KeyTrouble(KeyTroubleKind.Refused, $"The pod's token, {path}, cannot be read."));
                    using var body = new TransitBody(json =>
                    {
                        json.WriteString("role", role);
                        json.WriteString("jwt", jwt.RevealText());
                    });
                    return await Post($"auth/{mount}/login", body, "role and pod token", ct).ConfigureAwait(false);
                }
            default:
                throw new InvalidOperationException("An unknown way to log in.");
        }
    }

    private async Task<(Token?, KeyTrouble?)> Post(string path, TransitBody body, string what, CancellationToken ct)
    {
        using var reply = await connection.Send(HttpMethod.Post, path, body, null, ct).ConfigureAwait(false);
        if (reply is TransitReply.Answer { IsGood: true, Auth: { } auth } && Read(auth) is { } token)
            return (token, null);
        var trouble = TransitFault.Of(reply);
        return (null, trouble.Kind == KeyTroubleKind.Refused
            ? trouble with { Reason = $"Transit refuses our login with {what} at {path}: check them, and whether that login is switched on there." }
            : trouble);
    }

    /// <summary>What lease a token that was given to us has. A policy that does not let us look gives none; it is used until refused.</summary>
    private async Task<(Token?, KeyTrouble?)> LookUp(Secret value, CancellationToken ct)
    {
        using var reply = await connection.Send(HttpMethod.Get, "auth/token/lookup-self", null, value, ct).ConfigureAwait(false);
        if (reply is not TransitReply.Answer answer || answer.Status >= 500 || answer.Status == 429)
        {
            value.Dispose();
            return (null, TransitFault.Of(reply));
        }
        var (lease, renewable) = answer is { IsGood: true, Data: { } data }
            ? (Seconds(data, "ttl"), data.TryGetProperty("renewable", out var can) && can.ValueKind == JsonValueKind.True)
            : (TimeSpan.Zero, false);
        return (new Token(value, time.GetTimestamp(), lease, lease, renewable), null);
    }

    private Token? Read(JsonElement auth)
    {
        if (!auth.TryGetProperty("client_token", out var text) || text.ValueKind != JsonValueKind.String || text.GetString() is not { Length: > 0 } token)
            return null;
        var lease = Seconds(auth, "lease_duration");
        var renewable = auth.TryGetProperty("renewable", out var can) && can.ValueKind == JsonValueKind.True;
        return new Token(Secret.FromText(token), time.GetTimestamp(), lease, lease, renewable);
    }

    private void Keep(Token token)
    {
        // The former one is left to the garbage collector: a request may be under way with it.
        current = token;
        Schedule(token.Lease * (0.6 + (Random.Shared.NextDouble() * 0.1)), token);
    }

    private void Schedule(TimeSpan due, Token token)
    {
        renewal?.Dispose();
        renewal = token is { Renewable: true, Lease.Ticks: > 0 } && !disposed
            ? time.CreateTimer(_ => _ = Renew(token), null, due, Timeout.InfiniteTimeSpan)
            : null;
    }

    private async Task Renew(Token token)
    {
        await one.WaitAsync().ConfigureAwait(false);
        try
        {
            if (disposed || !ReferenceEquals(current, token))
                return;
            using var body = new TransitBody(_ => { });
            using var reply = await connection.Send(HttpMethod.Post, "auth/token/renew-self", body, token.Value, CancellationToken.None).ConfigureAwait(false);
            if (reply is TransitReply.Answer { IsGood: true, Auth: { } auth } && Seconds(auth, "lease_duration") is { Ticks: > 0 } granted)
            {
                if (granted < token.FirstLease / 2 && login is not TransitLogin.Token)
                    current = null;
                else
                    Keep(token with { Since = time.GetTimestamp(), Lease = granted });
            }
            else if (TransitFault.Of(reply).Kind == KeyTroubleKind.Away)
                Schedule(RetryRenewal < token.Lease / 10 ? RetryRenewal : token.Lease / 10, token);
            else if (login is not TransitLogin.Token)
                current = null;
        }
        catch (ObjectDisposedException)
        {
            // The program ends.
        }
        finally
        {
            one.Release();
        }
    }

    private static Secret Copy(Secret value)
    {
        var bytes = value.RevealBytes();
        try
        {
            return Secret.FromBytes(bytes);
        }
        finally
        {
            Primitives.Clear(bytes);
        }
    }

    /// <returns>Null when it is not there, empty, or not ours to read.</returns>
    private static Secret? ReadFile(string path)
    {
        try
        {
            var bytes = File.ReadAllBytes(path);
            try
            {
                var text = bytes.AsSpan().Trim(" \t\r\n"u8);
                return text.IsEmpty ? null : Secret.FromBytes(text);
            }
            finally
            {
                Primitives.Clear(bytes);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static TimeSpan Seconds(JsonElement parent, string name) =>
        parent.TryGetProperty(name, out var number) && number.ValueKind == JsonValueKind.Number && number.TryGetInt64(out var seconds) && seconds > 0
            ? TimeSpan.FromSeconds(Math.Min(seconds, 366L * 86400))
            : TimeSpan.Zero;

    /// <param name="Since">When the lease began, as a timestamp of the clock.</param>
    /// <param name="Lease">Zero when it does not end, or nobody told.</param>
    /// <param name="FirstLease">The lease at login.</param>
    public sealed record Token(Secret Value, long Since, TimeSpan Lease, TimeSpan FirstLease, bool Renewable);
}
