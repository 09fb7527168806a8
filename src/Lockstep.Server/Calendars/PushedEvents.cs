using System.Text.Json;
using System.Text.Json.Nodes;
using Lockstep.Server.ChangeSync;
using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using NodaTime;
using Npgsql;

namespace Lockstep.Server.Calendars;

/// <summary>Changes of app <c>calendar</c> that clients push. They have won already; here the resource is patched, or the whole change refused.</summary>
/// <remarks>
/// Fields are those of the API and <c>ics</c>, the whole resource, which counts when it is another than the one here. <c>uid</c>,
/// <c>allDay</c>, <c>floating</c> and <c>calendarId</c> of a known event follow from the rest and are passed over.
/// </remarks>
internal static class PushedEvents
{
    private static readonly string[] Derived = ["uid", "allDay", "floating"];

    // The same words whoever has it: that there is such an event elsewhere is not for the caller to know.
    internal static readonly AppVerdict.Refused IdUnavailable = new(RecordName.Unavailable, "This id cannot be used. Make a new UUID for the event and send it again.");

    /// <summary>The delegate that ChangeSync asks, inside the push's transaction.</summary>
    public static async Task<AppVerdict> Handle(TenantTransaction transaction, PushedChange change, CancellationToken ct)
    {
        if (change.Table != EventChanges.Table)
            return new AppVerdict.Refused("unknown_table", $"App {EventChanges.App} has the table {EventChanges.Table} alone.");
        if (!Guid.TryParse(change.RecordId, out var id))
            return new AppVerdict.Refused("bad_record_id", "The id of an event is a UUID.");
        var row = await transaction.First(LocalEdits.Lock(new EventId(id)), EventRow.Read, ct);
        var workspace = await Workspace(transaction, change.Scope, ct);
        // An event of another space than the change names: its record would stand in one log, the event in another.
        if (row is not null && row.Owner.Workspace != workspace)
            return IdUnavailable;
        if (row is { ReadOnly: true })
            return new AppVerdict.Refused("calendar_read_only", "This calendar takes no writes.");
        var at = Instant.FromUnixTimeMilliseconds(change.At.Milliseconds);
        if (change.Op == ChangeOp.Delete)
            return await Delete(transaction, row, at, ct);
        if (change.IsRestored && RestoredEvents.Read(change.Fields) is { } restored)
            return await RestoredEvents.Store(transaction, new EventId(id), row, workspace, restored, at, ct);
        return Read(change.Fields, row) is var (body, ics, problem) && problem is not null ? new AppVerdict.Refused("invalid_event", problem)
            : row is { Deleted: false } ? await Edit(transaction, row, body, ics, at, ct)
            : await Make(transaction, new EventId(id), row, workspace, body, ics, at, ct);
    }

    private static async Task<AppVerdict> Delete(TenantTransaction transaction, EventRow? row, Instant at, CancellationToken ct)
    {
        if (row is { Deleted: false })
            await Store(transaction, row, row with { Deleted = true, Version = row.Version + 1, ChangedAt = at }, ct);
        return new AppVerdict.Accepted(new Dictionary<string, string>());
    }

    private static async Task<AppVerdict> Edit(
        TenantTransaction transaction, EventRow row, EventBody body, string? ics, Instant at, CancellationToken ct)
    {
        var errors = new FieldErrors();
        var change = body.Check(making: false, errors);
        var matter = change?.Matter.Or(row.Matter) ?? row.Matter;
        if (change?.TimesProblem(row.Facts.Start, row.Facts.End) is { } problem)
            errors.Add("end", problem);
        if (change is not null && ics is null && EventEditing.StartProblem(row.Ics, change) is { } misfit)
            errors.Add("recurrence", misfit);
        if (matter is { } named && matter != row.Matter && !await HasMatter(transaction, named, row.Owner.Workspace, ct))
            errors.Add("matterId", "There is no such matter.");
        if (errors.Any)
            return Refused(errors);
        var edited = row with { Ics = ics ?? EventEditing.Patch(row.Ics, change!, at), Matter = matter, Version = row.Version + 1, ChangedAt = at };
        await Store(transaction, row, edited, ct);
        return new AppVerdict.Accepted(EventRecord.Texts(edited));
    }

