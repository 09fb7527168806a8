using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Lockstep.Server.ChangeSync;
using Lockstep.Server.ChangeSync.Quotas;
using Lockstep.Server.ChangeSync.Schemas;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Lockstep.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.ChangeSync;

/// <summary>The door itself, over a real database: what Calendars and connectors use, and what no HTTP client can do.</summary>
public sealed class ChangeLogTests(PostgresServer postgres) : IAsyncLifetime
{
    private static readonly UserId Ana = new(Guid.CreateVersion7());
    private static readonly UserId Ben = new(Guid.CreateVersion7());
    private static readonly WorkspaceId Shared = new(Guid.CreateVersion7());

    private readonly ChangeLog log = Log(ChangeHandlers.None);
    private string name = "";
    private Database database = null!;

    public async ValueTask InitializeAsync()
    {
        name = await MigratedDatabase.CreateAsync(postgres);
        database = MigratedDatabase.Serve(postgres, name);
        await Administer("INSERT INTO auth.users (id) VALUES ($1), ($2)", Ana.Value, Ben.Value);
        await Administer("INSERT INTO lockstep.workspaces (id, name, slug, external_id) VALUES ($1, 'Shared', 'shared', 'org-7')", Shared.Value);
        await Administer("INSERT INTO lockstep.workspace_members (workspace_id, user_id, role) VALUES ($1, $2, 'owner'), ($1, $3, 'member')", Shared.Value, Ana.Value, Ben.Value);
    }

    public async ValueTask DisposeAsync()
    {
        await database.DisposeAsync();
        await postgres.DropDatabaseAsync(name);
    }

    [Fact]
    public async Task An_append_is_part_of_the_callers_transaction()
    {
        var session = Session(Ana);
        await session.Transact(tx => log.Append(tx, Scope.Of(Shared), [Written("kept")], CancellationToken.None), CancellationToken.None);
        await Should.ThrowAsync<InvalidOperationException>(() => session.Transact<int>(async tx =>
        {
            await log.Append(tx, Scope.Of(Shared), [Written("lost")], CancellationToken.None);
            throw new InvalidOperationException("rolled back");
        }, CancellationToken.None));
        var seen = (await PullAll(Ben)).ShouldHaveSingleItem();
        (seen.RecordId, seen.Space, seen.Author).ShouldBe(("kept", "org-7", Ana.Value));
    }

    [Fact]
    public async Task Who_has_read_everything_has_the_mark_that_the_look_at_the_heads_finds_and_another_one_after_each_change()
    {
        (await Marks(Ana)).ShouldBe((0, 0), "nothing was ever written");
        var seen = new HashSet<long>();
        foreach (var scope in new[] { Scope.Own, Scope.Of(Shared), Scope.Own })
        {
            await Session(Ana).Transact(tx => log.Append(tx, scope, [Written($"r{seen.Count}")], CancellationToken.None), CancellationToken.None);
            var (read, found) = await Marks(Ana);
            read.ShouldBe(found);
            seen.Add(found).ShouldBeTrue();
        }
        await Administer("DELETE FROM lockstep.workspace_members WHERE user_id = $1", Ana.Value);
        var (left, now) = await Marks(Ana);
        (left == now, seen.Contains(now)).ShouldBe((true, false));

        async Task<(long? Read, long Found)> Marks(UserId user) => (
            (await ChangeLog.Pull(Session(user), new PullRequest("any", null, null, 10), CancellationToken.None)).ShouldBeOfType<PullOutcome.Page>().Covered.Mark,
            (await database.For(Caller.Service).Query(new Statement("SELECT m.mark FROM lockstep.scope_marks($1) m", (object)new[] { user.Value }), row => row.GetInt64(0), CancellationToken.None))[0]);
    }

