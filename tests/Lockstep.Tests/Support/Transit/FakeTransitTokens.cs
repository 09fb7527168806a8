using System.Text.Json.Nodes;

namespace Lockstep.Tests.Support.Transit;

/// <summary>Tokens, leases and logins of a <see cref="FakeTransitServer"/>.</summary>
internal sealed class FakeTransitTokens(TimeProvider time)
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, Lease> tokens = [];
    private int made;

    public string RoleId { get; set; } = "the-role-id";

    public string SecretId { get; set; } = "the-secret-id";

    /// <summary>Role and pod token that a Kubernetes login takes.</summary>
    public (string Role, string Jwt) Pod { get; set; } = ("lockstep", "the-pod-token");

    /// <summary>Of the tokens that logins give.</summary>
    public TimeSpan LoginLease { get; set; } = TimeSpan.FromHours(1);

    /// <summary>How long a token can live in all, however often it is renewed.</summary>
    public TimeSpan MaxLife { get; set; } = TimeSpan.FromDays(30);

    public bool Renewable { get; set; } = true;

    public int Logins { get; private set; }

    public int Renewals { get; private set; }

    public string Issue(TimeSpan? lease = null)
    {
        lock (gate)
        {
            var token = $"hvs.fake-{++made}";
            tokens[token] = new Lease(time.GetUtcNow(), lease is { } bounded ? time.GetUtcNow() + bounded : null, Renewable);
            return token;
        }
    }

    public void RevokeAll()
    {
        lock (gate)
            tokens.Clear();
    }

    public bool Accepts(string? token)
    {
        lock (gate)
            return token is not null && tokens.TryGetValue(token, out var lease) && (lease.Until is null || time.GetUtcNow() < lease.Until);
    }

    public JsonObject? LogIn(bool good)
    {
        Logins++;
        return good ? Auth(Issue(LoginLease), LoginLease) : null;
    }

    public JsonObject Renew(string token)
    {
        lock (gate)
        {
            Renewals++;
            var lease = tokens[token];
            if (!lease.CanRenew || lease.Until is null)
                throw new FakeTransitError(400, "lease is not renewable");
            var now = time.GetUtcNow();
            var until = now + LoginLease < lease.Made + MaxLife ? now + LoginLease : lease.Made + MaxLife;
            tokens[token] = lease with { Until = until };
            return Auth(token, until - now);
        }
    }

    public JsonObject LookUp(string token)
    {
        lock (gate)
        {
            var lease = tokens[token];
            var ttl = lease.Until is { } until ? (long)(until - time.GetUtcNow()).TotalSeconds : 0;
            return new JsonObject { ["ttl"] = ttl, ["renewable"] = lease.CanRenew && lease.Until is not null };
        }
    }

    private JsonObject Auth(string token, TimeSpan lease) => new()
    {
        ["client_token"] = token,
        ["lease_duration"] = (long)lease.TotalSeconds,
        ["renewable"] = Renewable,
    };

    private sealed record Lease(DateTimeOffset Made, DateTimeOffset? Until, bool CanRenew);
}
