namespace Lockstep.Server.Hosting.Doctor;

internal enum Condition
{
    /// <summary>As it should be.</summary>
    Well,

    /// <summary>It works; look whether it is meant.</summary>
    Warning,

    /// <summary>Something does not work, or does not protect.</summary>
    Fault,
}

/// <summary>What a check found.</summary>
/// <param name="Area">settings, data, database, roles, schema, keys, clock, outbound, disk, sign-in, nodes, sync.</param>
/// <param name="Code">Stable, snake_case.</param>
/// <param name="What">One sentence; no secret, and no row of a table.</param>
/// <param name="Mend">What to do, a command or SQL where there is one; null when there is nothing to do.</param>
internal sealed record Diagnosis(string Area, string Code, Condition Condition, string What, string? Mend)
{
    public static Diagnosis Well(string area, string code, string what) => new(area, code, Condition.Well, what, null);

    public static Diagnosis Warning(string area, string code, string what, string mend) => new(area, code, Condition.Warning, what, mend);

    public static Diagnosis Fault(string area, string code, string what, string mend) => new(area, code, Condition.Fault, what, mend);
}
