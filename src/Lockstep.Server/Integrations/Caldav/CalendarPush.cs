using Lockstep.Calendaring.Caldav;
using Lockstep.Server.Calendars;

namespace Lockstep.Server.Integrations.Caldav;

/// <summary>Writes what was edited here to one calendar, each write conditional; step (6) of <see cref="SyncPlan"/>.</summary>
/// <remarks>Texts go to all calendars of an account before anything is deleted in one of them: an event that moved is never in neither.</remarks>
internal sealed class CalendarPush(SyncTools tools, MirroredCalendar calendar)
{
    /// <summary>How often one event is tried in a run: each time somebody was quicker.</summary>
    private const int MostTries = 3;

    /// <summary>So many failures of the server in a row are not about single events.</summary>
    private const int MostFailures = 3;

    private const int PageSize = 200;

    private readonly Href href = Href.Parse(calendar.Href);
    private readonly Dictionary<CalendarObjectId, int> tries = [];
    private readonly Dictionary<CalendarObjectId, string> refused = [];
    private readonly HashSet<CalendarObjectId> uidTaken = [];
    private readonly Dictionary<CalendarObjectId, ETag> notMatched = [];
    private SyncFailure? guarded;
    private int failures;
    private int pushed;

    /// <summary>Something was created that the server did not take because the same UID stands in another calendar.</summary>
    public bool WantsAnotherTry => uidTaken.Count > 0;

    public int Deleted { get; private set; }

    /// <summary>Creates and changes.</summary>
    /// <returns>Null when the run goes on.</returns>
    public Task<CalendarResult?> Put(CancellationToken ct) => Write(write => write is not PendingWrite.Delete, ct);

    /// <returns>Null when the run goes on.</returns>
    public async Task<CalendarResult?> Delete(CancellationToken ct)
    {
        guarded = await Guard(ct);
        return guarded is null ? await Write(write => write is PendingWrite.Delete, ct) : null;
    }

    /// <summary>Creates once more what was refused for its UID, now that deletions have made room.</summary>
    /// <returns>Null when the run goes on.</returns>
    public Task<CalendarResult?> PutAgain(CancellationToken ct)
    {
        foreach (var id in uidTaken)
        {
            refused.Remove(id);
            tries.Remove(id);
        }
        uidTaken.Clear();
        return Put(ct);
    }

    /// <summary>What came of it, with what could not be written now or in an earlier run.</summary>
    public CalendarResult Result => new(pushed, guarded ?? (refused.Count == 0 ? null : new SyncFailure(
        FailureKind.Partial, "write_refused", $"{refused.Count} events could not be written to calendar {calendar.Name}: {refused.First().Value}")));

    private async Task<CalendarResult?> Write(Func<PendingWrite, bool> now, CancellationToken ct)
    {
        while (true)
        {
            var pending = await CalendarMirror.PendingWrites(tools.Session, calendar.Id, PageSize + refused.Count, ct);
            foreach (var resting in pending.Where(write => write.Rests))
                refused.TryAdd(resting.Id, resting.LastRefusal ?? "it was refused before.");
            var writes = pending.Where(write => now(write) && !refused.ContainsKey(write.Id)).ToList();
            if (writes.Count == 0)
                return null;
            if (writes.Exists(write => write.Text is not null))
            {
                tools.RequireLease();
                await CalendarMirror.Sending(tools.Session, calendar.Id, writes, ct);
            }
            foreach (var write in writes)
            {
                if (await Try(write, ct) is { } stopped)
                    return stopped;
            }
        }
    }

