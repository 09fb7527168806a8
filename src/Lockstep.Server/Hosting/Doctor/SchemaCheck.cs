using System.Text.RegularExpressions;
using Lockstep.Server.Postgres;
using Npgsql;

namespace Lockstep.Server.Hosting.Doctor;

/// <summary>Whether the database is of this version, and still protects as the migrations have set it up: row-level security, policies, triggers, grants.</summary>
internal static partial class SchemaCheck
{
    private const string Area = "schema";

    private const string AfterTriggers = "Rows may have been written past it: then run 'lockstep repair integrations --dry-run' and 'lockstep scan --tables'.";

    public static async Task<IReadOnlyList<Diagnosis>> Look(NpgsqlConnection connection, CancellationToken ct)
    {
        var found = new List<Diagnosis>();
        if (!await Migrations(connection, found, ct))
            return found;
        await DatabaseUnderCheck.As(connection, owner: false, ct);
        var protection = found.Count;
        foreach (var (code, name, fix) in await Names(connection, Catalogue, ct))
            found.Add(Explain(code, name, fix));
        var current = protection == 0;
        if (current)
        {
            var present = (await Names(connection, Guards, ct)).Select(each => (each.Code, each.Name)).ToHashSet();
            foreach (var (kind, name, file) in Expected().Where(guard => !present.Contains((guard.Kind, guard.Name))))
                found.Add(Diagnosis.Fault(Area, kind + "_missing", $"The {kind} {name} is missing.",
                    $"Run its CREATE {kind.ToUpperInvariant()} of {file} as lockstep_owner, or restore the backup. {(kind == "trigger" ? AfterTriggers : "")}".TrimEnd()));
        }
        if (found.Count == 0)
            found.Add(Diagnosis.Well(Area, "schema", $"{Migration.All.Count} migrations are applied; row-level security, policies, triggers and grants are as they made them."));
        return found;
    }

    public static async Task<bool> Has(NpgsqlConnection connection, string table, CancellationToken ct)
    {
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(new Statement("SELECT to_regclass($1) IS NOT NULL", table).ToCommand());
        return await batch.ExecuteScalarAsync(ct) is true;
    }

    /// <returns>False when there is nothing to look into yet.</returns>
    private static async Task<bool> Migrations(NpgsqlConnection connection, List<Diagnosis> found, CancellationToken ct)
    {
        const string Mend = "Run 'lockstep migrate' with this version, or start it: it migrates first.";
        if (!await Has(connection, "lockstep.schema_migrations", ct))
        {
            found.Add(Diagnosis.Fault(Area, "migrations_none", "This database has nothing of Lockstep's yet.", Mend));
            return false;
        }
        await DatabaseUnderCheck.As(connection, owner: true, ct);
        var applied = new Dictionary<int, string>();
        await using (var command = new NpgsqlCommand("SELECT m.version, m.sha256 FROM lockstep.schema_migrations m", connection))
        await using (var reader = await command.ExecuteReaderAsync(ct))
        {
            while (await reader.ReadAsync(ct))
                applied[reader.GetInt32(0)] = reader.GetString(1);
        }
        if (Migration.All.Where(migration => !applied.ContainsKey(migration.Number)).Select(migration => migration.Name).ToList() is { Count: > 0 } missing)
            found.Add(Diagnosis.Fault(Area, "migration_missing", $"{missing.Count} migrations are not applied: {string.Join(", ", missing.Take(5))}{(missing.Count > 5 ? " ..." : "")}.", Mend));
        foreach (var changed in Migration.All.Where(migration => applied.TryGetValue(migration.Number, out var hash) && hash != migration.Sha256))
            found.Add(Diagnosis.Fault(Area, "migration_changed", $"{changed.Name} is not the file that this database has applied.", "Start the version that it was migrated with; changes go into new files."));
        if (applied.Keys.Where(version => version > Migration.All[^1].Number).ToList() is { Count: > 0 } newer)
            found.Add(Diagnosis.Fault(Area, "database_newer", $"A newer Lockstep has migrated this database to version {newer.Max()}; this one knows {Migration.All[^1].Number}.", "Run the newer program."));
        return true;
    }

