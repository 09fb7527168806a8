using Lockstep.Calendaring.Caldav;
using Lockstep.Server.Calendars;

namespace Lockstep.Server.Integrations.Caldav;

/// <summary>Writes what was edited here to one calendar, each write conditional; step (6) of <see cref="SyncPlan"/>.</summary>
internal sealed class CalendarPush(SyncTools tools, MirroredCalendar calendar)
{
    /// <summary>How often one event is tried in a run: each time somebody was quicker.</summary>
    private const int MostTries = 3;

    /// <summary>How often a write is refused before it is left alone until the event is edited again.</summary>
    private const int MostAttempts = 8;

    private const int PageSize = 200;

    private readonly Href href = Href.Parse(calendar.Href);
    private readonly Dictionary<CalendarObjectId, int> tries = [];
    private readonly HashSet<CalendarObjectId> refused = [];
    private string? refusal;
    private int pushed;

    public async Task<CalendarResult> Run(CancellationToken ct)
    {
        SyncFailure? guarded = null;
        for (var first = true; ; first = false)
        {
            var pending = await CalendarMirror.PendingWrites(tools.Session, calendar.Id, PageSize + refused.Count, ct);
            var writes = pending.Where(MayBeTried).ToList();
            // Once: what is left of an agreed deletion would be asked about again.
            if (first)
                guarded = await Guard(pending, ct);
            if (guarded is not null)
                writes.RemoveAll(write => write is PendingWrite.Delete);
            if (writes.Count == 0)
                break;
            foreach (var write in writes)
            {
                if (await Write(write, ct) is { } stopped)
                    return stopped;
            }
        }
        return new CalendarResult(pushed, guarded ?? (refused.Count == 0 ? null : new SyncFailure(
            FailureKind.Partial, "write_refused", $"{refused.Count} events could not be written to calendar {calendar.Name}: {refusal}")));
    }

    private bool MayBeTried(PendingWrite write) =>
        write.Attempts < MostAttempts && !refused.Contains(write.Id) && tries.GetValueOrDefault(write.Id) < MostTries;

    /// <returns>Null when the run goes on.</returns>
    private async Task<CalendarResult?> Write(PendingWrite write, CancellationToken ct)
    {
        tries[write.Id] = tries.GetValueOrDefault(write.Id) + 1;
        var based = write is PendingWrite.Change { ETag: var change } ? change : (write as PendingWrite.Delete)?.ETag;
        if (write is not PendingWrite.Create && ETag.Parse(based) is null)
            return await ReadAgain(write, ct);
        tools.RequireLease();
        var (failure, etag) = await Send(write, ETag.Parse(based), ct);
        switch (SyncPlan.Judge(write, failure))
        {
            case WriteVerdict.Done:
                pushed++;
                await tools.Mirror.WriteDone(tools.Session, write, etag, ct);
                return null;
            case WriteVerdict.ReadAgain:
                return await ReadAgain(write, ct);
            case WriteVerdict.Refused:
                refused.Add(write.Id);
                refusal = CaldavFailures.Sentence(failure!);
                await CalendarMirror.WriteRefused(tools.Session, write, refusal, ct);
                return null;
            default:
                return CalendarResult.Failed(pushed, failure!);
        }
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
    private async Task<CalendarResult?> ReadAgain(PendingWrite write, CancellationToken ct)
    {
        var answer = await CalendarFetch.One(tools.Client, Href.Parse(write.Href), ct);
        if (!answer.TryGet(out var found, out var failure))
            return CalendarResult.Failed(pushed, failure);
        RemoteObject[] changed = [.. found.Objects.Select(o => new RemoteObject(write.Href, o.ETag?.Value, o.Ics, o.LastModified))];
        string[] removed = [.. found.Gone.Select(_ => write.Href)];
        await tools.Apply(calendar, new RemotePage(changed, removed, null), ct);
        return null;
    }

    /// <summary>The same guard in the other direction: a mistake here must not empty a calendar there.</summary>
    private async Task<SyncFailure?> Guard(IReadOnlyList<PendingWrite> pending, CancellationToken ct)
    {
        if (pending.Count(write => write is PendingWrite.Delete) < SyncPlan.LeastSuspicious)
            return null;
        var mirror = await CalendarMirror.Objects(tools.Session, calendar.Id, ct);
        var deletions = mirror.Count(known => known.State == ObjectState.Deleted);
        var onServer = mirror.Count(known => known.State != ObjectState.New);
        return tools.Deletions.Allows(deletions, onServer)
            ? null
            : new SyncFailure(FailureKind.MassDelete, "mass_delete",
                $"{deletions} of {onServer} events of calendar {calendar.Name} were deleted here at once. Nothing was deleted on {href.Url.Host}. "
                + $"If that is right, confirm it: POST .../confirm-deletions with count {deletions}.");
    }
}
