using Lockstep.Calendaring.ICalendar;

namespace Lockstep.Cli;

/// <summary>A calendar text that a command was given: a file, or standard input for <c>-</c>.</summary>
internal static class CalendarFile
{
    /// <returns>Null, with a sentence on standard error, when it cannot be read.</returns>
    public static async Task<CalendarDocument?> Read(string path, CancellationToken ct)
    {
        var limits = CalendarLimits.Default;
        try
        {
            await using var input = path == "-" ? Console.OpenStandardInput() : File.OpenRead(path);
            var bytes = new MemoryStream();
            var buffer = new byte[81_920];
            int read;
            while ((read = await input.ReadAsync(buffer, ct)) > 0)
            {
                bytes.Write(buffer, 0, read);
                if (bytes.Length > limits.MaxBytes)
                {
                    Terminal.Error($"{path} has more than {limits.MaxBytes / 1024 / 1024} MiB. Split it into smaller files.");
                    return null;
                }
            }
            return CalendarDocument.Parse(bytes.ToArray(), limits);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Terminal.Error(e is FileNotFoundException or DirectoryNotFoundException
                ? $"There is no file {path}. Check the path, or give - to read standard input."
                : $"{path} cannot be read: {e.Message}");
            return null;
        }
    }
}
