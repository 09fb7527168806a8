using Lockstep.Server.Postgres;
using Npgsql;

namespace Lockstep.Server.Hosting.Doctor;

/// <summary>The roles of the cluster: row-level security binds nobody who is superuser, BYPASSRLS or the owner.</summary>
internal static class RoleCheck
{
    private const string Area = "roles";

    private const string Owner = "lockstep_owner";

    public static async Task<IReadOnlyList<Diagnosis>> Look(NpgsqlConnection connection, CancellationToken ct)
    {
        var found = new List<Diagnosis>();
        var roles = await Read(connection, ct);
        foreach (var role in roles)
            found.AddRange(Judge(role));
        if (found.Count == 0)
            found.Add(Diagnosis.Well(Area, "roles", "Every role is there, and none that serves has more rights than it should."));
        foreach (var role in roles.Where(role => role is { Exists: true, Serves: true }))
            found.AddRange(Comforts(role));
        return found;
    }

    private static IEnumerable<Diagnosis> Judge(Role role)
    {
        if (!role.Exists)
        {
            yield return Diagnosis.Fault(Area, "role_missing", $"The role {role.Name} is missing.",
                "'lockstep migrate' makes it, with a login that may create roles. Where it was dropped with its grants, restore the database from a backup after that.");
            yield break;
        }
        if (role.Special.Length > 0 && (role.Serves || role.Name == Owner))
            yield return Diagnosis.Fault(Area, "role_rights", $"{role.Name} has {role.Special}: it sees and changes what row-level security should keep from it.", Alter(role, "NOSUPERUSER NOBYPASSRLS NOCREATEROLE"));
        if (role.Name == Owner && role.CanLogin)
            yield return Diagnosis.Fault(Area, "owner_login", $"{Owner} can log in, and owns every row.", Alter(role, "NOLOGIN"));
        if (role.Serves && !role.CanLogin)
            yield return Diagnosis.Fault(Area, "role_login", $"{role.Name} cannot log in.", Alter(role, "LOGIN"));
        // A superuser is in every role, which has been said.
        if (role is { Serves: true, OwnsAll: true } && !role.Special.Contains("SUPERUSER", StringComparison.Ordinal))
            yield return Diagnosis.Fault(Area, "role_owner", $"{role.Name} is a member of {Owner}, who sees every row.", $"REVOKE {Owner} FROM {role.Name};");
        if (role.Serves && role.Lacks.Length > 0)
            yield return Diagnosis.Fault(Area, "role_membership", $"{role.Name} is not a member of {role.Lacks}.", $"GRANT {role.Lacks} TO {role.Name};");
    }

    private static IEnumerable<Diagnosis> Comforts(Role role)
    {
        if (!role.Settings.Contains("log_min_error_statement=panic", StringComparison.Ordinal))
            yield return Diagnosis.Warning(Area, "rejected_statements_logged", $"A statement of {role.Name} that PostgreSQL rejects is written to the server's log, and may hold a value.",
                "As a superuser: " + Alter(role, "SET log_min_error_statement = panic"));
        if (!role.Settings.Contains("lock_timeout=", StringComparison.Ordinal) || !role.Settings.Contains("idle_in_transaction_session_timeout=", StringComparison.Ordinal))
            yield return Diagnosis.Warning(Area, "role_timeouts", $"{role.Name} may wait for a lock, or hold one idle, without an end.",
                Alter(role, "SET lock_timeout = '2s'") + " " + Alter(role, "SET idle_in_transaction_session_timeout = '5s'"));
        if (!role.Settings.Contains("enable_seqscan=off", StringComparison.Ordinal) || !role.Settings.Contains("jit=off", StringComparison.Ordinal))
            yield return Diagnosis.Warning(Area, "role_plans", $"{role.Name} keeps plans that read a whole table: made while it was small, they take seconds when it has grown.",
                Alter(role, "SET enable_seqscan = off") + " " + Alter(role, "SET jit = off"));
    }

    /// <summary>For somebody to read and run; nothing here runs it.</summary>
    private static string Alter(Role role, string what) => string.Join(' ', "ALTER ROLE", role.Name, what) + ";";

    private static async Task<List<Role>> Read(NpgsqlConnection connection, CancellationToken ct)
    {
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(new Statement(
            """
            SELECT w.name, w.serves, r.oid IS NOT NULL,
                   concat_ws(', ', CASE WHEN r.rolsuper THEN 'SUPERUSER' END, CASE WHEN r.rolbypassrls THEN 'BYPASSRLS' END, CASE WHEN r.rolcreaterole THEN 'CREATEROLE' END),
                   coalesce(r.rolcanlogin, false),
                   coalesce((SELECT pg_has_role(r.oid, o.oid, 'MEMBER') FROM pg_catalog.pg_roles o WHERE o.rolname = 'lockstep_owner'), false),
                   coalesce((SELECT CASE WHEN NOT pg_has_role(r.oid, g.oid, 'MEMBER') THEN w.member END FROM pg_catalog.pg_roles g WHERE g.rolname = w.member), ''),
                   coalesce(array_to_string(r.rolconfig, ' '), '')
            FROM   (VALUES ('anon', NULL, false), ('authenticated', NULL, false), ('service_role', NULL, false), ('lockstep_owner', NULL, false),
                           ('lockstep_app', 'authenticated', true), ('lockstep_service', 'service_role', true)) w(name, member, serves)
            LEFT   JOIN pg_catalog.pg_roles r ON r.rolname = w.name
            """).ToCommand());
        await using var reader = await batch.ExecuteReaderAsync(ct);
        var roles = new List<Role>();
        while (await reader.ReadAsync(ct))
            roles.Add(new Role(reader.GetString(0), reader.GetBoolean(1), reader.GetBoolean(2), reader.GetString(3), reader.GetBoolean(4), reader.GetBoolean(5), reader.GetString(6), reader.GetString(7)));
        return roles;
    }

    /// <param name="Special">Rights that it should not have, as one writes them; empty for none.</param>
    /// <param name="Lacks">The role that it should be a member of; empty when it is.</param>
    private sealed record Role(string Name, bool Serves, bool Exists, string Special, bool CanLogin, bool OwnsAll, string Lacks, string Settings);
}
