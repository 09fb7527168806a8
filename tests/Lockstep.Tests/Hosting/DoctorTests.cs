using System.Security.Cryptography;
using Lockstep.Crypto;
using Lockstep.Server.Hosting;
using Lockstep.Server.Hosting.Doctor;
using Lockstep.Server.Postgres.Embedded;
using Lockstep.Tests.Scenarios;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Hosting;

/// <summary>Set-ups that are broken for real, each looked over by <c>lockstep doctor</c>: it names the fault, and nothing else.</summary>
public sealed class DoctorTests(SickCluster cluster, PostgresServer postgres, PostgresServer18 postgres18) : IClassFixture<SickCluster>
{
    public static TheoryData<string, string, string, string, string> BrokenDatabases => new()
    {
        // What breaks it, what mends the cluster again, the code, what it names, what its remedy says.
        { "DROP ROLE anon", "CREATE ROLE anon", "role_missing", "anon", "lockstep migrate" },
        { "ALTER ROLE lockstep_owner LOGIN", "ALTER ROLE lockstep_owner NOLOGIN", "owner_login", "lockstep_owner", "NOLOGIN" },
        { "REVOKE service_role FROM lockstep_service", "GRANT service_role TO lockstep_service", "role_membership", "lockstep_service", "GRANT service_role" },
        { "ALTER TABLE lockstep.credentials DISABLE ROW LEVEL SECURITY", "", "rls_off", "lockstep.credentials", "ENABLE ROW LEVEL SECURITY" },
        { "ALTER TABLE lockstep.workspaces NO FORCE ROW LEVEL SECURITY", "", "rls_not_forced", "lockstep.workspaces", "FORCE ROW LEVEL SECURITY" },
        { "CREATE POLICY let_all ON lockstep.credentials USING (true)", "", "policy_wide", "let_all of lockstep.credentials", "DROP POLICY let_all" },
        { "DROP POLICY integration_narrows ON lockstep.sync_scopes", "", "policy_missing", "integration_narrows of lockstep.sync_scopes", "0011_worker.sql" },
        { "ALTER TABLE lockstep.integrations DISABLE TRIGGER check_integration", "", "trigger_disabled", "check_integration of lockstep.integrations", "repair integrations" },
        { "DROP TRIGGER refuse_plaintext ON lockstep.credentials", "", "trigger_missing", "refuse_plaintext of lockstep.credentials", "0014" },
        { "ALTER DATABASE {0} SET session_replication_role = replica", "", "triggers_off", "the database", "RESET session_replication_role" },
        { "GRANT UPDATE ON lockstep.integrations TO authenticated", "", "grant_wide", "authenticated may UPDATE lockstep.integrations", "REVOKE UPDATE" },
        { "GRANT EXECUTE ON FUNCTION lockstep.visible_scopes() TO PUBLIC", "", "function_public", "lockstep.visible_scopes()", "REVOKE ALL" },
        { "ALTER TABLE lockstep.matters OWNER TO admin", "", "table_owner", "lockstep.matters", "OWNER TO lockstep_owner" },
        { "DELETE FROM lockstep.schema_migrations WHERE version = (SELECT max(version) FROM lockstep.schema_migrations)", "", "migration_missing", ".sql", "lockstep migrate" },
        { "UPDATE lockstep.schema_migrations SET sha256 = 'another' WHERE version = 4", "", "migration_changed", "0004_vault.sql", "version" },
        { "INSERT INTO lockstep.schema_migrations (version, name, sha256) VALUES (9999, 'future', 'x')", "", "database_newer", "9999", "newer program" },
        { "DROP SCHEMA lockstep CASCADE", "", "migrations_none", "nothing of Lockstep", "lockstep migrate" },
    };

