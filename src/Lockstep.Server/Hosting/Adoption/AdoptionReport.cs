namespace Lockstep.Server.Hosting.Adoption;

/// <summary>What came of taking one installation over.</summary>
/// <param name="Found">Rows of all sources, users aside.</param>
/// <param name="AlreadyThere">Their id was there: left as they are, and verified like the others.</param>
/// <param name="Verified">Compared with the source afterwards, to the byte.</param>
internal sealed record AdoptionReport(int Found, int Stored, int AlreadyThere, int Verified, IReadOnlyList<BadRow> Bad)
{
    /// <summary>Everything that the sources hold is here, and the same.</summary>
    public bool SourceMayGo => Bad.Count == 0 && Verified == Found;
}

/// <param name="Row">The table and the row's id; its number where it has none.</param>
internal sealed record BadRow(string Row, string Why);
