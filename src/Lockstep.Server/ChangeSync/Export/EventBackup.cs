using System.Buffers;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.Encodings.Web;
using System.Text.Json;
using Lockstep.Server.Postgres;
using NodaTime;
using NodaTime.Text;

namespace Lockstep.Server.ChangeSync.Export;

/// <summary>The mana protocol's backup: a zip of <c>events.jsonl</c>, the caller's own changes in the order of time, and last of <c>manifest.json</c>.</summary>
/// <remarks>Written to a temporary file first: the database is read at its own speed, not at that of the client.</remarks>
internal static class EventBackup
{
    private static readonly InstantPattern FixedWidth = InstantPattern.CreateWithInvariantCulture("uuuu-MM-ddTHH:mm:ss.ffffff'Z'");

    /// <returns>At its beginning; gone when it is closed.</returns>
    public static async Task<Stream> Make(TenantSession session, TimeProvider time, CancellationToken ct)
    {
        var file = new FileStream(
            Path.Combine(Path.GetTempPath(), $"lockstep-backup-{Guid.CreateVersion7():N}"), FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, 64 * 1024,
            FileOptions.DeleteOnClose | FileOptions.Asynchronous);
        try
        {
            using (var zip = new ZipArchive(file, ZipArchiveMode.Create, leaveOpen: true))
            {
                using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
                var apps = new SortedSet<string>(StringComparer.Ordinal);
                var (count, least, most) = (0L, int.MaxValue, 1);
                await using (var events = await zip.CreateEntry("events.jsonl", CompressionLevel.Fastest).OpenAsync(ct))
                {
                    await foreach (var (line, app, schema) in Events(session, ct))
                    {
                        hash.AppendData(line);
                        await events.WriteAsync(line, ct);
                        apps.Add(app);
                        (count, least, most) = (count + 1, Math.Min(least, schema), Math.Max(most, schema));
                    }
                }
                await using var manifest = await zip.CreateEntry("manifest.json", CompressionLevel.Fastest).OpenAsync(ct);
                await JsonSerializer.SerializeAsync(manifest, new
                {
                    formatVersion = 1,
                    schemaVersion = Names.NewestSchema,
                    userId = session.Caller.RequiredUser.ToString(),
                    createdAt = FixedWidth.Format(Instant.FromDateTimeOffset(time.GetUtcNow())),
                    eventCount = count,
                    eventsSha256 = Convert.ToHexStringLower(hash.GetHashAndReset()),
                    apps,
                    producedBy = "lockstep",
                    schemaVersionMin = count == 0 ? 1 : least,
                    schemaVersionMax = most,
                }, cancellationToken: ct);
            }
            file.Position = 0;
            return file;
        }
        catch
        {
            await file.DisposeAsync();
            throw;
        }
    }

    private static IAsyncEnumerable<(byte[] Line, string App, int Schema)> Events(TenantSession session, CancellationToken ct) =>
        session.Stream(new Statement(
            """
            SELECT c.event_id, c.schema_version, c.app, c.table_name, c.record_id, c.op, c.data::text, c.field_times::text, c.client_id, c.created_at
            FROM   lockstep.sync_changes c
            WHERE  c.scope_id = ANY ((SELECT lockstep.visible_scopes())::uuid[])
            AND    c.user_id = (SELECT lockstep.current_user_id())
            ORDER  BY c.created_at, c.event_id
            """), row =>
        {
            var buffer = new ArrayBufferWriter<byte>();
            using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
            {
                json.WriteStartObject();
                json.WriteString("eventId", row.GetGuid(0));
                json.WriteNumber("schemaVersion", row.GetInt32(1));
                json.WriteString("appId", row.GetString(2));
                json.WriteString("table", row.GetString(3));
                json.WriteString("id", row.GetString(4));
                json.WriteString("op", row.GetString(5));
                json.WritePropertyName("data");
                json.WriteRawValue(row.GetString(6));
                json.WriteStartObject("fieldTimestamps");
                foreach (var (name, field) in StateText.Fields(row.GetString(6), row.GetString(7)))
                    json.WriteString(name, field.At.ToRfc3339());
                json.WriteEndObject();
                json.WriteString("clientId", row.GetString(8));
                json.WriteString("createdAt", FixedWidth.Format(row.GetInstant(9)));
                json.WriteEndObject();
            }
            buffer.Write("\n"u8);
            return (buffer.WrittenSpan.ToArray(), row.GetString(2), row.GetInt32(1));
        }, ct);
}
