using Lockstep.Server.Tenancy;

namespace Lockstep.Server.Calendars;

/// <summary>How a write to an event ended.</summary>
internal abstract record EventOutcome
{
    private EventOutcome() { }

    /// <summary>It is stored, and on its way to the server where it has one.</summary>
    public sealed record Stored(EventRow Event) : EventOutcome;

    /// <summary>The series was cut in two: this event has the occurrence and all that follow, the one asked for ends before.</summary>
    public sealed record Split(EventRow Following) : EventOutcome;

    /// <summary>No such event, or not the caller's.</summary>
    public sealed record NotFound : EventOutcome;

    /// <summary>Somebody changed it since the version that the caller knows.</summary>
    public sealed record ChangedMeanwhile(EventRow Current) : EventOutcome;

    /// <summary>The calendar takes no writes.</summary>
    public sealed record ReadOnly : EventOutcome;

    /// <summary>The calendar has an event of this UID already.</summary>
    public sealed record Exists(EventId Event) : EventOutcome;

    /// <summary>The request names something that is not there: which field, and what to say.</summary>
    public sealed record Invalid(string Field, string Message) : EventOutcome;
}
