using Lockstep.Calendaring.ICalendar;
using Lockstep.Server.Calendars;
using Lockstep.Server.ChangeSync;
using Lockstep.Server.ChangeSync.Quotas;
using Lockstep.Server.ChangeSync.Schemas;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Lockstep.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;
using NodaTime;
using NodaTime.Text;
using Npgsql;
using Xunit;

namespace Lockstep.Tests.Calendars;

/// <summary>A database with two users, the doors of the calendars over it, and a clock that tests move.</summary>
public sealed class CalendarWorld(PostgresServer postgres) : IAsyncLifetime
{
    private string name = "";

    internal MovableClock Clock { get; } = new();

    internal Database Database { get; private set; } = null!;

    internal EventStore Events { get; private set; } = null!;

    internal CalendarMirror Mirror { get; private set; } = null!;

    internal ChangeLog Log { get; private set; } = null!;

    internal TenantSession Alice { get; private set; } = null!;

    internal TenantSession Bob { get; private set; } = null!;

    internal static CancellationToken Ct => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        name = await MigratedDatabase.CreateAsync(postgres);
        Database = MigratedDatabase.Serve(postgres, name);
        Log = new ChangeLog(
            new WriteRules(new ChangeHandlers(
                new Dictionary<string, AppHandler> { ["calendar"] = PushedEvents.Handle }, new Dictionary<string, RecordFinder> { ["calendar"] = RestoredEvents.Find }), QuotaOptions.None, new TableSchemas()), new ScopeSignals(new ScopeTokens(new CursorKey(new byte[32]))), new PushGroups(), NullLogger<ChangeLog>.Instance);
        var changes = new EventChanges(Log);
        Events = new EventStore(new EventEdits(changes, Clock));
        Mirror = new CalendarMirror(changes, Clock);
        Alice = await NewUser();
        Bob = await NewUser();
    }

    internal async Task<TenantSession> NewUser()
    {
        var id = new UserId(Guid.CreateVersion7());
        await Administer("INSERT INTO auth.users (id, email) VALUES ($1, 'somebody@example.com')", id.Value);
        return Database.For(Caller.Worker(id));
    }

    internal async Task<WorkspaceId> NewWorkspace(params TenantSession[] members)
    {
        var id = new WorkspaceId(Guid.CreateVersion7());
        await Administer("INSERT INTO lockstep.workspaces (id, name, slug) VALUES ($1, 'Team', $2)", id.Value, id.ToString());
        foreach (var member in members)
            await Administer(
                "INSERT INTO lockstep.workspace_members (workspace_id, user_id, role) VALUES ($1, $2, 'owner')", id.Value, member.Caller.RequiredUser.Value);
        return id;
    }

    /// <summary>An integration of the user's with these calendars; the first takes new events.</summary>
    internal async Task<(IntegrationId Integration, IReadOnlyList<MirroredCalendar> Calendars)> Connect(TenantSession user, params string[] hrefs)
    {
        var id = IntegrationId.New();
        await Administer(
            "INSERT INTO lockstep.integrations (id, user_id, integration_type, label, external_username, config) VALUES ($1, $2, 'caldav', 'Mine', $3, jsonb_build_object('url', 'https://example.com/', 'username', 'me', 'calendarPath', '', 'selectedCalendarIds', '[]'::jsonb))",
            id.Value, user.Caller.RequiredUser.Value, id.ToString());
        await user.Transact(async transaction =>
        {
            await Mirror.SetCalendars(transaction, id, [.. hrefs.Select((href, i) => new WantedCalendar(href, $"Calendar {i}", null, i == 0, false))], Ct);
            return 0;
        }, Ct);
        return (id, await CalendarMirror.Calendars(user, id, Ct));
    }

    internal async Task<CalendarId> ConnectOne(TenantSession user) =>
        (await Connect(user, $"https://dav.example.com/{Guid.CreateVersion7():N}/")).Calendars[0].Id;

    internal async Task<EventRow> Make(TenantSession user, EventBody body, string? calendar = null, WorkspaceId? workspace = null)
    {
        var change = body.Check(making: true, new())!;
        return ((EventOutcome.Stored)await Events.Create(user, change, calendar, workspace, Ct)).Event;
    }

    internal async Task<EventRow> Edit(TenantSession user, EventId id, EventBody body) =>
        ((EventOutcome.Stored)await Events.Patch(user, id, body.Check(making: false, new())!, null, Ct)).Event;

    internal Task<PageApplied?> Apply(TenantSession user, CalendarId calendar, params RemoteObject[] changed) =>
        Mirror.ApplyPage(user, calendar, new RemotePage(changed, [], null), Ct);

    internal static async Task<IReadOnlyList<string>> Titles(TenantSession user) =>
        [.. (await EventStore.List(user, Instant.FromUtc(2000, 1, 1, 0, 0), Instant.FromUtc(2100, 1, 1, 0, 0), null, 1000, Ct)).Select(row => row.Facts.Summary)];

    internal async Task<T> Scalar<T>(string sql, params object[] values)
    {
        await using var connection = new NpgsqlConnection(postgres.ConnectionString("postgres", name) + ";Pooling=false");
        await connection.OpenAsync();
#pragma warning disable CA2100 // Written in the tests.
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        foreach (var value in values)
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        return (T)(await command.ExecuteScalarAsync())!;
    }

    public async ValueTask DisposeAsync()
    {
        await Database.DisposeAsync();
        await postgres.DropDatabaseAsync(name);
    }

    internal Task Administer(string sql, params object[] values) => Scalar<object?>(sql + " RETURNING 1", values);

    internal static EventBody Meeting(string summary = "Meeting", string start = "2026-03-02T09:00:00Z", string end = "2026-03-02T10:00:00Z") =>
        new() { Summary = summary, Start = new EventTime(start), End = new EventTime(end) };

    /// <summary>An event as another client wrote it.</summary>
    internal static string Ics(string uid, string summary, Instant? modified = null, string more = "", string start = "DTSTART:20260302T090000Z", string end = "DTEND:20260302T100000Z") =>
        string.Join("\r\n", new[]
        {
            "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Example//Other client//EN", "BEGIN:VEVENT", $"UID:{uid}", "DTSTAMP:20260101T000000Z",
            modified is { } at ? "LAST-MODIFIED:" + CalendarTime.Utc(at) : "", start, end, $"SUMMARY:{summary}", more, "END:VEVENT", "END:VCALENDAR", "",
        }.Where((line, i) => line.Length > 0 || i == 13));

    internal static Instant At(string text) => InstantPattern.General.Parse(text).Value;
}

/// <summary>The real time, moved: the database's clock goes on as it is, so tests stay within its tolerance or in the past.</summary>
internal sealed class MovableClock : TimeProvider
{
    private TimeSpan moved;

    public Instant Now => EventClock.Now(this);

    public void Move(Duration by) => moved += by.ToTimeSpan();

    public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + moved;
}
