using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Vault.Keys;

namespace Lockstep.Server.Vault.Webhooks;

/// <summary>A message that this node alone delivers until its lease ends.</summary>
/// <param name="Attempt">From 1; the fence of this lease.</param>
internal sealed record Delivery(Guid Id, Guid Webhook, Tenant Owner, string Url, string Event, string Body, int Attempt)
{
    /// <summary>The same for every attempt.</summary>
    public string MessageId => $"msg_{Id:N}";
}

/// <summary>What the receiver did with a message.</summary>
/// <param name="Outcome"><c>delivered</c>, <c>failed</c>, or <c>gone</c>: it wants no more of them.</param>
internal sealed record DeliveryResult(string Outcome, int? Status, string? Error)
{
    public static DeliveryResult Failed(string error, int? status = null) => new("failed", status, error);
}

/// <param name="Read">What opens it.</param>
internal sealed record SealedKey(int Version, SealedRead Read);

/// <summary>The outbox, over all nodes: claimed with SKIP LOCKED, fenced by the number of the attempt.</summary>
internal sealed class DueDeliveries(Database database)
{
    /// <summary>Longer than an attempt takes, so that only a dead node's messages are sent twice.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromSeconds(30);

    private readonly TenantSession session = database.For(Caller.Service);

    public Task<List<Delivery>> Claim(int limit, CancellationToken ct) => session.Query(
        new Statement(
            """
            SELECT d.id, d.webhook_id, d.user_id, d.workspace_id, d.url, d.event, d.body, d.attempts
            FROM   lockstep.claim_deliveries($1, $2) d
            """, limit, Lease.TotalSeconds),
        row => new Delivery(
            row.GetGuid(0),
            row.GetGuid(1),
            new Tenant(row.GetGuidOrNull(2) is { } user ? new UserId(user) : null, row.GetGuidOrNull(3) is { } workspace ? new WorkspaceId(workspace) : null),
            row.GetString(4),
            row.GetString(5),
            row.GetString(6),
            row.GetInt32(7)),
        ct);

    /// <summary>Those that sign now, newest first.</summary>
    public Task<List<SealedKey>> Keys(Guid webhook, CancellationToken ct) => session.Query(
        new Statement(
            """
            SELECT k.version, k.encrypted_value, k.key_provider, k.key_id, k.key_version, k.format, k.data_key, k.data_key_version, k.wrapped_by,
                   k.wrapped_under, k.wrapped_key
            FROM   lockstep.webhook_keys($1) k
            """, webhook),
        row => new SealedKey(row.GetInt32(0), SealedRead.Read(row, 1)),
        ct);

    /// <returns>delivered, again, given_up, disabled, or lost.</returns>
    public async Task<string> Finish(Delivery delivery, DeliveryResult result, TimeSpan next, TimeSpan patience, CancellationToken ct) => (await session.Query(
        new Statement(
            "SELECT lockstep.finish_delivery($1, $2, $3, $4, $5, $6, $7)",
            delivery.Id, delivery.Attempt, result.Outcome, result.Status, result.Error, next.TotalSeconds, patience.TotalSeconds),
        row => row.GetString(0), ct))[0];

    public Task Forget(int days, CancellationToken ct) => session.Query(
        new Statement("SELECT lockstep.forget_deliveries($1)", days), row => row.GetInt64(0), ct);
}
