using System.Security.Cryptography;
using System.Text.Json;

namespace Lockstep.Cli.Records;

/// <summary>What a file of records says of itself, compared with what is in it.</summary>
/// <param name="Records">Lines before the manifest.</param>
/// <param name="Problem">Null when it is whole: the manifest is there, last, and its hash and count fit.</param>
internal sealed record RecordFile(long Records, string? Problem)
{
    /// <summary>Reads it once, line by line.</summary>
    public static async Task<RecordFile> Check(Stream file, CancellationToken ct)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using var reader = new StreamReader(file, new System.Text.UTF8Encoding(false), detectEncodingFromByteOrderMarks: false, leaveOpen: true);
        var records = 0L;
        string? last = null;
        while (await reader.ReadLineAsync(ct) is { } line)
        {
            if (last is not null)
            {
                hash.AppendData(System.Text.Encoding.UTF8.GetBytes(last + "\n"));
                records++;
            }
            last = line;
        }
        return new RecordFile(records, Judge(last, records, Convert.ToHexStringLower(hash.GetHashAndReset())));
    }

    private static string? Judge(string? last, long records, string hash)
    {
        const string Cut = "The file has no manifest at its end: it was cut off.";
        try
        {
            using var manifest = JsonDocument.Parse(last ?? "null");
            if (manifest.RootElement.ValueKind != JsonValueKind.Object || !manifest.RootElement.TryGetProperty("type", out var type) || type.GetString() != "manifest")
                return Cut;
            return !manifest.RootElement.TryGetProperty("sha256", out var said) || said.GetString() != hash ? "The hash of its manifest is not that of its lines: the file was changed."
                : !manifest.RootElement.TryGetProperty("recordCount", out var count) || !count.TryGetInt64(out var number) || number != records ? "Its manifest counts other records than there are."
                : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return Cut;
        }
    }
}
