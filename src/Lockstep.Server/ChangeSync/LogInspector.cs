using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using NodaTime;

namespace Lockstep.Server.ChangeSync;

/// <summary>A scope of the log.</summary>
/// <param name="Kind">user or workspace.</param>
/// <param name="Name">E-mail address, workspace's name, else the id.</param>
/// <param name="Floor">Changes up to it were compacted away.</param>
/// <param name="Records">That are not deleted.</param>
internal sealed record InspectedScope(Guid Id, string Kind, string Name, long Head, long Floor, int Epoch, Instant HeadAt, long Records);

/// <summary>A change, without what it says.</summary>
/// <param name="Author">E-mail address, else the id.</param>
/// <param name="Client">The device, or <c>server:</c> and what in this program.</param>
internal sealed record InspectedChange(
    long Seq, string App, string Table, string Record, string Op, IReadOnlyList<string> Fields, string Author, string Client, string? Origin, int SchemaVersion, int Bytes, Instant At);

/// <summary>Looks into the change log for an operator: what happened to which record, by whom, when. No value of a field is read.</summary>
internal sealed class LogInspector(Database database)
{
    private TenantSession Session => database.For(Caller.Service);

    /// <summary>The latest changed first.</summary>
    /// <param name="find">A part of an e-mail address, of a workspace's name, or of an id; null for all.</param>
    public Task<List<InspectedScope>> Scopes(string? find, int limit, CancellationToken ct) => Session.Query(
        new Statement(
            "SELECT s.scope_id, s.kind, s.name, s.head, s.floor, s.epoch, s.head_at, s.records FROM lockstep.scopes_changed($1, $2) s", find, limit),
        row => new InspectedScope(
            row.GetGuid(0), row.GetString(1), row.GetString(2), row.GetInt64(3), row.GetInt64(4), row.GetInt32(5), row.GetInstant(6), row.GetInt64(7)),
        ct);

    /// <summary>Newest first.</summary>
    /// <param name="before">Numbers below it; null for the newest.</param>
    public Task<List<InspectedChange>> Changes(Guid scope, string? app, string? record, long? before, int limit, CancellationToken ct) => Session.Query(
        new Statement(
            """
            SELECT c.seq, c.app, c.table_name, c.record_id, c.op, c.fields, c.author, c.client_id, c.origin, c.schema_version, c.bytes, c.created_at
            FROM   lockstep.changes_of($1, $2, $3, $4, $5) c
            """, scope, app, record, before, limit),
        row => new InspectedChange(
            row.GetInt64(0), row.GetString(1), row.GetString(2), row.GetString(3), row.GetString(4), row.GetFieldValue<string[]>(5), row.GetString(6),
            row.GetString(7), row.GetStringOrNull(8), row.GetInt32(9), row.GetInt32(10), row.GetInstant(11)),
        ct);
}
