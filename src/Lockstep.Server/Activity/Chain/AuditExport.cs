using System.Globalization;
using System.Text.Json;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;

namespace Lockstep.Server.Activity.Chain;

/// <summary>The chain as NDJSON, one line a position, in order: all that somebody needs to check it without this program.</summary>
internal sealed class AuditExport(Database database)
{
    private const int PageSize = 2_000;

    private static readonly byte[] LineFeed = "\n"u8.ToArray();

    /// <param name="after">A position; 0 exports from the beginning.</param>
    /// <returns>How many lines were written.</returns>
    public async Task<long> Write(Stream output, long after, CancellationToken ct)
    {
        var written = 0L;
        while (true)
        {
            var page = await database.For(Caller.Service).Query(SealedLine.Page(after, PageSize), SealedLine.Read, ct);
            foreach (var line in page)
            {
                await output.WriteAsync(Json(line), ct);
                await output.WriteAsync(LineFeed, ct);
            }
            await output.FlushAsync(ct);
            written += page.Count;
            if (page.Count < PageSize)
                return written;
            after = page[^1].Position;
        }
    }

    private static byte[] Json(SealedLine line)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteNumber("position", line.Position);
            json.WriteString("hash", Convert.ToHexStringLower(line.Hash));
            if (line.Fields is null)
            {
                json.WriteString("id", line.Activity);
                json.WriteBoolean("missing", true);
            }
            for (var i = 0; i < line.Fields?.Length; i++)
                Field(json, SealedLine.Names[i], line.Fields[i]);
            json.WriteEndObject();
        }
        return buffer.ToArray();
    }

    private static void Field(Utf8JsonWriter json, string name, string? value)
    {
        json.WritePropertyName(name);
        if (value is null)
            json.WriteNullValue();
        else if (name is "seq" or "occurredAt")
            json.WriteNumberValue(long.Parse(value, CultureInfo.InvariantCulture));
        else if (name == "details")
            // Byte for byte as it is hashed.
            json.WriteRawValue(value);
        else
            json.WriteStringValue(value);
    }
}
