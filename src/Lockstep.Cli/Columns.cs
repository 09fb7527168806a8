namespace Lockstep.Cli;

/// <summary>Rows of text: columns for people, tabs for pipes.</summary>
internal static class Columns
{
    /// <param name="rows">The first one heads the columns; all have as many.</param>
    public static string Of(List<string[]> rows)
    {
        if (Console.IsOutputRedirected)
            return string.Join('\n', rows.Select(row => string.Join('\t', row)));
        var widths = Enumerable.Range(0, rows[0].Length).Select(column => rows.Max(row => row[column].Length)).ToList();
        return string.Join('\n', rows.Select(row => string.Join("  ", row.Select((text, column) => text.PadRight(widths[column]))).TrimEnd()));
    }
}
