namespace Lockstep.Server.Hosting.Adoption;

/// <summary>What a run has come to so far.</summary>
/// <param name="progress">Told of each row that a step has seen, of how many.</param>
internal sealed class AdoptionTally(Action<long, long> progress)
{
    /// <summary>Rows that are named; more are counted.</summary>
    private const int MostNamed = 1000;

    private readonly List<BadRow> bad = [];
    private int seen;

    public int Found { get; private set; }

    public int Stored { get; set; }

    public int WithoutEffect { get; set; }

    public int AlreadyThere { get; set; }

    public int Verified { get; set; }

    public int BadRows { get; private set; }

    /// <summary>Whether this step writes.</summary>
    public bool Storing { get; private set; }

    public void Begin(bool storing) => (seen, Storing) = (0, storing);

    /// <summary>The first step has seen them all.</summary>
    public void Counted() => Found = seen;

    public void See()
    {
        seen++;
        if (Found > 0)
            progress(seen, Found);
    }

    public void Spoil(string row, string why)
    {
        BadRows++;
        if (bad.Count < MostNamed)
            bad.Add(new BadRow(row, why));
    }

    public AdoptionReport Report(string? sha256) => new(Found, Stored, AlreadyThere, Verified, bad)
    {
        WithoutEffect = WithoutEffect,
        BadRows = BadRows,
        ChangesSha256 = sha256,
    };
}
