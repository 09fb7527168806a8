using System.Text.Json;
using Lockstep.Server.Tenancy;
using Npgsql;

namespace Lockstep.Server.Postgres;

/// <summary>The one context that row-level security believes: transaction-local settings, gone with the transaction.</summary>
internal static class SessionContext
{
    /// <summary>Claims carry the mapped uuid as <c>sub</c>, and for the audit <c>actor</c>, <c>address</c> and <c>request_id</c>;
    /// with an API token also <c>token</c> and what limits it.</summary>
    public static NpgsqlBatchCommand Set(Caller caller) => new Statement(
        """
        SELECT set_config('request.jwt.claims', $1, true),
               set_config('app.current_user_id', $2, true),
               set_config('app.current_user_space_ids', '', true),
               set_config('app.current_integration_id', $3, true)
        """,
        Claims(caller),
        caller.User?.ToString() ?? "",
        caller.Only?.ToString() ?? "").ToCommand();

    public static async Task<List<T>> ReadAll<T>(this NpgsqlDataReader reader, Func<NpgsqlDataReader, T> row, CancellationToken ct)
    {
        var rows = new List<T>();
        while (await reader.ReadAsync(ct))
            rows.Add(row(reader));
        return rows;
    }

    private static string Claims(Caller caller)
    {
        var claims = new Dictionary<string, string?>
        {
            ["sub"] = caller.User?.ToString(),
            ["role"] = caller is { Role: CallerRole.Service, User: null } ? "service_role" : "authenticated",
            ["actor"] = caller.Actor,
            ["address"] = caller.Address?.ToString(),
            ["request_id"] = caller.RequestId,
        };
        if (caller.Token is { } token)
        {
            claims["token"] = token.Id.ToString();
            claims["token_limits"] = token.Limits;
        }
        return JsonSerializer.Serialize(claims);
    }
}
