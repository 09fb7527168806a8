namespace Lockstep.Tests.Calendaring.ICalendar;

/// <summary>Calendar files to test with: our own samples always; a directory of real ones where there is one.</summary>
internal static class CalendarFiles
{
    /// <summary>`LOCKSTEP_TEST_DATA`, else `../shared/data` beside the repository; null when neither is there.</summary>
    public static string? Shared { get; } = FindShared();

    public static string Samples { get; } = Path.Combine(Root, "tests/Lockstep.Tests/Calendaring/ICalendar/samples");

    public static IReadOnlyList<string> All { get; } = [.. In(Samples), .. In(Shared)];

    private static string Root
    {
        get
        {
            var directory = new DirectoryInfo(AppContext.BaseDirectory);
            while (!File.Exists(Path.Combine(directory.FullName, "Lockstep.slnx")))
                directory = directory.Parent ?? throw new DirectoryNotFoundException("No Lockstep.slnx above the tests.");
            return directory.FullName;
        }
    }

    private static IEnumerable<string> In(string? directory) =>
        directory is null ? [] : Directory.GetFiles(directory, "*.ics", SearchOption.AllDirectories).Order(StringComparer.Ordinal);

    private static string? FindShared()
    {
        var given = Environment.GetEnvironmentVariable("LOCKSTEP_TEST_DATA");
        var directory = Path.Combine(given ?? Path.Combine(Root, "../shared/data"), "icalendar");
        return Directory.Exists(directory) ? Path.GetFullPath(directory) : null;
    }
}
