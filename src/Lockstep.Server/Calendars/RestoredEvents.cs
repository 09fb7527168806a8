using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Lockstep.Server.ChangeSync;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using NodaTime;

namespace Lockstep.Server.Calendars;

/// <summary>What an export says of an event, as far as it holds anywhere.</summary>
/// <param name="Calendar">Our id of the calendar it was of; null: it was only there.</param>
internal sealed record RestoredEvent(string Ics, string? Calendar, MatterId? Matter);

/// <summary>Events of an export that come back, here or at another installation: the resource is what counts, everything else follows from it.</summary>
/// <remarks>
/// <code>
/// (1) the event of this id                       it was here all the time
/// (2) the one that a former import made of it    its id was somebody else's
/// (3) one of the same UID in a calendar here     the account is connected here too, and has brought it under another id
/// (4) none: it is made, in its calendar where that is here, else only here; a calendar that brings its UID later takes it (adopt_events)
/// </code>
/// A new event goes to no other calendar than its own: nobody who imports means to write all of it to somebody's server.
/// </remarks>
internal static class RestoredEvents
{
    private static readonly RestoreNote WithoutCalendar = new("without_calendar",
        "The calendar it was in is not connected here, so it is kept here only. Connect the account: where its server has the event, the two become one.");

    private static readonly RestoreNote WithoutMatter = new("without_matter", "The matter it belonged to is not here, so it belongs to none.");

    /// <summary>(1) to (3)</summary>
    public static async Task<IReadOnlyList<RecordName>> Find(TenantTransaction transaction, IReadOnlyList<Change> changes, CancellationToken ct)
    {
        var owner = transaction.Caller.RequiredUser;
        // A delete says no UID, and goes where the write beside it goes.
        var uids = new Dictionary<(string, string), string?>();
        foreach (var change in changes.Where(change => change.Op != ChangeOp.Delete))
            uids[(change.Scope.Space, change.RecordId)] = change.Fields.TryGetValue("ics", out var ics) && Text(ics.Json) is { } text ? EventFacts.Read(text, out _)?.Uid : null;
        var names = changes.Select(change => new RecordName(
            change.RecordId, Guid.TryParse(change.RecordId, out var id) ? Spare(change.Scope.Space, owner, id).ToString() : change.RecordId)).ToArray();
        var asked = Enumerable.Range(0, changes.Count).Where(i => Guid.TryParse(changes[i].RecordId, out _)).ToArray();
        var found = await transaction.Query(new Statement(
            """
            SELECT DISTINCT ON (n.at) n.at, e.id
            FROM   unnest($1::integer[], $2::uuid[], $3::uuid[], $4::text[], $5::text[]) n(at, id, spare, uid, space)
            JOIN   lockstep.resolve_spaces($6) r ON r.space = n.space
            CROSS  JOIN LATERAL (
                   SELECT o.id, o.workspace_id, o.changed_at, false AS deleted, CASE o.id WHEN n.id THEN 1 ELSE 2 END AS rank
                   FROM   lockstep.events o
                   WHERE  o.id IN (n.id, n.spare)
                   UNION  ALL
                   -- A deleted one too: whether it comes back is for the times to say.
                   SELECT o.id, o.workspace_id, o.changed_at, o.deleted, 3
                   FROM   lockstep.calendars c
                   JOIN   lockstep.events o ON o.calendar_id = c.id AND o.uid = n.uid
                   WHERE  c.workspace_id IS NOT DISTINCT FROM r.workspace_id) e
            WHERE  e.workspace_id IS NOT DISTINCT FROM r.workspace_id
            ORDER  BY n.at, e.rank, e.deleted, e.changed_at DESC, e.id
            """,
            asked,
            asked.Select(i => Guid.Parse(changes[i].RecordId)).ToArray(),
            asked.Select(i => Guid.Parse(names[i].Spare)).ToArray(),
            asked.Select(i => uids.GetValueOrDefault((changes[i].Scope.Space, changes[i].RecordId))).ToArray(),
            asked.Select(i => changes[i].Scope.Space).ToArray(),
            changes.Select(change => change.Scope.Space).Distinct(StringComparer.Ordinal).ToArray()), row => (At: row.GetInt32(0), Id: row.GetGuid(1)), ct);
        foreach (var (at, id) in found)
            names[at] = new RecordName(id.ToString(), id.ToString());
        return names;
    }

    /// <returns>Null when it says no resource: then it is judged as a pushed one.</returns>
    public static RestoredEvent? Read(IReadOnlyDictionary<string, string> fields) =>
        Text(fields.GetValueOrDefault("ics")) is { } ics
            ? new RestoredEvent(ics, Text(fields.GetValueOrDefault("calendarId")), Guid.TryParse(Text(fields.GetValueOrDefault("matterId")), out var matter) ? new MatterId(matter) : null)
            : null;

    /// <param name="row">The event as it is here, perhaps deleted; null when there is none. It is of <paramref name="workspace"/>.</param>
    public static async Task<AppVerdict> Store(
        TenantTransaction transaction, EventId id, EventRow? row, WorkspaceId? workspace, RestoredEvent restored, Instant at, CancellationToken ct)
    {
        if (EventFacts.Read(restored.Ics, out var problem) is not { } facts)
            return new AppVerdict.Refused("invalid_event", "ics: " + problem);
        if (row is not null && facts.Uid != row.Uid)
            return new AppVerdict.Refused("invalid_event", "ics: The event of this id has another UID here.");
        var matter = restored.Matter is { } named && await PushedEvents.HasMatter(transaction, named, workspace, ct) ? restored.Matter : row?.Matter;
        var note = restored.Matter is not null && matter is null ? WithoutMatter : null;
        if (row is not null)
        {
            var edited = (row with { Ics = restored.Ics, Matter = matter, Version = row.Version + 1, ChangedAt = at, Deleted = false }).Knowing(facts);
            await PushedEvents.Store(transaction, row, edited, ct);
            return new AppVerdict.Accepted(EventRecord.Texts(edited), note);
        }
        // (4)
        var owner = workspace is { } of ? Tenant.Of(of) : Tenant.Of(transaction.Caller.RequiredUser);
        var target = restored.Calendar is null ? null : await CalendarTargets.Find(transaction, restored.Calendar, workspace, ct);
        if (target is not null && (target.Owner != owner || target.ReadOnly))
            target = null;
        var made = new EventRow(id, owner, target?.Id, matter, facts.Uid, restored.Ics, 1, at, false, at, false).Knowing(facts);
        return await PushedEvents.Insert(transaction, made, target, ct)
            ? new AppVerdict.Accepted(EventRecord.Texts(made), note ?? (restored.Calendar is not null && target is null ? WithoutCalendar : null))
            : PushedEvents.IdUnavailable;
    }

    /// <summary>UUIDv8 (RFC 9562 section 5.8) of the id and whose the copy is: the same at each import.</summary>
    private static Guid Spare(string space, UserId user, Guid id)
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes($"{(space.Length == 0 ? user.ToString() : space)}\0{id}")).AsSpan(0, 16);
        hash[6] = (byte)((hash[6] & 0x0F) | 0x80);
        hash[8] = (byte)((hash[8] & 0x3F) | 0x80);
        return new Guid(hash, bigEndian: true);
    }

    private static string? Text(string? json) => json is not null && JsonNode.Parse(json) is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;
}
