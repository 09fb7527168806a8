namespace Lockstep.Server.Calendars;

/// <summary>Something edited here that the server does not have yet.</summary>
/// <remarks>
/// Every one is conditional. When the server answers 412 (or 404 to a <see cref="Change"/>), read the resource and hand it to
/// <see cref="CalendarMirror.ApplyPage"/>: that decides, records the conflict, and the next <see cref="CalendarMirror.PendingWrites"/>
/// carries the new ETag or no longer has it.
/// </remarks>
internal abstract record PendingWrite
{
    private PendingWrite(CalendarObjectId id, string href, long version, int attempts) =>
        (Id, Href, Version, Attempts) = (id, href, version, attempts);

    public CalendarObjectId Id { get; }

    /// <summary>Absolute URL.</summary>
    public string Href { get; }

    /// <summary>Which version of the event this is; give it back with the outcome.</summary>
    public long Version { get; }

    /// <summary>How often writing this was refused before.</summary>
    public int Attempts { get; }

    /// <summary>What is sent; null for a deletion.</summary>
    public string? Text => this switch
    {
        Create create => create.Ics,
        Change change => change.Ics,
        _ => null,
    };

    /// <summary>What the server said when it last refused it, for people; null when it did not.</summary>
    public string? LastRefusal { get; init; }

    /// <summary>It was refused, and is not to be tried again yet unless the owner asks for it.</summary>
    public bool Rests { get; init; }

    /// <summary>PUT with <c>If-None-Match: *</c>.</summary>
    public sealed record Create(CalendarObjectId Id, string Href, long Version, int Attempts, string Ics)
        : PendingWrite(Id, Href, Version, Attempts);

    /// <summary>PUT with <c>If-Match</c>.</summary>
    /// <param name="ETag">The one that the edit was based on; null when the server never said: read it first.</param>
    public sealed record Change(CalendarObjectId Id, string Href, long Version, int Attempts, string? ETag, string Ics)
        : PendingWrite(Id, Href, Version, Attempts);

    /// <summary>DELETE with <c>If-Match</c>; 404 and 410 are as good as done.</summary>
    /// <param name="ETag">As for <see cref="Change"/>.</param>
    public sealed record Delete(CalendarObjectId Id, string Href, long Version, int Attempts, string? ETag)
        : PendingWrite(Id, Href, Version, Attempts);
}
