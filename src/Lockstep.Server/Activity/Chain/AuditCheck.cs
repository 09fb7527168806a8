using Lockstep.Crypto;
using NodaTime;

namespace Lockstep.Server.Activity.Chain;

/// <summary>Follows a chain line by line and says what does not fit. Pure: it is fed, and asks nobody.</summary>
/// <remarks>
/// <code>
///   (1) the front   position 1, or right after a signed checkpoint old enough to have been forgotten up to
///   (2) each line   the hash of (stored hash before, position, line) is the stored hash: each line is judged by itself, so one that was
///                   changed is named and does not hide those behind it
///   (3) each checkpoint   is signed, and the chain says the same hash there: who rewrites lines and all hashes after them is found here
///   (4) the end     no checkpoint, ours or brought along, vouches for more than is there
/// </code>
/// </remarks>
internal sealed class AuditCheck
{
    private readonly Dictionary<long, List<Checkpoint>> vouched = [];
    private readonly List<AuditFault> faults = [];
    private readonly List<string> notes = [];
    private readonly Instant now;
    private byte[]? previous;
    private long lines;
    private long first;
    private long last;
    private long good;

    /// <param name="checkpoints">Those of the database and those brought along, in any order.</param>
    /// <param name="trusted">Whether a key of this id is known to be this installation's; null when that cannot be told.</param>
    public AuditCheck(IEnumerable<Checkpoint> checkpoints, Func<string, bool?> trusted, Instant now)
    {
        this.now = now;
        foreach (var checkpoint in checkpoints.Distinct())
        {
            if (!checkpoint.IsSigned())
                Fault("bad_checkpoint", checkpoint.Position, null, $"The checkpoint at position {checkpoint.Position} does not bear the signature of the key it names ({checkpoint.KeyId}).");
            else if (trusted(checkpoint.KeyId) == false)
                Fault("bad_checkpoint", checkpoint.Position, null, $"The checkpoint at position {checkpoint.Position} is signed by key {checkpoint.KeyId}, which is not this installation's.");
            else
                (vouched.TryGetValue(checkpoint.Position, out var there) ? there : vouched[checkpoint.Position] = []).Add(checkpoint);
        }
    }

    public void Note(string text) => notes.Add(text);

    public void Fault(string kind, long? position, Guid? activity, string what) => faults.Add(new(kind, position, activity, what));

    /// <summary>The next line, in ascending order of positions.</summary>
    public void Follow(SealedLine line)
    {
        if (lines++ == 0)
            Begin(line);
        else if (line.Position != last + 1)
        {
            Fault("gap", last + 1, null, line.Position == last + 2
                ? $"Position {last + 1} is missing from the chain."
                : $"Positions {last + 1} to {line.Position - 1} are missing from the chain.");
            previous = null;
        }
        if (line.Fields is null)
            Fault("missing", line.Position, line.Activity, $"The line of position {line.Position} is missing: {line.Activity}.");
        else if (previous is not null && !line.Follows(previous))
            Fault("changed", line.Position, line.Activity, $"The line of position {line.Position} was changed, or its seal was: {line.Activity}.");
        previous = line.Hash;
        last = line.Position;
        Compare(line);
    }

    public AuditReport Finish()
    {
        foreach (var (position, _) in vouched.Where(entry => entry.Key < first && entry.Value.DistinctBy(checkpoint => checkpoint.Hash).Count() > 1))
            Fault("rewritten", position, null, $"Two checkpoints of position {position} say different hashes: the chain was rewritten before that line was forgotten.");
        foreach (var (position, _) in vouched.Where(entry => entry.Key > last && entry.Key >= first).OrderByDescending(entry => entry.Key).Take(1))
            Fault("missing_tail", last + 1, null, lines == 0
                ? $"The chain is empty, and a signed checkpoint vouches for {position} lines."
                : $"The end is missing: a signed checkpoint vouches for position {position}, and the chain ends at {last}.");
        return new(
            lines, first, last, Convert.ToHexStringLower(previous ?? HashChain.Start), vouched.Values.Sum(list => list.Count),
            [.. faults.OrderBy(fault => fault.Position ?? long.MaxValue).Take(AuditReport.MostFaults)], notes);
    }

    private void Begin(SealedLine line)
    {
        first = line.Position;
        good = first - 1;
        if (first == 1)
        {
            previous = HashChain.Start;
            return;
        }
        if (!vouched.TryGetValue(first - 1, out var ends))
        {
            Fault("missing_front", 1, null, $"Positions 1 to {first - 1} are missing, and no signed checkpoint ends there: they were not forgotten by age.");
            return;
        }
        previous = Convert.FromHexString(ends[0].Hash);
        if (ends.All(end => now - end.MadeAt < AuditChain.Kept))
            Fault("missing_front", 1, null, $"Positions 1 to {first - 1} are missing although the checkpoint behind them is of {ends[0].MadeAt}: lines are kept for {(int)AuditChain.Kept.TotalDays} days.");
        else
            Note($"Positions 1 to {first - 1} were forgotten by age; the checkpoint behind them is of {ends[0].MadeAt}.");
    }

    private void Compare(SealedLine line)
    {
        if (!vouched.TryGetValue(line.Position, out var here))
            return;
        var hash = Convert.ToHexStringLower(line.Hash);
        if (here.Find(checkpoint => checkpoint.Hash != hash) is { } other)
            Fault("rewritten", good + 1, null, $"Between positions {good + 1} and {line.Position} the chain was rewritten: the checkpoint of {other.MadeAt} says another hash.");
        else
            good = line.Position;
    }
}