    /// <param name="tombstone">The event was deleted and a later write brings it back.</param>
    private static async Task<AppVerdict> Make(
        TenantTransaction transaction, EventId id, EventRow? tombstone, WorkspaceId? workspace, EventBody body, string? ics, Instant at, CancellationToken ct)
    {
        var errors = new FieldErrors();
        var change = body.Check(making: ics is null, errors);
        var owner = workspace is { } of ? Tenant.Of(of) : Tenant.Of(transaction.Caller.RequiredUser);
        var target = tombstone is null ? await CalendarTargets.Find(transaction, body.CalendarId, workspace, ct) : null;
        if (target is not null && target.Owner != owner || tombstone is null && body.CalendarId is not null && target is null)
            errors.Add("calendarId", "There is no such calendar.");
        if (target is { ReadOnly: true })
            return new AppVerdict.Refused("calendar_read_only", "This calendar takes no writes.");
        var matter = change?.Matter.Value;
        if (matter is { } named && !await HasMatter(transaction, named, workspace, ct))
            errors.Add("matterId", "There is no such matter.");
        if (errors.Any)
            return Refused(errors);
        var uid = tombstone?.Uid ?? (ics is null ? id.ToString() : EventFacts.Read(ics, out _)!.Uid);
        var row = new EventRow(
            id, tombstone?.Owner ?? owner, tombstone?.Calendar ?? target?.Id, matter, uid, ics ?? EventEditing.Create(change!, uid, at),
            (tombstone?.Version ?? 0) + 1, at, false, at, false);
        if (tombstone is not null)
            await Store(transaction, tombstone, row, ct);
        else if (!await Insert(transaction, row, target, ct))
            return IdUnavailable;
        return new AppVerdict.Accepted(EventRecord.Texts(row));
    }

    /// <returns>False when the id, or the name that it gives the resource, is taken.</returns>
    internal static async Task<bool> Insert(TenantTransaction transaction, EventRow row, CalendarTarget? target, CancellationToken ct)
    {
        if (target is not null && (await transaction.Query(LocalEdits.Named(row, target), taken => taken.GetGuid(0), ct)).Count > 0)
            return false;
        if (await transaction.Execute(ct, EventRows.Make(row)) == 0)
            return false;
        if (target is not null)
            await transaction.Execute(ct, LocalEdits.New(row, target));
        return true;
    }

    internal static Task<int> Store(TenantTransaction transaction, EventRow old, EventRow row, CancellationToken ct) =>
        transaction.Execute(ct, [EventRows.Upsert([row]), .. LocalEdits.Dirty(old, row)]);

    private static (EventBody Body, string? Ics, string? Problem) Read(IReadOnlyDictionary<string, string> fields, EventRow? row)
    {
        var json = new JsonObject();
        string? ics = null;
        foreach (var (name, text) in fields)
            if (name == "ics")
                ics = JsonNode.Parse(text) is JsonValue value && value.TryGetValue<string>(out var told) ? told : null;
            else if (!Derived.Contains(name) && !(name == "calendarId" && (row is not null || text == "null")))
                json[name] = JsonNode.Parse(text);
        EventBody body;
        try
        {
            body = json.Deserialize<EventBody>(StrictJson.Options)!;
        }
        catch (JsonException e)
        {
            return (new EventBody(), null, $"A field is not what it should be, or unknown: {e.Path}.");
        }
        if (ics is null || ics == row?.Ics)
            return (body, null, null);
        return EventFacts.Read(ics, out var problem) is not { } facts ? (body, null, "ics: " + problem)
            : row is not null && facts.Uid != row.Uid ? (body, null, "ics: The UID of an event does not change.")
            : (body, ics, null);
    }

    // An event of a workspace takes the workspace's matters only.
    internal static async Task<bool> HasMatter(
        TenantTransaction transaction, MatterId matter, WorkspaceId? workspace, CancellationToken ct) => (await transaction.Query(
        new Statement(
            "SELECT m.id FROM lockstep.matters m WHERE m.id = $1 AND ($2::uuid IS NULL OR m.workspace_id = $2)", matter.Value, workspace?.Value),
        row => row.GetGuid(0), ct)).Count > 0;

    private static async Task<WorkspaceId?> Workspace(TenantTransaction transaction, Scope scope, CancellationToken ct) =>
        scope == Scope.Own ? null : (await transaction.Query(
            new Statement("SELECT r.workspace_id FROM lockstep.resolve_spaces(ARRAY[$1]) r", scope.Space), ReadWorkspace, ct)).FirstOrDefault();

    private static WorkspaceId? ReadWorkspace(NpgsqlDataReader row) => row.GetGuidOrNull(0) is { } id ? new WorkspaceId(id) : null;

    private static AppVerdict.Refused Refused(FieldErrors errors) =>
        new("invalid_event", string.Join(" ", errors.All.Select(error => $"{error.Key}: {string.Join(" ", error.Value)}")));
}
