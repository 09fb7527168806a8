using System.Buffers;
using System.IO.Pipelines;
using System.Security.Cryptography;
using System.Text.Json;
using Lockstep.Server.ChangeSync.Schemas;
using Lockstep.Server.Http;
using Lockstep.Server.Postgres;

namespace Lockstep.Server.ChangeSync.Export;

/// <summary>What an import has done.</summary>
/// <param name="Applied">Changes that won; the rest was there already or is older than what is there.</param>
/// <param name="Rejected">The first hundred.</param>
/// <param name="Notes">What was applied and is not in all as it was, by kind.</param>
/// <param name="Complete">The manifest was there and its hash fits: the file is whole.</param>
internal sealed record ImportAnswer(
    long Records, long Applied, long Superseded, IReadOnlyList<ImportRejection> Rejected, IReadOnlyList<ImportNote> Notes, bool Complete);

/// <param name="Count">How many records it is said of.</param>
/// <param name="Line">The first of them, from 1.</param>
internal sealed record ImportNote(string Code, long Count, long Line, string Detail);

/// <param name="Line">Of the file, from 1.</param>
internal sealed record ImportRejection(long Line, string Code, string? Detail);

/// <summary>Merges an export into what is there, by the conflict rule: again, or half of it twice, changes nothing more.</summary>
internal sealed class RecordImport(ChangeLog log, TableSchemas schemas)
{
    private const int LargestLine = 32 * 1024 * 1024;
    private const int BatchChanges = 500;
    private const int BatchBytes = 4 * 1024 * 1024;
    private const int MostRejections = 100;

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 64 };

    /// <exception cref="ProblemException">400 a line that is not JSON; 413 a line over 32 MiB; 400 nothing at all. What came before it is stored.</exception>
    public async Task<ImportAnswer> Read(TenantSession session, PipeReader input, CancellationToken ct)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var tally = new Tally();
        var (line, bytes, complete) = (0L, 0, false);
        var batch = new List<(long Line, Change Change)>();
        await foreach (var text in Lines(input, ct))
        {
            line++;
            complete = false;
            using var document = Parse(text, line);
            var root = document.RootElement;
            if (Mana.ManaChange.Text(root, "type") == "manifest")
            {
                complete = Mana.ManaChange.Text(root, "sha256") == Convert.ToHexStringLower(hash.GetCurrentHash())
                    && root.TryGetProperty("formatVersion", out var version) && version.TryGetInt32(out var number) && number == RecordExport.FormatVersion;
                continue;
            }
            hash.AppendData(text);
            hash.AppendData("\n"u8);
            tally.Records++;
            if (Mana.ManaChange.Text(root, "type") != ExportedRecord.Type || ExportedRecord.ToChanges(root, schemas) is not { } changes)
            {
                tally.Reject(line, ChangeResult.Rejected("invalid_record", "This line is no record of an export."));
                continue;
            }
            batch.AddRange(changes.Select(change => (line, change)));
            bytes += text.Length;
            if (batch.Count >= BatchChanges || bytes >= BatchBytes)
            {
                await Store(session, batch, tally, ct);
                bytes = 0;
            }
        }
        if (line == 0)
            throw new ProblemException(400, "import_empty", "The body is empty. Send the lines that GET /v1/export gave, the last of which is its manifest.");
        await Store(session, batch, tally, ct);
        return new ImportAnswer(tally.Records, tally.Applied, tally.Superseded, tally.Rejected, tally.Notes, complete);
    }

    private async Task Store(TenantSession session, List<(long Line, Change Change)> batch, Tally tally, CancellationToken ct)
    {
        if (batch.Count == 0)
            return;
        var results = await log.Merge(session, [.. batch.Select(entry => entry.Change)], ct);
        for (var i = 0; i < results.Count; i++)
        {
            switch (results[i].Status)
            {
                case ChangeStatus.Applied:
                    tally.Applied++;
                    if (results[i] is { Code: { } code, Detail: { } detail })
                        tally.Note(batch[i].Line, code, detail);
                    break;
                case ChangeStatus.Superseded:
                    tally.Superseded++;
                    break;
                default:
                    tally.Reject(batch[i].Line, results[i]);
                    break;
            }
        }
        batch.Clear();
    }

    private static JsonDocument Parse(byte[] text, long line)
    {
        try
        {
            return JsonDocument.Parse(text, Strict);
        }
        catch (JsonException)
        {
            throw new ProblemException(400, "invalid_json", $"Line {line} is not a JSON object with each member once. What stands before it is imported; mend the line and send the file again.");
        }
    }

    private static async IAsyncEnumerable<byte[]> Lines(PipeReader input, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken ct)
    {
        ReadOnlySequence<byte>? held = null;
        try
        {
            while (true)
            {
                var read = await input.ReadAsync(ct);
                held = read.Buffer;
                var rest = read.Buffer;
                while (rest.PositionOf((byte)'\n') is { } end)
                {
                    if (!rest.Slice(0, end).IsEmpty)
                        yield return rest.Slice(0, end).ToArray();
                    rest = rest.Slice(rest.GetPosition(1, end));
                }
                if (rest.Length > LargestLine)
                    throw new ProblemException(413, "line_too_large", $"A line is {LargestLine >> 20} MiB at most.");
                if (read.IsCompleted && !rest.IsEmpty)
                    yield return rest.ToArray();
                input.AdvanceTo(read.IsCompleted ? rest.End : rest.Start, rest.End);
                held = null;
                if (read.IsCompleted)
                    yield break;
            }
        }
        finally
        {
            // Whoever stops in the middle gives back what was read: the server takes the rest of the body itself.
            if (held is { } buffer)
                input.AdvanceTo(buffer.End);
        }
    }

    private sealed class Tally
    {
        public long Records { get; set; }

        public long Applied { get; set; }

        public long Superseded { get; set; }

        public List<ImportRejection> Rejected { get; } = [];

        public List<ImportNote> Notes { get; } = [];

        public void Note(long line, string code, string detail)
        {
            var known = Notes.FindIndex(note => note.Code == code);
            if (known < 0)
                Notes.Add(new ImportNote(code, 1, line, detail));
            else
                Notes[known] = Notes[known] with { Count = Notes[known].Count + 1 };
        }

        public void Reject(long line, ChangeResult result)
        {
            if (Rejected.Count < MostRejections)
                Rejected.Add(new ImportRejection(line, result.Code!, result.Detail));
        }
    }
}
