using System.Text.Json;
using Lockstep.Server.Detection;

namespace Lockstep.Cli;

/// <summary>Looks through files: JSON by its paths, everything else by its lines.</summary>
internal static class FileScan
{
    /// <param name="tell">Where, and of which kind.</param>
    /// <returns>The exit code.</returns>
    public static async Task<int> Run(IReadOnlyList<string> files, Action<string, string> tell, CancellationToken ct)
    {
        var found = 0;
        var failed = false;
        foreach (var file in files)
        {
            try
            {
                var text = file == "-" ? await Console.In.ReadToEndAsync(ct) : await File.ReadAllTextAsync(file, ct);
                foreach (var (place, kind) in Of(text))
                {
                    tell($"{file}:{place}", kind);
                    found++;
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                Terminal.Error($"{file} cannot be read: {e.Message}");
                failed = true;
            }
        }
        Terminal.Note((found == 0 ? "Nothing found" : $"{found} found") + (failed ? " in what could be read." : "."));
        return failed ? ExitCode.Failed : found > 0 ? ExitCode.Found : ExitCode.Done;
    }

    /// <returns>Where, as a line number or behind a space a path, and what it looks like.</returns>
    public static IEnumerable<(string Place, string Kind)> Of(string text) =>
        Parse(text) is { } json ? InJson(json) : InLines(text);

    private static IEnumerable<(string Place, string Kind)> InJson(JsonDocument json)
    {
        using (json)
        {
            foreach (var finding in SecretDetector.InJson("", "", json.RootElement))
                yield return ($" {finding.Path}", finding.Words);
        }
    }

    private static IEnumerable<(string Place, string Kind)> InLines(string text)
    {
        var number = 0;
        foreach (var line in text.Split('\n'))
        {
            number++;
            foreach (var finding in SecretDetector.InText("", "", line))
                yield return ($"{number}", finding.Words);
        }
    }

    private static JsonDocument? Parse(string text)
    {
        try
        {
            return text.AsSpan().TrimStart() is ['{' or '[', ..] ? JsonDocument.Parse(text) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
