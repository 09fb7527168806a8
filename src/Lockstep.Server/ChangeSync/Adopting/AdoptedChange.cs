using System.Security.Cryptography;
using System.Text;
using Lockstep.Server.Tenancy;

namespace Lockstep.Server.ChangeSync.Adopting;

/// <summary>A row of another server's log.</summary>
/// <param name="Author">Whose change it was; he need not be in its space any more.</param>
/// <param name="Change">With <see cref="Change.Earlier"/>.</param>
/// <param name="Digest">SHA-256 of all that the row says: the same for the same row.</param>
internal sealed record AdoptedChange(UserId Author, Change Change, byte[] Digest)
{
    public EarlierEntry Entry => Change.Earlier!;

    /// <summary>What it says, as a state to merge.</summary>
    public RecordState State => WrittenState.Of(Change, MergeKind.Fields, Entry.Arrival(Change.ClientId));

    public static AdoptedChange Of(UserId author, Change change)
    {
        var row = new AdoptedChange(author, change, []);
        var (entry, state) = (row.Entry, row.State);
        return row with
        {
            Digest = SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n',
            [
                $"{entry.EventId} {entry.ReceivedAt.ToUnixTimeTicks()} {author} {AppendRows.Name(change.Op)} {change.SchemaVersion}",
                change.App, change.Table, change.RecordId, change.ClientId, change.Scope.Space, change.Actor ?? "", change.Origin ?? "",
                StateText.Data(state), StateText.ChangeTimes(state), StateText.Time(state.DeletedAt) ?? "",
            ]))),
        };
    }
}

/// <summary>What became of a row.</summary>
internal abstract record AdoptionOutcome
{
    private AdoptionOutcome() { }

    /// <summary>In the log under its id; without effect where what it says was there already or is older.</summary>
    public sealed record Stored(bool HadEffect) : AdoptionOutcome;

    /// <summary>It was taken over before, and is left as it is.</summary>
    public sealed record Known : AdoptionOutcome;

    /// <summary>It is here and the same; what it wrote is in the record, or was written over since.</summary>
    public sealed record Same : AdoptionOutcome;

    /// <param name="Why">To follow the name of the row.</param>
    public sealed record Bad(string Why) : AdoptionOutcome;
}
