using System.Globalization;
using System.Text.RegularExpressions;

namespace Lockstep.Server.Vault.Reminders;

/// <param name="Before"><c>LOCKSTEP_REMIND_BEFORE</c>: how many seconds before expiry credentials are reminded of that say nothing themselves.</param>
internal sealed record ReminderOptions(IReadOnlyList<int> Before)
{
    public const string Default = "30d,7d,1d";

    /// <summary>How often is looked.</summary>
    public TimeSpan Every { get; init; } = TimeSpan.FromMinutes(1);
}

/// <summary>A time before expiry: <c>12h</c> or <c>30d</c>, from an hour to a year.</summary>
internal static partial class LeadTime
{
    public const int Most = 10;

    private const int Hour = 3_600;
    private const int Day = 24 * Hour;

    /// <returns>In seconds; null when it is none.</returns>
    public static int? Parse(string text)
    {
        if (Time().Match(text) is not { Success: true } match)
            return null;
        var seconds = int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture) * (match.Groups[2].ValueSpan[0] == 'd' ? Day : Hour);
        return seconds is >= Hour and <= 365 * Day ? seconds : null;
    }

    /// <summary>Several by <c>,</c>.</summary>
    /// <returns>Null when one of them is none, or there are too many.</returns>
    public static IReadOnlyList<int>? ParseList(string text)
    {
        var parsed = text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(Parse).ToList();
        return parsed.Count > Most || parsed.Contains(null) ? null : [.. parsed.Select(seconds => seconds!.Value)];
    }

    public static string Format(int seconds) => seconds % Day == 0
        ? string.Create(CultureInfo.InvariantCulture, $"{seconds / Day}d")
        : string.Create(CultureInfo.InvariantCulture, $"{seconds / Hour}h");

    [GeneratedRegex("^([0-9]{1,4})([hd])$", RegexOptions.None, 100)]
    private static partial Regex Time();
}
