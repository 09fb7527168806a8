using Lockstep.Server.Postgres;

namespace Lockstep.Server.ChangeSync;

/// <summary>A pushed change of an app whose records belong to another slice.</summary>
/// <param name="Current">The record's fields now, as JSON; null when there is none or it is deleted.</param>
/// <param name="Fields">What the client writes, as JSON; empty for a delete.</param>
/// <param name="At">The time with which it has won over <paramref name="Current"/>.</param>
internal sealed record PushedChange(
    Scope Scope,
    string Table,
    string RecordId,
    ChangeOp Op,
    IReadOnlyDictionary<string, string>? Current,
    IReadOnlyDictionary<string, string> Fields,
    FieldTime At)
{
    /// <summary>It was written before, perhaps elsewhere, and comes back with its times.</summary>
    public bool IsRestored { get; init; }
}

/// <summary>What the owning slice says to a pushed change.</summary>
internal abstract record AppVerdict
{
    private AppVerdict() { }

    /// <summary>Stored by the slice, in this transaction; these are all fields of the record now, as JSON. Ignored for a delete.</summary>
    /// <param name="Note">What a restored record is not as it was; null: nothing.</param>
    public sealed record Accepted(IReadOnlyDictionary<string, string> Fields, RestoreNote? Note = null) : AppVerdict;

    /// <summary>Nothing was stored.</summary>
    public sealed record Refused(string Code, string Detail) : AppVerdict;
}

/// <param name="Code">Stable, snake_case.</param>
/// <param name="Detail">For people; the same for every record of the code.</param>
internal sealed record RestoreNote(string Code, string Detail);

/// <summary>Under which id a restored record is merged.</summary>
/// <param name="Spare">The id to take where the owning slice says <see cref="RecordName.Unavailable"/>: always the same one for the same record and owner.</param>
internal sealed record RecordName(string Id, string Spare)
{
    /// <summary>The code of a refusal because the id is somebody else's.</summary>
    public const string Unavailable = "id_unavailable";
}

/// <summary>Says under which ids the records of restored changes are here, one a change; asked inside the transaction, with their scopes locked.</summary>
internal delegate Task<IReadOnlyList<RecordName>> RecordFinder(TenantTransaction transaction, IReadOnlyList<Change> changes, CancellationToken ct);

/// <summary>Asked inside the push's transaction, after the scope was locked and the conflict rule let the change win. No network call.</summary>
internal delegate Task<AppVerdict> AppHandler(TenantTransaction transaction, PushedChange change, CancellationToken ct);

/// <summary>Which apps belong to another slice. Each of their records is a register.</summary>
/// <param name="finders">For apps whose records may be here under other ids than an export says.</param>
internal sealed class ChangeHandlers(IReadOnlyDictionary<string, AppHandler> handlers, IReadOnlyDictionary<string, RecordFinder>? finders = null)
{
    public static readonly ChangeHandlers None = new(new Dictionary<string, AppHandler>());

    public AppHandler? For(string app) => handlers.GetValueOrDefault(app);

    public RecordFinder? FinderFor(string app) => finders?.GetValueOrDefault(app);
}