    private static Diagnosis Explain(string code, string name, string fix) => code switch
    {
        "rls_off" => Diagnosis.Fault(Area, code, $"Row-level security is off on {name}: every user sees every row.", fix),
        "rls_not_forced" => Diagnosis.Fault(Area, code, $"Row-level security of {name} does not bind its owner.", fix),
        "table_owner" => Diagnosis.Fault(Area, code, $"{name} is not owned by lockstep_owner: migrations cannot change it, and its owner passes row-level security.", fix),
        "policy_wide" => Diagnosis.Fault(Area, code, $"The policy {name} lets everybody in, or every row be written.", fix),
        "trigger_disabled" => Diagnosis.Fault(Area, code, $"The trigger {name} is disabled.", $"{fix} {AfterTriggers}"),
        "triggers_off" => Diagnosis.Fault(Area, code, $"session_replication_role is set for {name}: no trigger and no foreign key is obeyed.", $"{fix} {AfterTriggers}"),
        "grant_wide" => Diagnosis.Fault(Area, code, $"{name}.", fix),
        "function_public" => Diagnosis.Fault(Area, code, $"Everybody may run {name}.", fix),
        "foreign_table" => Diagnosis.Warning(Area, code, $"lockstep_app reaches {name}, which is not Lockstep's, by what is granted to authenticated or PUBLIC.", fix),
        _ => Diagnosis.Warning(Area, code, name, fix),
    };

    private static async Task<List<(string Code, string Name, string Fix)>> Names(NpgsqlConnection connection, Statement statement, CancellationToken ct)
    {
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(statement.ToCommand());
        await using var reader = await batch.ExecuteReaderAsync(ct);
        var names = new List<(string, string, string)>();
        while (await reader.ReadAsync(ct))
            names.Add((reader.GetString(0), reader.GetString(1), reader.GetString(2)));
        return names;
    }

    /// <summary>What the migrations say outright, in their order; the few that they make in a loop are not looked for.</summary>
    private static IEnumerable<(string Kind, string Name, string File)> Expected()
    {
        var guards = new Dictionary<(string Kind, string Name), string>();
        foreach (var migration in Migration.All)
        {
            foreach (Match match in GuardPattern().Matches(migration.Sql))
            {
                var key = (match.Groups["kind"].Value.ToLowerInvariant(), $"{match.Groups["name"].Value} of {match.Groups["table"].Value}");
                if (match.Groups["verb"].Value == "CREATE")
                    guards[key] = migration.Name;
                else
                    guards.Remove(key);
            }
        }
        // Supabase has users of its own, with guards of its own.
        return guards.Where(guard => !guard.Key.Name.EndsWith(" of auth.users", StringComparison.Ordinal)).Select(guard => (guard.Key.Kind, guard.Key.Name, guard.Value));
    }

    [GeneratedRegex(@"^\s*(?<verb>CREATE|DROP)\s+(?<kind>POLICY|TRIGGER)\s+(?:IF EXISTS\s+)?(?<name>[a-z_]+)\s[^;%]*?\bON\s+(?<table>(?:lockstep|vault|auth)\.[a-z_]+)", RegexOptions.Multiline)]
    private static partial Regex GuardPattern();

    private static readonly Statement Guards = new(
        """
        SELECT 'trigger', t.tgname || ' of ' || n.nspname || '.' || c.relname, ''
        FROM   pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE  n.nspname IN ('lockstep', 'vault', 'lockstep_vault', 'auth') AND NOT t.tgisinternal
        UNION  ALL
        SELECT 'policy', p.policyname || ' of ' || p.schemaname || '.' || p.tablename, ''
        FROM   pg_catalog.pg_policies p WHERE p.schemaname IN ('lockstep', 'vault', 'lockstep_vault', 'auth')
        """);

