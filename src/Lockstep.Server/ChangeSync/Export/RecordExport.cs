using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text.Encodings.Web;
using System.Text.Json;
using Lockstep.Server.ChangeSync.Schemas;
using Lockstep.Server.Postgres;
using NodaTime;
using NodaTime.Text;

namespace Lockstep.Server.ChangeSync.Export;

/// <summary>Everything that the caller may see, as it stands now: one JSON object a line, the last one a manifest with the hash of all before it.</summary>
/// <remarks>Page by page, no transaction open in between, so a slow reader holds nothing; whoever writes meanwhile is in it or not, record by record.</remarks>
internal static class RecordExport
{
    public const string MediaType = "application/x-ndjson";
    public const int FormatVersion = 1;

    private const int PageRows = 200;
    private const int PageBytes = 4 * 1024 * 1024;

    public static async Task Write(TenantSession session, PipeWriter output, TableSchemas schemas, TimeProvider time, CancellationToken ct)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var apps = new SortedSet<string>(StringComparer.Ordinal);
        var count = 0L;
        await foreach (var stored in Records(session, ct))
        {
            var record = stored.Upgraded(schemas.For(stored.App, stored.Table));
            var line = Line(record.Write);
            hash.AppendData(line);
            apps.Add(record.App);
            count++;
            await output.WriteAsync(line, ct);
        }
        await output.WriteAsync(Line(json =>
        {
            json.WriteStartObject();
            json.WriteString("type", "manifest");
            json.WriteNumber("formatVersion", FormatVersion);
            json.WriteString("userId", session.Caller.RequiredUser.ToString());
            json.WriteString("createdAt", InstantPattern.ExtendedIso.Format(Instant.FromDateTimeOffset(time.GetUtcNow())));
            json.WriteNumber("recordCount", count);
            json.WriteString("sha256", Convert.ToHexStringLower(hash.GetHashAndReset()));
            json.WriteStartArray("apps");
            foreach (var app in apps)
                json.WriteStringValue(app);
            json.WriteEndArray();
            json.WriteString("producedBy", "lockstep");
            json.WriteEndObject();
        }), ct);
    }

    private static async IAsyncEnumerable<ExportedRecord> Records(TenantSession session, [EnumeratorCancellation] CancellationToken ct)
    {
        var last = (Scope: Guid.Empty, App: "", Table: "", RecordId: "");
        while (true)
        {
            var page = await session.Query(new Statement(
                """
                WITH k AS MATERIALIZED (
                    SELECT r.scope_id, r.app, r.table_name, r.record_id, pg_column_size(r.data) + pg_column_size(r.field_times) AS bytes
                    FROM   lockstep.sync_records r
                    WHERE  (r.scope_id, r.app, r.table_name, r.record_id) > ($1, $2, $3, $4)
                    AND    r.scope_id = ANY ((SELECT lockstep.visible_scopes())::uuid[])
                    -- What a record left behind where it moved from is no deletion: imported, it would meet the record itself.
                    AND    r.moved_to IS NULL
                    -- Nor does a space hear of private records that its author deleted.
                    AND    NOT (r.deleted AND r.space_id IS NOT NULL AND r.space_id NOT LIKE '\_personal:%'
                                AND EXISTS (SELECT 1 FROM lockstep.sync_scopes o WHERE o.scope_id = r.scope_id AND o.user_id IS NOT NULL))
                    ORDER  BY r.scope_id, r.app, r.table_name, r.record_id
                    LIMIT  $5),
                n AS (
                    SELECT k.*, row_number() OVER w AS n, sum(k.bytes) OVER w AS total
                    FROM   k WINDOW w AS (ORDER BY k.scope_id, k.app, k.table_name, k.record_id ROWS UNBOUNDED PRECEDING))
                SELECT r.scope_id, r.app, r.table_name, r.record_id, coalesce(w.external_id, s.workspace_id::text, CASE WHEN r.space_id NOT LIKE '\_personal:%' THEN r.space_id END), r.schema_version,
                       r.data::text, r.field_times::text, r.written_at::text, r.deleted_at::text
                FROM   n
                JOIN   lockstep.sync_records r ON r.scope_id = n.scope_id AND r.app = n.app AND r.table_name = n.table_name AND r.record_id = n.record_id
                JOIN   lockstep.sync_scopes s ON s.scope_id = n.scope_id
                LEFT   JOIN lockstep.workspaces w ON w.id = s.workspace_id
                WHERE  n.n = 1 OR n.total <= $6
                ORDER  BY n.n
                """,
                last.Scope, last.App, last.Table, last.RecordId, PageRows, PageBytes), ExportedRecord.Read, ct);
            if (page.Count == 0)
                yield break;
            foreach (var record in page)
                yield return record;
            last = (page[^1].Scope, page[^1].App, page[^1].Table, page[^1].RecordId);
        }
    }

    private static byte[] Line(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
            write(json);
        buffer.Write("\n"u8);
        return buffer.WrittenSpan.ToArray();
    }
}