    [Fact]
    public async Task A_handler_decides_what_a_pushed_change_of_its_app_stores()
    {
        var asked = new List<PushedChange>();
        var calendar = Log(new ChangeHandlers(new Dictionary<string, AppHandler>
        {
            ["calendar"] = async (tx, change, ct) =>
            {
                asked.Add(change);
                (await tx.Query(new Statement("SELECT lockstep.current_user_id()"), row => row.GetGuid(0), ct)).ShouldBe([Ana.Value]);
                return change.Fields.GetValueOrDefault("summary") == "\"no\""
                    ? new AppVerdict.Refused("invalid_event", "No.")
                    : new AppVerdict.Accepted(new Dictionary<string, string>(change.Fields) { ["sequence"] = "1" });
            },
        }));
        var outcome = await calendar.Push(Session(Ana), "calendar", "phone",
        [
            Numbered(1, Event("e", "\"first\"", 1)),
            Numbered(2, Event("e", "\"older\"", 0)),
            Numbered(3, Event("e", "\"no\"", 2)),
        ], CancellationToken.None);
        outcome.ShouldBeOfType<PushOutcome.Stored>().Receipts.Select(receipt => receipt.Result.Code ?? receipt.Result.Status.ToString())
            .ShouldBe(["Applied", "Superseded", "invalid_event"]);
        asked.Count.ShouldBe(2, "what loses is not asked about");
        asked[1].Current!["sequence"].ShouldBe("1");
        (await PullAll(Ana, "calendar")).ShouldHaveSingleItem().State.Fields.Keys.ShouldBe(["sequence", "summary"]);
    }

    [Fact]
    public async Task A_push_takes_two_round_trips_and_a_pull_one()
    {
        using var trips = new RoundTrips();
        await Push(Ana, "c", 1, "warm");
        trips.Reset();
        await Push(Ana, "c", 2, "r");
        trips.Count.ShouldBe(2);
        trips.Reset();
        await ChangeLog.Pull(Session(Ana), new PullRequest("todo", null, null, 100), CancellationToken.None);
        trips.Count.ShouldBe(1);
    }

    [Fact]
    public async Task An_open_transaction_in_one_scope_does_not_hold_up_another()
    {
        await Session(Ana).Transact(async tx =>
        {
            await log.Append(tx, Scope.Of(Shared), [Written("open")], CancellationToken.None);
            await Push(Ben, "c", 1, "own").WaitAsync(TimeSpan.FromSeconds(1.5));
            return 0;
        }, CancellationToken.None);
        (await PullAll(Ben)).Select(change => change.RecordId).ShouldBe(["own", "open"], ignoreOrder: true);
    }

    [Fact]
    public async Task Sixteen_writers_with_rollbacks_lose_nothing_for_a_reader_that_follows()
    {
        var written = new ConcurrentBag<string>();
        var writers = Enumerable.Range(0, 16).Select(writer => Task.Run(async () =>
        {
            var random = new Random(writer);
            for (var i = 0; i < 25; i++)
            {
                var id = $"{writer}-{i}";
                var scope = random.Next(4) == 0 ? Scope.Own : Scope.Of(Shared);
                try
                {
                    await Session(random.Next(2) == 0 || scope == Scope.Own ? Ana : Ben).Transact(async tx =>
                    {
                        await log.Append(tx, scope, [Written(id)], CancellationToken.None);
                        if (random.Next(8) == 0)
                            await tx.Query(new Statement("SELECT pg_sleep(0.02)"), _ => 0, CancellationToken.None);
                        return random.Next(5) == 0 ? throw new OperationCanceledException("rolled back") : 0;
                    }, CancellationToken.None);
                    written.Add(id);
                }
                catch (OperationCanceledException)
                {
                    // It was meant to.
                }
                catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.LockNotAvailable)
                {
                    // Waited its two seconds for the scope: nothing was stored.
                }
            }
        })).ToList();

