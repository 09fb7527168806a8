using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using NodaTime;

namespace Lockstep.Server.Activity.Chain;

/// <summary>Reads the whole chain and checks it.</summary>
internal sealed class AuditVerifier(Database database, AuditChain chain, AuditSigner signer, TimeProvider time)
{
    private const int PageSize = 5_000;

    private TenantSession Session => database.For(Caller.Service);

    /// <param name="kept">Checkpoints that were kept elsewhere.</param>
    /// <param name="progress">Told how many of how many positions are done.</param>
    public async Task<AuditReport> Verify(IReadOnlyList<Checkpoint> kept, Action<long, long> progress, CancellationToken ct)
    {
        var sealing = await chain.SealAll(ct);
        var checkpoints = await chain.Checkpoints(0, int.MaxValue, ct);
        var keys = await Keys(ct);
        var check = new AuditCheck([.. checkpoints, .. kept], id => keys.TryGetValue(id, out var ours) ? ours : null, Instant.FromDateTimeOffset(time.GetUtcNow()));
        if (keys.Values.Any(ours => ours is null))
            check.Note("Not every signing key can be opened here, so a checkpoint of such a key proves only that it fits itself: give the master key, or compare the key id with one you kept.");
        foreach (var stranger in kept.Where(checkpoint => !keys.ContainsKey(checkpoint.KeyId)).DistinctBy(checkpoint => checkpoint.KeyId))
            check.Note($"Key {stranger.KeyId} of the file is not known to this database.");
        for (var after = 0L; ;)
        {
            var page = await Session.Query(SealedLine.Page(after, PageSize), SealedLine.Read, ct);
            page.ForEach(check.Follow);
            if (page.Count < PageSize)
                break;
            after = page[^1].Position;
            progress(after, Math.Max(after, sealing.Head ?? after));
        }
        foreach (var id in await Session.Query(Behind(), row => row.GetGuid(0), ct))
            check.Fault("unsealed", null, id, $"Line {id} has no seal although its transaction ended long ago: it was put in behind the sealer.");
        foreach (var (from, to) in await Session.Query(
            new Statement("SELECT g.first, g.last FROM lockstep.vault_access_gaps() g LIMIT 20"), row => (row.GetInt64(0), row.GetInt64(1)), ct))
            check.Note($"Retrieves {from} to {to} of the SQL vault have no row in vault_access_log: rolled back, lost in a crash, or deleted; the database server's log tells each by its number.");
        await NoteEnds(check, ct);
        return check.Finish();
    }

    /// <summary>Each key that ever signed here: ours, not ours, or null when it cannot be opened.</summary>
    private async Task<Dictionary<string, bool?>> Keys(CancellationToken ct)
    {
        var stored = await Session.Query(
            new Statement("SELECT k.key_id, k.data_key_id FROM lockstep.audit_keys k"), row => (Id: row.GetString(0), DataKey: row.GetGuidOrNull(1)), ct);
        var keys = new Dictionary<string, bool?>(StringComparer.Ordinal);
        foreach (var (id, dataKey) in stored)
        {
            using var key = dataKey is null ? null : await signer(dataKey, ct);
            keys[id] = key is null ? null : key.KeyId == id;
        }
        return keys;
    }

    private static Statement Behind() => new(
        """
        SELECT a.id
        FROM   lockstep.activity_log a
        WHERE  NOT EXISTS (SELECT 1 FROM lockstep.activity_seals s WHERE s.activity_id = a.id)
        AND    a.xact < pg_snapshot_xmin(pg_current_snapshot())
        AND    a.occurred_at < clock_timestamp() - interval '1 minute'
        ORDER  BY a.seq
        LIMIT  10
        """);

    private async Task NoteEnds(AuditCheck check, CancellationToken ct)
    {
        var ends = (await Session.Query(
            new Statement("SELECT e.last_seq, e.last_given FROM lockstep.activity_ends() e"), row => (Last: row.GetInt64(0), Given: row.GetInt64(1)), ct)).Single();
        if (ends.Given > ends.Last)
            check.Note($"{ends.Given - ends.Last} numbers were given out after the newest line: statements under way or rolled back, or lines cut off. A checkpoint kept elsewhere tells.");
        var waiting = await Session.Query(
            new Statement("SELECT count(*) FROM lockstep.activity_log a WHERE NOT EXISTS (SELECT 1 FROM lockstep.activity_seals s WHERE s.activity_id = a.id)"),
            row => row.GetInt64(0), ct);
        if (waiting.Single() is > 0 and var unsealed)
            check.Note($"{unsealed} lines wait for their seal; a transaction that is still open holds them up.");
    }
}
