using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using Lockstep.Server.ChangeSync;
using Lockstep.Server.ChangeSync.Mana;
using Lockstep.Server.ChangeSync.Schemas;
using Lockstep.Server.ChangeSync.Snapshot;
using Lockstep.Server.Postgres;
using Lockstep.Server.Postgres.Embedded;
using Lockstep.Server.Tenancy;
using Lockstep.Tests.Support;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using NodaTime;
using Npgsql;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.ChangeSync;

/// <summary>How PostgreSQL carries out what the change sync asks of it, as docs/change-sync-plans.md keeps it.</summary>
public sealed class QueryPlanTests(PostgresServer postgres) : IAsyncLifetime
{
    /// <summary>More than the five after which PostgreSQL may take a plan for all values (PostgreSQL manual, PREPARE).</summary>
    private const int Times = 8;

    private static readonly string Document = Path.Combine(Repository.Root, "docs", "change-sync-plans.md");

    private readonly PlanRecorder plans = new();
    private string name = "";
    private Database database = null!;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        name = await MigratedDatabase.CreateAsync(postgres);
        await Administer(Rows);
        foreach (var role in new[] { Roles.App, Roles.Service })
            await Administer(
                $"""
                ALTER ROLE {role} IN DATABASE {name} SET session_preload_libraries = 'auto_explain';
                ALTER ROLE {role} IN DATABASE {name} SET auto_explain.log_min_duration = 0;
                ALTER ROLE {role} IN DATABASE {name} SET auto_explain.log_nested_statements = on;
                ALTER ROLE {role} IN DATABASE {name} SET auto_explain.log_level = notice;
                ALTER ROLE {role} IN DATABASE {name} SET auto_explain.log_format = json;
                """);
        var service = Source(Roles.Service);
        database = new Database(Source(Roles.App), service, service);
    }

    public async ValueTask DisposeAsync()
    {
        await database.DisposeAsync();
        await postgres.DropDatabaseAsync(name);
    }

    /// <summary>Writes the file anew, so that a change is committed or refused; .ci/run fails when it is dirty.</summary>
    [Fact]
    public async Task Defect_25_no_statement_of_push_pull_stream_or_snapshot_scans_a_table_and_each_goes_as_its_document_says()
    {
        var session = database.For(Caller.Worker(new UserId(await ScalarAsync("SELECT m.user_id FROM lockstep.workspace_members m ORDER BY m.user_id LIMIT 1"))));
        var space = (await ScalarAsync($"SELECT m.workspace_id FROM lockstep.workspace_members m WHERE m.user_id = '{session.Caller.RequiredUser}' LIMIT 1")).ToString();
        var log = new ChangeLog(WriteRules.None, new ScopeSignals(new ScopeTokens(new CursorKey(new byte[32]))), new PushGroups(), NullLogger<ChangeLog>.Instance);
        var start = await Pull(session, null);
        var notices = new SyncNotices(session, null);
        await notices.Look(Ct);
        await database.For(Caller.Service).Execute(new Statement("SELECT 1"), Ct); // Npgsql asks a new connection for its types.
        var told = new StringBuilder(
            """
            # How the hot statements are carried out

            What auto_explain says of each statement, those inside functions too, while the server's own code runs them over 8,000 spaces and 3,000 scopes: the ways into the tables.
            `QueryPlanTests` asks again and fails where the answer is another one, or where a table is scanned; it writes this file anew.

            """);

        async Task Tell(string what, Func<int, Task> run)
        {
            plans.Take();
            for (var i = 1; i <= Times; i++)
                await run(i);
            var heard = plans.Take();
            heard.ShouldNotBeEmpty(what);
            told.Append(CultureInfo.InvariantCulture, $"\n## {what}\n```text\n");
            foreach (var (statement, scans) in heard)
                told.Append(CultureInfo.InvariantCulture, $"{statement}\n{string.Concat(scans.Select(scan => $"    {scan}\n"))}");
            told.Append("```\n");
        }

        await Tell("A push to one's own data", i => log.Push(session, "big", "own", [Written(i, $"r{i}", "")], Ct));
        await Tell("A push to a space", i => log.Push(session, "big", "shared", [Written(i, $"r{i}", space)], Ct));
        await Tell("A push that is repeated", _ => log.Push(session, "big", "own", [Written(Times, $"r{Times}", "")], Ct));
        await Tell("A push of the mana protocol to both", i => log.Store(session, [Written(i, $"m{i}", "").Change, Written(i, $"m{i}", space).Change], new Dictionary<int, ChangeResult>(), Ct));
        await Tell("A first pull", _ => Pull(session, null));
        await Tell("A pull of what is new", _ => Pull(session, start));
        await Tell("A pull of some collections that leaves out one's own", _ => Pull(session, start, ["items", "others"], "own"));
        await Tell("A pull from a time", _ => ChangeLog.Pull(session, new PullRequest("big", null, null, 500, Instant.FromUtc(2026, 3, 1, 9, 0)), Ct));
        await Tell("What a socket of the mana protocol looks for", _ => notices.Look(Ct));
        await Tell("A snapshot", async _ =>
        {
            var heads = await SnapshotReader.Heads(session, Ct);
            await foreach (var page in SnapshotReader.Pages(session, new TableSchemas(), "big", heads, null, new SnapshotPlace(Guid.Empty, "", ""), Ct))
                page.Changes.ShouldNotBeEmpty();
        });
        await Tell("The look at all heads, once a second", _ => database.For(Caller.Service).Query(
            new Statement("SELECT m.user_id, m.mark FROM lockstep.scope_marks($1) m", new[] { session.Caller.RequiredUser.Value }), row => row.GetInt64(1), Ct));

        await Tell("The look for missing numbers, once a minute", _ => database.For(Caller.Service).Query(
            new Statement("SELECT h.scope_id, h.holes FROM lockstep.sync_holes($1) h", start.Scopes.Keys.ToArray()), row => row.GetInt64(1), Ct));

        var text = told.ToString();
        text.Split('\n').Where(line => line.StartsWith("    Seq Scan", StringComparison.Ordinal)).ShouldBeEmpty(text);
        var before = File.Exists(Document) ? await File.ReadAllTextAsync(Document, Ct) : "";
        if (text != before)
            await File.WriteAllTextAsync(Document, text, Ct);
        text.ShouldBe(before, "docs/change-sync-plans.md was out of date and has been written anew: look at the difference and commit it.");
    }

    // 30,000 rows a table at most: of those ANALYZE reads every one, so that it comes to the same figures each time.
    private const string Rows =
        """
        INSERT INTO auth.users (id, email) SELECT md5('u' || n)::uuid, 'u' || n || '@example.com' FROM generate_series(1, 2000) n;
        INSERT INTO lockstep.auth_identities (issuer, subject, user_id) SELECT '', 'u' || n || '@example.com', md5('u' || n)::uuid FROM generate_series(1, 2000) n;
        INSERT INTO lockstep.workspaces (id, name, slug, external_id) SELECT md5('w' || n)::uuid, 'W', 'w-' || n, 'org-' || n FROM generate_series(1, 8000) n;
        INSERT INTO lockstep.workspace_members (workspace_id, user_id, role)
        SELECT md5('w' || (n + k * 300) % 1000 + 1)::uuid, md5('u' || n)::uuid, 'member' FROM generate_series(1, 2000) n, generate_series(0, 2) k;
        INSERT INTO lockstep.sync_scopes (scope_id, user_id, head) SELECT md5('su' || n)::uuid, md5('u' || n)::uuid, 9 FROM generate_series(1, 2000) n;
        INSERT INTO lockstep.sync_scopes (scope_id, workspace_id, head) SELECT md5('sw' || n)::uuid, md5('w' || n)::uuid, 9 FROM generate_series(1, 1000) n;
        INSERT INTO lockstep.sync_changes (scope_id, seq, event_id, app, table_name, record_id, op, data, field_times, user_id, client_id, schema_version, bytes, created_at)
        SELECT s.scope_id, n, gen_random_uuid(), 'big', 'items', 'r' || n, 'insert', '{"a":1}', '{"a":[1,0,"x"]}', coalesce(s.user_id, s.workspace_id), 'x', 1, 20, '2026-03-01'
        FROM   lockstep.sync_scopes s, generate_series(1, 9) n;
        INSERT INTO lockstep.sync_records (scope_id, app, table_name, record_id, data, field_times, field_seq, written_at, deleted, last_seq, user_id, schema_version)
        SELECT c.scope_id, c.app, c.table_name, c.record_id, c.data, c.field_times, '{"a":1}', '[1,0,"x"]', false, c.seq, c.user_id, 1 FROM lockstep.sync_changes c;
        INSERT INTO lockstep.sync_clients (user_id, app, client_id) SELECT u.id, 'big', 'c' || n FROM auth.users u, generate_series(1, 5) n;
        INSERT INTO lockstep.sync_receipts (user_id, app, client_id, first_mutation, last_mutation, results)
        SELECT c.user_id, c.app, c.client_id, n, n, '[]' FROM lockstep.sync_clients c, generate_series(1, 2) n;
        ANALYZE auth.users, lockstep.auth_identities, lockstep.workspaces, lockstep.workspace_members, lockstep.sync_scopes, lockstep.sync_changes, lockstep.sync_records,
                lockstep.sync_clients, lockstep.sync_receipts;
        """;

    private static async Task<SyncCursor> Pull(TenantSession session, SyncCursor? cursor, string[]? tables = null, string? notBy = null) =>
        (await ChangeLog.Pull(session, new PullRequest("big", cursor, tables, 500, NotBy: notBy), Ct)).ShouldBeOfType<PullOutcome.Page>().Cursor;

    private static NumberedChange Written(long id, string record, string space) => new(
        id,
        new Change("big", "items", record, ChangeOp.Update, "own")
        {
            MutationId = id,
            Scope = new Scope(space),
            Fields = ImmutableSortedDictionary<string, FieldWrite>.Empty.Add("a", new FieldWrite($"{id}", null)),
        },
        $"hash {id}",
        null);

    // One connection, so that statements are prepared and planned as in one that serves for long.
    private NpgsqlDataSource Source(string role) => new NpgsqlDataSourceBuilder(
        new NpgsqlConnectionStringBuilder(postgres.ConnectionString(role, name)) { MaxPoolSize = 1, MaxAutoPrepare = 100, AutoPrepareMinUsages = 2 }.ConnectionString)
        .UseLoggerFactory(LoggerFactory.Create(logging => logging.SetMinimumLevel(LogLevel.Debug).AddProvider(plans))).Build();

    private async Task<Guid> ScalarAsync(string sql)
    {
        await using var source = NpgsqlDataSource.Create(postgres.ConnectionString(EmbeddedConnection.Superuser, name));
#pragma warning disable CA2100 // Written in this file.
        await using var command = source.CreateCommand(sql);
#pragma warning restore CA2100
        return (Guid)(await command.ExecuteScalarAsync(Ct))!;
    }

    private async Task Administer(string sql)
    {
        await using var source = NpgsqlDataSource.Create(postgres.ConnectionString(EmbeddedConnection.Superuser, name));
#pragma warning disable CA2100 // Written in this file.
        await using var command = source.CreateCommand(sql);
#pragma warning restore CA2100
        await command.ExecuteNonQueryAsync(Ct);
    }
}
