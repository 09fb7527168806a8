namespace Lockstep.Server.Activity.Chain;

/// <summary>What came of checking the chain.</summary>
/// <param name="Lines">How many were checked.</param>
/// <param name="First">The first position that is there; 0 for an empty chain.</param>
/// <param name="Last">The last one.</param>
/// <param name="LastHash">Hexadecimal; what somebody else may compare.</param>
/// <param name="Checkpoints">How many signatures were checked.</param>
/// <param name="Faults">In the order of the chain; empty when nothing is wrong. At most <see cref="MostFaults"/> are listed.</param>
/// <param name="Notes">What is no fault and yet worth knowing.</param>
internal sealed record AuditReport(
    long Lines, long First, long Last, string LastHash, int Checkpoints, IReadOnlyList<AuditFault> Faults, IReadOnlyList<string> Notes)
{
    public const int MostFaults = 100;
}

/// <param name="Kind"><c>changed</c>, <c>missing</c>, <c>gap</c>, <c>missing_tail</c>, <c>missing_front</c>, <c>rewritten</c>, <c>bad_checkpoint</c>,
/// <c>unsealed</c>: stable, for programs.</param>
/// <param name="Position">Where in the chain.</param>
/// <param name="Activity">The line's id, where one line is meant.</param>
/// <param name="What">A sentence.</param>
internal sealed record AuditFault(string Kind, long? Position, Guid? Activity, string What);
