using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using NodaTime;

namespace Lockstep.Server.Activity.Chain;

/// <summary>Lengthens the chain and signs it. Any number of nodes may try; one at a time does it.</summary>
internal sealed class AuditChain(Database database, AuditSigner signer, TimeProvider time)
{
    /// <summary>Lines linked in one transaction.</summary>
    public const int Batch = 2_000;

    /// <summary>The least that lines stay; the database refuses to forget sooner.</summary>
    public static readonly Duration Kept = Duration.FromDays(400);

    private Instant Now => Instant.FromDateTimeOffset(time.GetUtcNow());

    /// <summary>Links one batch.</summary>
    public async Task<Sealing> Seal(CancellationToken ct) => (await database.For(Caller.Service).First(
        new Statement("SELECT s.sealed, s.head, s.head_hash, s.oldest_unsealed FROM lockstep.seal_activity($1) s", Batch),
        row => new Sealing(
            row.GetInt32(0), row.IsDBNull(1) ? null : row.GetInt64(1), row.IsDBNull(2) ? null : row.GetBytes(2), row.GetInstantOrNull(3)),
        ct))!;

    /// <summary>Links all that can be linked now.</summary>
    public async Task<Sealing> SealAll(CancellationToken ct)
    {
        var total = 0;
        while (true)
        {
            var sealing = await Seal(ct);
            total += sealing.Sealed;
            if (sealing.Sealed < Batch)
                return sealing with { Sealed = total };
        }
    }

    /// <summary>Signs where the chain stands.</summary>
    /// <returns>Null when there is nothing to sign, or no key to sign with.</returns>
    public async Task<Checkpoint?> Sign(Sealing at, CancellationToken ct)
    {
        if (at is not { Head: > 0 and var head, HeadHash: { } hash } || await signer(null, ct) is not { } opened)
            return null;
        using var key = opened;
        var checkpoint = Checkpoint.Sign(key, head, hash, Now);
        var kept = await database.For(Caller.Service).Query(
            new Statement(
                "SELECT lockstep.record_checkpoint($1, $2, $3, $4, $5, $6, $7)",
                head, hash, checkpoint.MadeAt, key.KeyId, key.PublicKey, key.DataKey, Convert.FromBase64String(checkpoint.Signature)),
            row => row.GetBoolean(0),
            ct);
        return kept.Single() ? checkpoint : null;
    }

    /// <returns>Null before the first one.</returns>
    public Task<Checkpoint?> Newest(CancellationToken ct) => database.For(Caller.Service).First(Checkpoint.Newest(), Checkpoint.Read, ct);

    /// <summary>Oldest first.</summary>
    public Task<List<Checkpoint>> Checkpoints(long after, int limit, CancellationToken ct) =>
        database.For(Caller.Service).Query(Checkpoint.List(after, limit), Checkpoint.Read, ct);

    /// <summary>Forgets lines that are older than <see cref="Kept"/>, one signed stretch at a time.</summary>
    /// <returns>How many went.</returns>
    public async Task<long> Prune(CancellationToken ct)
    {
        var total = 0L;
        while (true)
        {
            var gone = (await database.For(Caller.Service).Query(
                new Statement("SELECT lockstep.prune_activity($1)", Now - Kept - Duration.FromMinutes(1)), row => row.GetInt64(0), ct)).Single();
            if (gone == 0)
                return total;
            total += gone;
        }
    }
}

/// <param name="Sealed">How many lines were linked now.</param>
/// <param name="Head">The last position of the chain, 0 when it is empty; null when another node is at it.</param>
/// <param name="OldestUnsealed">When the oldest line without a seal was written; null when there is none.</param>
internal sealed record Sealing(int Sealed, long? Head, byte[]? HeadHash, Instant? OldestUnsealed);
