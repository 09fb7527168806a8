namespace Lockstep.Calendaring.ICalendar;

/// <summary>How much of a foreign text is read. What lies beyond is reported as a problem and kept as bytes.</summary>
public sealed record CalendarLimits
{
    public static CalendarLimits Default { get; } = new();

    /// <summary>Bytes of the whole text; default 64 MiB.</summary>
    public int MaxBytes { get; init; } = 64 * 1024 * 1024;

    /// <summary>Content lines of the whole text; default 2,000,000.</summary>
    public int MaxLines { get; init; } = 2_000_000;

    /// <summary>Bytes of one content line with its folds; default 16 MiB, for attachments carried inline.</summary>
    public int MaxLineBytes { get; init; } = 16 * 1024 * 1024;

    /// <summary>Components inside components; default 16. Real files need three.</summary>
    public int MaxDepth { get; init; } = 16;

    /// <summary>Problems listed for one text; default 100. More are counted, not listed.</summary>
    public int MaxProblems { get; init; } = 100;
}
