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
    FieldTime At);

/// <summary>What the owning slice says to a pushed change.</summary>
internal abstract record AppVerdict
{
    private AppVerdict() { }

    /// <summary>Stored by the slice, in this transaction; these are all fields of the record now, as JSON. Ignored for a delete.</summary>
    public sealed record Accepted(IReadOnlyDictionary<string, string> Fields) : AppVerdict;

    /// <summary>Nothing was stored.</summary>
    public sealed record Refused(string Code, string Detail) : AppVerdict;
}

/// <summary>Asked inside the push's transaction, after the scope was locked and the conflict rule let the change win. No network call.</summary>
internal delegate Task<AppVerdict> AppHandler(TenantTransaction transaction, PushedChange change, CancellationToken ct);

/// <summary>Which apps belong to another slice. Each of their records is a register.</summary>
internal sealed class ChangeHandlers(IReadOnlyDictionary<string, AppHandler> handlers)
{
    public static readonly ChangeHandlers None = new(new Dictionary<string, AppHandler>());

    public AppHandler? For(string app) => handlers.GetValueOrDefault(app);
}