    private static readonly Statement Catalogue = new(
        """
        WITH ours AS (
            SELECT c.oid, c.oid::regclass::text AS name, n.nspname, c.relname, c.relrowsecurity, c.relforcerowsecurity, pg_get_userbyid(c.relowner) AS owner
            FROM   pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE  n.nspname IN ('lockstep', 'vault', 'lockstep_vault', 'auth') AND pg_get_userbyid(n.nspowner) = 'lockstep_owner' AND c.relkind IN ('r', 'p'))
        SELECT 'rls_off', o.name, format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY; ALTER TABLE %s FORCE ROW LEVEL SECURITY;', o.name, o.name)
        FROM   ours o WHERE NOT o.relrowsecurity
        UNION  ALL
        SELECT 'rls_not_forced', o.name, format('ALTER TABLE %s FORCE ROW LEVEL SECURITY;', o.name)
        FROM   ours o WHERE o.relrowsecurity AND NOT o.relforcerowsecurity
        UNION  ALL
        SELECT 'table_owner', o.name, format('ALTER TABLE %s OWNER TO lockstep_owner;', o.name)
        FROM   ours o WHERE o.owner <> 'lockstep_owner'
        UNION  ALL
        SELECT 'policy_wide', format('%I of %I.%I', p.policyname, p.schemaname, p.tablename), format('DROP POLICY %I ON %I.%I;', p.policyname, p.schemaname, p.tablename)
        FROM   pg_catalog.pg_policies p JOIN ours o ON o.nspname = p.schemaname AND o.relname = p.tablename
        WHERE  p.policyname <> 'owner_maintenance' AND p.permissive = 'PERMISSIVE'
        AND    ('public' = ANY (p.roles) OR p.cmd <> 'SELECT' AND 'lockstep_app' = ANY (p.roles) AND coalesce(p.with_check, p.qual) = 'true')
        UNION  ALL
        SELECT 'trigger_disabled', format('%I of %s', t.tgname, o.name), format('ALTER TABLE %s ENABLE TRIGGER %I;', o.name, t.tgname)
        FROM   pg_catalog.pg_trigger t JOIN ours o ON o.oid = t.tgrelid
        WHERE  NOT t.tgisinternal AND t.tgenabled IN ('D', 'R')
        UNION  ALL
        SELECT 'triggers_off', coalesce(r.rolname::text, 'the database'),
               CASE WHEN r.rolname IS NULL THEN format('ALTER DATABASE %I RESET session_replication_role;', current_database())
                    ELSE format('ALTER ROLE %I RESET session_replication_role;', r.rolname) END
        FROM   pg_catalog.pg_db_role_setting s LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
        WHERE  s.setdatabase IN (0, (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database()))
        AND    EXISTS (SELECT 1 FROM unnest(s.setconfig) u WHERE u ~ '^session_replication_role=(replica|local)$')
        UNION  ALL
        SELECT 'grant_wide', format('%s may %s %s', CASE g.grantee WHEN 0 THEN 'Everybody' ELSE pg_get_userbyid(g.grantee)::text END, g.privilege_type, o.name),
               format('REVOKE %s ON %s FROM %s;', g.privilege_type, o.name, CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END)
        FROM   ours o JOIN pg_catalog.pg_class c ON c.oid = o.oid CROSS JOIN LATERAL aclexplode(c.relacl) g
        WHERE  g.grantee = 0 OR pg_get_userbyid(g.grantee) = 'anon' OR (pg_get_userbyid(g.grantee) = 'authenticated' AND g.privilege_type <> 'SELECT')
        UNION  ALL
        SELECT 'function_public', f.oid::regprocedure::text, format('REVOKE ALL ON FUNCTION %s FROM PUBLIC;', f.oid::regprocedure)
        FROM   pg_catalog.pg_proc f JOIN pg_catalog.pg_namespace n ON n.oid = f.pronamespace
        WHERE  n.nspname IN ('lockstep', 'vault', 'lockstep_vault') AND pg_get_userbyid(n.nspowner) = 'lockstep_owner' AND f.prorettype <> 'trigger'::regtype
        AND    (f.proacl IS NULL OR EXISTS (SELECT 1 FROM aclexplode(f.proacl) a WHERE a.grantee = 0))
        UNION  ALL
        SELECT 'foreign_table', string_agg(x.name, ', '), 'Revoke it where it is not meant: whoever could run SQL as lockstep_app would get there too.'
        FROM  (SELECT c.oid::regclass::text AS name
               FROM   pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
               WHERE  c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT IN ('lockstep', 'vault', 'lockstep_vault', 'auth', 'pg_catalog', 'information_schema', 'extensions') AND n.nspname !~ '^pg_'
               AND    has_schema_privilege('lockstep_app', n.oid, 'USAGE') AND has_table_privilege('lockstep_app', c.oid, 'SELECT, INSERT, UPDATE, DELETE')
               ORDER  BY 1 LIMIT 20) x
        HAVING count(*) > 0
        UNION  ALL
        SELECT 'pgcrypto_missing', 'The extension pgcrypto is missing: the functions of the schema vault answer vault_locked, everything else works.', 'Install PostgreSQL''s contrib package, then run ''lockstep migrate''.'
        WHERE  NOT EXISTS (SELECT 1 FROM pg_catalog.pg_extension e WHERE e.extname IN ('pgcrypto', 'supabase_vault'))
        """);
}