    [Theory]
    [MemberData(nameof(BrokenDatabases))]
    public async Task A_broken_database_is_named_with_its_remedy(string harm, string heal, string code, string names, string remedy)
    {
        var database = await cluster.DatabaseAsync();
        try
        {
            await cluster.RunAsync(string.Format(System.Globalization.CultureInfo.InvariantCulture, harm, database), database);
            var fault = Faults(await LookAsync(cluster.Settings(database))).ShouldHaveSingleItem();
            fault.Code.ShouldBe(code);
            fault.What.ShouldContain(names);
            fault.Mend!.ShouldContain(remedy);
        }
        finally
        {
            if (heal.Length > 0)
                await cluster.RunAsync(heal, database);
        }
    }

    [Theory]
    [InlineData("LOCKSTEP_RATE_LIMIT", "many", "setting_wrong", "LOCKSTEP_RATE_LIMIT")]
    [InlineData("LOCKSTEP_DATABASE_URL", "postgres://", "setting_wrong", "LOCKSTEP_DATABASE_URL")]
    [InlineData("LOCKSTEP_DATABASE_URL", "postgres://admin:mistyped@127.0.0.1:{0}/{1}", "database_password", "admin")]
    [InlineData("LOCKSTEP_DATABASE_URL", "postgres://admin:of%20the%20administrator@127.0.0.1:{0}/elsewhere", "database_missing", "elsewhere")]
    [InlineData("LOCKSTEP_DATABASE_URL", "postgres://admin:mistyped@127.0.0.1:1/{1}", "database_unreachable", "127.0.0.1:1")]
    [InlineData("LOCKSTEP_APP_DATABASE_URL", "postgres://admin:of%20the%20administrator@127.0.0.1:{0}/{1}", "serving_login", "admin is a superuser")]
    [InlineData("LOCKSTEP_JWT_SECRET", "another secret, from which other passwords are derived", "serving_login", "refused a serving login")]
    [InlineData("LOCKSTEP_MASTER_KEYS", "", "key_none", "vault is locked")]
    [InlineData("LOCKSTEP_MASTER_KEYS", "other:q1J8vZ0c9mXo3Kp5T7uWbE2rYdHn6LsAfGi4kQxMzV8=", "key_wrong", "wrong one")]
    [InlineData("LOCKSTEP_OUTBOUND_ALLOW", "169.254.169.254:80", "outbound_metadata", "credentials")]
    [InlineData("LOCKSTEP_OUTBOUND_ALLOW", "localhost:{0}", "outbound_own_service", "database of this installation")]
    [InlineData("LOCKSTEP_OUTBOUND_ALLOW", "127.0.0.1:5080", "outbound_own_service", "this server itself")]
    [InlineData("LOCKSTEP_JWKS_URL", "http://127.0.0.1:1/jwks.json", "jwks_unreachable", "127.0.0.1:1")]
    public async Task A_wrong_setting_is_named(string setting, string value, string code, string names)
    {
        var database = await cluster.DatabaseAsync();
        var settings = cluster.Settings(database);
        settings[setting] = string.Format(System.Globalization.CultureInfo.InvariantCulture, value, cluster.Port, database);
        var found = await LookAsync(settings);
        var fault = Faults(found).ShouldHaveSingleItem();
        fault.Code.ShouldBe(code);
        fault.What.ShouldContain(names);
        fault.Mend.ShouldNotBeNullOrEmpty();
        foreach (var secret in new[] { "mistyped", "of the administrator", "of%20the", SickCluster.JwtSecret })
            found.ShouldAllBe(each => !each.What.Contains(secret, StringComparison.Ordinal) && (each.Mend == null || !each.Mend.Contains(secret, StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("10.1.2.3:8080", "outbound_private")]
    [InlineData("127.0.0.1:8443", "outbound_loopback")]
    [InlineData("no-such-host.invalid:443", "outbound_unknown")]
    public async Task A_hole_in_the_outbound_rules_is_shown_and_no_fault(string entry, string code)
    {
        var settings = cluster.Settings(await cluster.DatabaseAsync());
        settings["LOCKSTEP_OUTBOUND_ALLOW"] = entry;
        var found = await LookAsync(settings);
        Faults(found).ShouldBeEmpty();
        var warning = found.Where(each => each.Condition == Condition.Warning).ShouldHaveSingleItem();
        (warning.Code, warning.What.Contains(entry, StringComparison.Ordinal)).ShouldBe((code, true));
    }

    [Fact]
    public async Task Integrations_that_are_paused_or_failing_are_named_by_reason_and_nodes_that_fell_silent()
    {
        var database = await cluster.DatabaseAsync();
        await cluster.RunAsync(
            """
            INSERT INTO auth.users (id, email) VALUES ('0192f0c1-7d5e-7c3a-9a44-3f1c5b6a7d8e', 'her@example.com');
            INSERT INTO lockstep.integrations (id, user_id, integration_type, label, external_username, config, status, paused_reason, paused_until, last_sync_error, last_sync_error_code, enabled)
            SELECT ('0192f0c1-0000-7000-8000-00000000000' || n)::uuid, '0192f0c1-7d5e-7c3a-9a44-3f1c5b6a7d8e', 'caldav', 'Mine', 'me' || n,
                   jsonb_build_object('url', 'https://example.com/', 'username', 'me', 'calendarPath', '', 'selectedCalendarIds', '[]'::jsonb),
                   CASE WHEN n = 0 THEN 'active' ELSE 'error' END, CASE WHEN n BETWEEN 1 AND 7 THEN 'unauthorized' WHEN n = 9 THEN 'throttled' END,
                   CASE WHEN n = 9 THEN now() - interval '1 minute' END, 'It said no.', CASE WHEN n >= 8 THEN 'caldav_unreachable' END, true
            FROM   generate_series(0, 9) n;
            INSERT INTO lockstep.nodes (id, name, version, started_at, seen_at)
            VALUES (gen_random_uuid(), 'one, process 1', '1.0', now(), now()), (gen_random_uuid(), 'two, process 2', '1.0', now(), now() - interval '10 minutes'),
                   (gen_random_uuid(), 'old, process 3', '1.0', now(), now() - interval '3 hours');
            """, database);
        var found = await LookAsync(cluster.Settings(database));
        Faults(found).ShouldBeEmpty();
        var warnings = found.Where(each => each.Condition == Condition.Warning).ToList();
        warnings.Select(each => each.Code).ShouldBe(["node_silent", "integrations_paused", "integrations_failing"]);
        warnings[0].What.ShouldContain("two, process 2 fell silent 10 minutes ago");
        warnings[1].What.ShouldContain("7 integrations paused, unauthorized");
        warnings[1].What.ShouldContain("0192f0c1-0000-7000-8000-000000000001, ");
        warnings[1].What.ShouldEndWith("0192f0c1-0000-7000-8000-000000000005 ...");
        warnings[1].Mend!.ShouldContain("another password");
        warnings[2].What.ShouldContain("2 integrations failing, caldav_unreachable");
        found.Single(each => each.Code == "nodes").What.ShouldContain("1 node serves this database: one, process 1 (1.0)");
        found.ShouldAllBe(each => !each.What.Contains("her@example.com", StringComparison.Ordinal) && !each.What.Contains("It said no", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_mistyped_setting_is_shown_and_no_fault()
    {
        var settings = cluster.Settings(await cluster.DatabaseAsync());
        settings["LOCKSTEP_OUTBOUND_ALOW"] = "10.1.2.3:8080";
        var found = await LookAsync(settings);
        Faults(found).ShouldBeEmpty();
        var warning = found.Where(each => each.Condition == Condition.Warning).ShouldHaveSingleItem();
        (warning.Code, warning.What.Contains("LOCKSTEP_OUTBOUND_ALLOW", StringComparison.Ordinal)).ShouldBe(("setting_unknown", true));
    }

    [Theory]
    [InlineData(600, "clock_off")]
    [InlineData(-600, "clock_off")]
    [InlineData(10, null)]
    public async Task A_clock_that_is_off_is_named(int seconds, string? code)
    {
        var found = await LookAsync(cluster.Settings(await cluster.DatabaseAsync()), time: new OffClock(TimeSpan.FromSeconds(seconds)));
        Faults(found).Select(fault => fault.Code).ShouldBe(code is null ? [] : [code]);
        found.Single(each => each.Area == "clock").Condition.ShouldBe(code is null ? Condition.Warning : Condition.Fault);
    }

    [Theory]
    [InlineData("ALTER ROLE lockstep_service BYPASSRLS", "ALTER ROLE lockstep_service NOBYPASSRLS", "lockstep_service has BYPASSRLS")]
    [InlineData("ALTER ROLE lockstep_app SUPERUSER", "ALTER ROLE lockstep_app NOSUPERUSER", "lockstep_app has SUPERUSER")]
    public async Task A_serving_login_with_more_rights_than_it_should_have_is_named(string harm, string heal, string names)
    {
        var database = await cluster.DatabaseAsync();
        try
        {
            await cluster.RunAsync(harm, database);
            var faults = Faults(await LookAsync(cluster.Settings(database)));
            faults.Select(fault => fault.Code).ShouldBe(["role_rights", "serving_login"]);
            faults[0].What.ShouldContain(names);
        }
        finally
        {
            await cluster.RunAsync(heal, database);
        }
    }

    [Fact]
    public async Task A_former_key_that_is_still_needed_is_named_beside_a_newer_one()
    {
        var database = await cluster.DatabaseAsync();
        var settings = cluster.Settings(database);
        await cluster.RunAsync("INSERT INTO lockstep.data_keys (id, version, provider, key_version, wrapped_key, state, created_at) VALUES (gen_random_uuid(), 7, 'local', 'of-long-ago', 'x', 'retired', now() - interval '1 year')", database);
        var fault = Faults(await LookAsync(settings)).ShouldHaveSingleItem();
        (fault.Code, fault.What.Contains("of-long-ago", StringComparison.Ordinal)).ShouldBe(("key_missing", true));
    }

    [Fact]
    public async Task Open_secret_files_are_named()
    {
        var folder = Directory.CreateTempSubdirectory("lockstep-doctor-").FullName;
        var keys = Path.Combine(folder, DataDirectoryFiles.MasterKeysFile);
        await File.WriteAllTextAsync(keys, SickCluster.MasterKeys, TestContext.Current.CancellationToken);
        File.SetUnixFileMode(keys, (UnixFileMode)0b110_100_100);
        var fault = Faults(await LookAsync([], folder)).ShouldHaveSingleItem();
        (fault.Code, fault.Mend!.Contains($"chmod 600 '{keys}'", StringComparison.Ordinal)).ShouldBe(("secret_file_open", true));
        File.Exists(Path.Combine(folder, DataDirectoryFiles.JwtSecretFile)).ShouldBeFalse("it only looks");
        Directory.Delete(folder, recursive: true);
    }

    [Theory]
    [InlineData(4, "disk_full")]
    [InlineData(255, "disk_full")]
    [InlineData(256, "disk_low")]
    [InlineData(2048, "disk")]
    public void A_disk_that_is_nearly_full_is_named(int megabytes, string code)
    {
        var folder = Path.GetTempPath().TrimEnd('/');
        var settings = Settings.Read(new ServeOptions(null, folder, null), _ => null, Making.Nothing, []);
        var found = DiskCheck.Look(settings, _ => (long)megabytes << 20).ToList();
        found.ShouldAllBe(each => each.Code == code);
        found.ShouldContain(each => each.What.Contains($"{megabytes} MB are free for {folder}", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Nothing_is_wrong_where_nothing_is_wrong()
    {
        (await LookAsync(cluster.Settings(await cluster.DatabaseAsync()))).Where(each => each.Condition != Condition.Well).ShouldBeEmpty();
        foreach (var server in new[] { postgres, postgres18 })
        {
            var database = await MigratedDatabase.CreateAsync(server);
            (await LookAsync(new()
            {
                ["LOCKSTEP_DATABASE_URL"] = server.ConnectionString(EmbeddedConnection.Superuser, database),
                ["LOCKSTEP_APP_DATABASE_URL"] = server.ConnectionString("lockstep_app", database),
                ["LOCKSTEP_SERVICE_DATABASE_URL"] = server.ConnectionString("lockstep_service", database),
                ["LOCKSTEP_JWT_SECRET"] = SickCluster.JwtSecret,
                ["LOCKSTEP_MASTER_KEYS"] = SickCluster.MasterKeys,
            })).Where(each => each.Condition != Condition.Well).ShouldBeEmpty();
        }
    }

    private static List<Diagnosis> Faults(IReadOnlyList<Diagnosis> found) => [.. found.Where(each => each.Condition == Condition.Fault)];

    private static Task<IReadOnlyList<Diagnosis>> LookAsync(Dictionary<string, string> settings, string? directory = null, TimeProvider? time = null) =>
        new Checkup(new ServeOptions(null, directory ?? Path.Combine(Path.GetTempPath(), "lockstep-doctor-nowhere"), null),
            name => settings.GetValueOrDefault(name) is { Length: > 0 } value ? value : null, time ?? TimeProvider.System)
        {
            Names = settings.Keys,
        }.Run(_ => { }, TestContext.Current.CancellationToken);

    private sealed class OffClock(TimeSpan ahead) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + ahead;
    }
}

/// <summary>A PostgreSQL with passwords whose roles a test may break, and healthy databases on it.</summary>
public sealed class SickCluster : IAsyncLifetime
{
    public const string JwtSecret = "a secret that signs the tokens of tests alone";

    private ScramCluster? cluster;
    private int databases;

    /// <summary>Those that the databases are sealed with.</summary>
    public static string MasterKeys { get; } = $"test-1:{Convert.ToBase64String(RandomNumberGenerator.GetBytes(32))}";

    public int Port => cluster!.Port;

    public async ValueTask InitializeAsync()
    {
        var ct = TestContext.Current.CancellationToken;
        cluster = await ScramCluster.StartAsync(await PostgresBinaries.FindAsync(null, _ => { }, ct), ct);
        await cluster.AsAdminAsync("CREATE DATABASE healthy");
        var settings = Settings("healthy");
        await using (await DatabaseStart.Start(Server.Hosting.Settings.Load(new ServeOptions(null, Path.GetTempPath(), null), settings.GetValueOrDefault), _ => { }, ct))
        {
        }
        var key = ((KeyRingOutcome.Loaded)KeyRing.Parse(MasterKeys, null)).Ring.Newest!.Fingerprint;
        await RunAsync($"INSERT INTO lockstep.data_keys (id, version, provider, key_version, wrapped_key) VALUES (gen_random_uuid(), 1, 'local', '{key}', 'x')", "healthy");
        await cluster.AsAdminAsync("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'healthy'");
    }

    /// <summary>A healthy one of its own.</summary>
    public async Task<string> DatabaseAsync()
    {
        var name = $"case_{++databases}";
        await cluster!.AsAdminAsync($"CREATE DATABASE {name} TEMPLATE healthy");
        return name;
    }

    public Task RunAsync(string sql, string database) => cluster!.AsAdminAsync(sql, database);

    public Dictionary<string, string> Settings(string database) => new()
    {
        ["LOCKSTEP_DATABASE_URL"] = $"postgres://admin:of%20the%20administrator@127.0.0.1:{Port}/{database}",
        ["LOCKSTEP_JWT_SECRET"] = JwtSecret,
        ["LOCKSTEP_MASTER_KEYS"] = MasterKeys,
    };

    public async ValueTask DisposeAsync()
    {
        if (cluster is not null)
            await cluster.DisposeAsync();
    }
}
