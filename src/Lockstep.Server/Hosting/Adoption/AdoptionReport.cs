namespace Lockstep.Server.Hosting.Adoption;

/// <summary>What came of taking one installation over.</summary>
/// <param name="Found">Rows of all sources, users, spaces and members aside.</param>
/// <param name="AlreadyThere">Their id was there: left as they are, and verified like the others.</param>
/// <param name="Verified">Compared with the source afterwards, to the byte.</param>
/// <param name="Bad">The first thousand.</param>
internal sealed record AdoptionReport(int Found, int Stored, int AlreadyThere, int Verified, IReadOnlyList<BadRow> Bad)
{
    /// <summary>Of the stored ones, changes that say nothing that was not there already: a retry, or older than what is there.</summary>
    public int WithoutEffect { get; init; }

    /// <summary>All of them.</summary>
    public int BadRows { get; init; }

    /// <summary>Over what every row of the changes says, in their order; null without changes.</summary>
    public string? ChangesSha256 { get; init; }

    /// <summary>Everything that the sources hold is here, and the same.</summary>
    public bool SourceMayGo => BadRows == 0 && Verified == Found;
}

/// <param name="Row">The table and the row's id; its number where it has none.</param>
internal sealed record BadRow(string Row, string Why);
