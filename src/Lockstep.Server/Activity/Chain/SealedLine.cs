using Lockstep.Crypto;
using Lockstep.Server.Postgres;
using Npgsql;

namespace Lockstep.Server.Activity.Chain;

/// <summary>A position of the chain and the line under it, as texts: what the hash is made of.</summary>
/// <param name="Fields">In the order of the format; null when the line itself is gone.</param>
internal sealed record SealedLine(long Position, Guid Activity, byte[] Hash, string?[]? Fields)
{
    /// <summary>The names of <see cref="Fields"/>, in their order. <c>occurredAt</c> is in microseconds since 1970.</summary>
    public static readonly string[] Names =
        ["id", "seq", "occurredAt", "userId", "workspaceId", "actor", "actorUser", "address", "requestId", "action", "entityType", "entityId", "details"];

    private const int FirstField = 4;

    public bool Follows(byte[] previous) => Fields is not null && HashChain.Next(previous, Position, Fields).AsSpan().SequenceEqual(Hash);

    /// <summary>A page of the chain in order, by key, so that no snapshot is held for long: one would hold the sealer up.</summary>
    public static Statement Page(long after, int limit) => new(
        """
        SELECT s.position, s.activity_id, s.hash, a.id IS NOT NULL,
               a.id::text, a.seq::text, (extract(epoch FROM a.occurred_at) * 1000000)::bigint::text, a.user_id::text, a.workspace_id::text, a.actor,
               a.actor_user::text, text(a.address), a.request_id, a.action, a.entity_type, a.entity_id::text, a.details::text
        FROM   lockstep.activity_seals s
        LEFT   JOIN lockstep.activity_log a ON a.id = s.activity_id
        WHERE  s.position > $1
        ORDER  BY s.position
        LIMIT  $2
        """,
        after, limit);

    public static SealedLine Read(NpgsqlDataReader row)
    {
        string?[]? fields = null;
        if (row.GetBoolean(3))
        {
            fields = new string?[Names.Length];
            for (var i = 0; i < fields.Length; i++)
                fields[i] = row.GetStringOrNull(FirstField + i);
        }
        return new(row.GetInt64(0), row.GetGuid(1), row.GetBytes(2), fields);
    }
}