        var (seen, cursor) = (new List<string>(), SyncCursor.Start);
        var done = Task.WhenAll(writers);
        for (var last = false; ; last = done.IsCompleted)
        {
            var page = await Page(Ana, cursor);
            seen.AddRange(page.Changes.Select(change => change.RecordId));
            cursor = page.Cursor;
            if (last && !page.HasMore)
                break;
        }
        await done;
        written.Count.ShouldBeGreaterThan(100);
        written.Except(seen).Count().ShouldBe(0, "missed");
        (seen.Count - seen.Distinct().Count()).ShouldBe(0, "duplicates");
        seen.Count.ShouldBe(written.Count);
        (await Number("SELECT coalesce(sum(s.head - (SELECT count(*) FROM lockstep.sync_changes c WHERE c.scope_id = s.scope_id)), 0)::bigint FROM lockstep.sync_scopes s"))
            .ShouldBe(0, "holes");
        (await Number("SELECT count(*) FROM lockstep.sync_changes a JOIN lockstep.sync_changes b ON b.scope_id = a.scope_id AND b.seq = a.seq + 1 WHERE b.created_at <= a.created_at"))
            .ShouldBe(0, "times that do not rise");
    }

    private static ChangeLog Log(ChangeHandlers handlers) => new(new WriteRules(handlers, QuotaOptions.None, new TableSchemas()), new ScopeSignals(new ScopeTokens(new CursorKey(new byte[32]))), new PushGroups(), NullLogger<ChangeLog>.Instance);

    private TenantSession Session(UserId user) => database.For(Caller.Worker(user));

    private static Change Written(string record) => new("todo", "items", record, ChangeOp.Insert, Change.Server) { Fields = Fields("a", "1", null) };

    private static Change Event(string record, string summary, int at) => new("calendar", "events", record, ChangeOp.Update, "phone")
    {
        Fields = Fields("summary", summary, FieldTime.Of(1_700_000_000_000 + at, 0, "phone")),
    };

    private static System.Collections.Immutable.ImmutableSortedDictionary<string, FieldWrite> Fields(string name, string json, FieldTime? at) =>
        new Change("", "", "", ChangeOp.Insert, "").Fields.Add(name, new FieldWrite(json, at));

    private static NumberedChange Numbered(long id, Change change) => new(id, change with { MutationId = id }, $"hash {id}", null);

    private Task<PushOutcome> Push(UserId user, string client, long id, string record) =>
        log.Push(Session(user), "todo", client, [Numbered(id, Written(record) with { ClientId = client })], CancellationToken.None);

    private async Task<PullOutcome.Page> Page(UserId user, SyncCursor cursor, string app = "todo") =>
        (await ChangeLog.Pull(Session(user), new PullRequest(app, cursor, null, 500), CancellationToken.None)).ShouldBeOfType<PullOutcome.Page>();

    private async Task<IReadOnlyList<LoggedChange>> PullAll(UserId user, string app = "todo") => (await Page(user, SyncCursor.Start, app)).Changes;

    private async Task Administer(string sql, params object[] values)
    {
        await using var source = NpgsqlDataSource.Create(postgres.ConnectionString("postgres", name));
#pragma warning disable CA2100 // Written in this file.
        await using var command = source.CreateCommand(sql);
#pragma warning restore CA2100
        foreach (var value in values)
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        await command.ExecuteNonQueryAsync();
    }

    private async Task<long> Number(string sql)
    {
        await using var source = NpgsqlDataSource.Create(postgres.ConnectionString("postgres", name));
#pragma warning disable CA2100 // Written in this file.
        await using var command = source.CreateCommand(sql);
#pragma warning restore CA2100
        return (long)(await command.ExecuteScalarAsync())!;
    }

    /// <summary>Counts the round trips of the test that made it, whatever runs beside it.</summary>
    private sealed class RoundTrips : IDisposable
    {
        private static readonly AsyncLocal<RoundTrips?> Mine = new();
        private readonly MeterListener listener = new();
        private long count;

        public RoundTrips()
        {
            Mine.Value = this;
            listener.InstrumentPublished = (instrument, listening) =>
            {
                if (instrument.Name == "lockstep.db.round_trips")
                    listening.EnableMeasurementEvents(instrument);
            };
            listener.SetMeasurementEventCallback<long>((_, value, _, _) =>
            {
                if (Mine.Value == this)
                    Interlocked.Add(ref count, value);
            });
            listener.Start();
        }

        public long Count => Interlocked.Read(ref count);

        public void Reset() => Interlocked.Exchange(ref count, 0);

        public void Dispose() => listener.Dispose();
    }
}
