using Npgsql;

namespace Lockstep.Server.Postgres;

/// <summary>Refuses to serve through a login that row-level security does not bind.</summary>
internal static class LoginCheck
{
    /// <exception cref="StartRefusedException">Superuser, BYPASSRLS, a member of the owner, or not a member of its role.</exception>
    public static async Task Require(NpgsqlDataSource source, string role, string setting, CancellationToken ct)
    {
        await using var command = source.CreateCommand(
            """
            SELECT r.rolname,
                   r.rolsuper,
                   r.rolbypassrls,
                   pg_has_role(r.oid, 'lockstep_owner', 'MEMBER'),
                   pg_has_role(r.oid, $1, 'MEMBER')
            FROM   pg_catalog.pg_roles r
            WHERE  r.rolname IN (current_user, session_user)
            """);
        command.Parameters.Add(new NpgsqlParameter { Value = role });
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            var login = reader.GetString(0);
            var fault =
                reader.GetBoolean(1) ? "is a superuser, whom row-level security does not bind" :
                reader.GetBoolean(2) ? "has BYPASSRLS, so row-level security does not bind it" :
                reader.GetBoolean(3) ? "is a member of lockstep_owner, who sees every row" :
                !reader.GetBoolean(4) ? $"is not a member of {role}" : null;
            if (fault is not null)
                throw new StartRefusedException(
                    $"Refusing to serve: the login {login} {fault}. Use {role} (or a plain member of it) in {setting}, or leave that setting out.");
        }
    }
}
