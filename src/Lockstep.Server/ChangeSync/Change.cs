using System.Collections.Immutable;
using Lockstep.Server.ChangeSync.Places;

namespace Lockstep.Server.ChangeSync;

/// <summary>One value to write.</summary>
/// <param name="Json">Any JSON text that jsonb can hold.</param>
/// <param name="At">Null: when it arrives.</param>
internal readonly record struct FieldWrite(string Json, FieldTime? At);

/// <summary>A change to one record, before the conflict rule has seen it.</summary>
/// <param name="ClientId">Who made it: a client's id, or <c>server</c> for our own writers.</param>
internal sealed record Change(string App, string Table, string RecordId, ChangeOp Op, string ClientId)
{
    public const string Server = "server";

    /// <summary>What to write. A register takes all its fields at once; a field that is gone is written as <c>null</c>.</summary>
    public ImmutableSortedDictionary<string, FieldWrite> Fields { get; init; } =
        ImmutableSortedDictionary.Create<string, FieldWrite>(StringComparer.Ordinal);

    /// <summary>What a register's fields come to, made before where there was time for it; null: it is made when the change is merged.</summary>
    public RecordState? Whole { get; init; }

    /// <summary>When it was deleted, or written where a field has no time of its own. Null: when it arrives.</summary>
    public FieldTime? At { get; init; }

    public MergeKind Merge { get; init; }

    /// <summary>Whose data; see <see cref="Scope"/>.</summary>
    public Scope Scope { get; init; } = Scope.Own;

    /// <summary>How it says which record it means.</summary>
    public Naming Naming { get; init; }

    /// <summary>The space in which the record is, where the change moves it to <see cref="Scope"/>; null where it does not.</summary>
    public string? FromSpace { get; init; }

    public long? MutationId { get; init; }

    /// <summary>Any JSON; opaque.</summary>
    public string? Actor { get; init; }

    public string? Origin { get; init; }

    public int SchemaVersion { get; init; } = 1;

    /// <summary>A write without a time that would change nothing is a repetition, not a new write: the mana protocol has no mutation ids.</summary>
    public bool RepeatsAreNothing { get; init; }

    /// <summary>It was written before, and comes back as it was: also under a key that is not the one of now.</summary>
    public bool IsRestored { get; init; }

    /// <summary>A list of a space's members whose signature was checked; others are not taken.</summary>
    public bool IsSignedList { get; init; }

    /// <summary>How another server has logged it, whose log is taken over; null for what comes in now.</summary>
    public EarlierEntry? Earlier { get; init; }
}

internal enum ChangeStatus
{
    /// <summary>It is in the log, at least one field of it.</summary>
    Applied,

    /// <summary>Something later was there already, or the very same.</summary>
    Superseded,

    /// <summary>Not stored; <see cref="ChangeResult.Code"/> says why.</summary>
    Rejected,
}

/// <param name="Code">Stable, snake_case; null unless rejected, or restored otherwise than it was.</param>
internal sealed record ChangeResult(ChangeStatus Status, string? Code = null, string? Detail = null)
{
    public static readonly ChangeResult Applied = new(ChangeStatus.Applied);

    public static readonly ChangeResult Superseded = new(ChangeStatus.Superseded);

    public static ChangeResult Rejected(string code, string detail) => new(ChangeStatus.Rejected, code, detail);
}