    /// <returns>Null when the run goes on.</returns>
    private async Task<CalendarResult?> Try(PendingWrite write, CancellationToken ct)
    {
        tries[write.Id] = tries.GetValueOrDefault(write.Id) + 1;
        if (tries[write.Id] > MostTries)
            return await Refuse(write, "changed_meanwhile", "each time it was written, the server's version was another one.", ct);
        var based = ETag.Parse((write as PendingWrite.Change)?.ETag ?? (write as PendingWrite.Delete)?.ETag);
        if (write is not PendingWrite.Create && based is null)
            return tries[write.Id] == 1
                ? await ReadAgain(write, null, ct)
                : await Refuse(write, "no_etag", $"{href.Url.Host} gives no ETag for it, so that writing it could undo what somebody else changed.", ct);
        tools.RequireLease();
        // It said that another version stands there, and shows the very one that was named: it wants the tag as it spells it itself.
        var spelled = based is not null && notMatched.TryGetValue(write.Id, out var before) && before == based ? based.AsWeak() : based;
        var (failure, etag) = await Send(write, spelled, ct);
        if (failure is CaldavFailure.PreconditionFailed && based is not null)
            notMatched[write.Id] = based;
        switch (SyncPlan.Judge(write, failure))
        {
            case WriteVerdict.Done:
                failures = 0;
                pushed++;
                Deleted += write is PendingWrite.Delete ? 1 : 0;
                await tools.Mirror.WriteDone(tools.Session, write, etag, ct);
                return null;
            case WriteVerdict.ReadAgain:
                return await ReadAgain(write, failure, ct);
            case WriteVerdict.Refused:
                return await Refuse(write, CaldavFailures.Code(failure!), CaldavFailures.Sentence(failure!), ct);
            case WriteVerdict.Later:
                await Refuse(write, CaldavFailures.Code(failure!), CaldavFailures.Sentence(failure!), ct);
                return ++failures < MostFailures ? null : CalendarResult.Failed(pushed, failure!);
            default:
                return CalendarResult.Failed(pushed, failure!) with { EndsTheRun = true };
        }
    }

    private async Task<CalendarResult?> Refuse(PendingWrite write, string code, string reason, CancellationToken ct)
    {
        refused[write.Id] = reason;
        await CalendarMirror.WriteRefused(tools.Session, write, code, reason, ct);
        return null;
    }

    private async Task<(CaldavFailure? Failure, string? ETag)> Send(PendingWrite write, ETag? based, CancellationToken ct)
    {
        var target = Href.Parse(write.Href);
        switch (write)
        {
            case PendingWrite.Create create:
                var made = await tools.Client.PutAsync(target, create.Ics, null, ct);
                return (made.Failure, made.Failure is null ? made.Value.ETag?.Value : null);
            case PendingWrite.Change change:
                var put = await tools.Client.PutAsync(target, change.Ics, based, ct);
                return (put.Failure, put.Failure is null ? put.Value.ETag?.Value : null);
            default:
                var gone = await tools.Client.DeleteAsync(target, based!, ct);
                return (gone.Failure, null);
        }
    }

    /// <summary>Applies what the server has: that decides who wins, and the next look at what is pending says what is left to do.</summary>
    private async Task<CalendarResult?> ReadAgain(PendingWrite write, CaldavFailure? because, CancellationToken ct)
    {
        var answer = await CalendarFetch.One(tools.Client, Href.Parse(write.Href), ct);
        if (!answer.TryGet(out var found, out var failure))
            return CalendarResult.Failed(pushed, failure) with { EndsTheRun = true };
        if (write is PendingWrite.Create && because is not null && found.Gone.Count > 0)
        {
            // Nothing stands at that name, and still it may not be made: its UID stands elsewhere.
            uidTaken.Add(write.Id);
            return await Refuse(write, CalendarMirror.UidTaken, "the server has an event of the same UID elsewhere.", ct);
        }
        RemoteObject[] changed = [.. found.Objects.Select(o => new RemoteObject(write.Href, o.ETag?.Value, o.Ics, o.LastModified))];
        string[] removed = [.. found.Gone.Select(_ => write.Href)];
        await tools.Apply(calendar, new RemotePage(changed, removed, null), ct);
        return null;
    }

    /// <summary>The same guard in the other direction: a mistake here must not empty a calendar there.</summary>
    private async Task<SyncFailure?> Guard(CancellationToken ct)
    {
        var (deletions, onServer, recent) = await CalendarMirror.CountDeletions(tools.Session, calendar.Id, ct);
        return tools.Deletions.Allows(deletions, onServer + recent, recent)
            ? null
            : new SyncFailure(FailureKind.MassDelete, "mass_delete",
                $"{deletions} of {onServer} events of calendar {calendar.Name} were deleted here at once. Nothing was deleted on {href.Url.Host}. "
                + $"If that is right, confirm it: POST .../confirm-deletions with count {deletions}.");
    }
}
