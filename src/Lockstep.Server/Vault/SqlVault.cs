using Lockstep.Crypto;
using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Lockstep.Server.Vault;

/// <summary>The root keys of the set-up by setting, <c>LOCKSTEP_SQL_VAULT_KEY</c>; empty where the database reads a file.</summary>
internal sealed record SqlVaultKey(string Keys)
{
    // A record would print it.
    public override string ToString() => "***";
}

/// <summary>Our own door to the secrets that others store by <c>vault.store_credential</c> (docs/sql-vault.md).</summary>
internal sealed class SqlVault(Database database, SqlVaultKey key, ILogger<SqlVault> log)
{
    /// <summary>What <c>vault_locked</c> of the SQL functions is.</summary>
    private const string Locked = PostgresErrorCodes.ObjectNotInPrerequisiteState;

    private const int MostTold = 20;

    private readonly TenantSession session = database.For(Caller.Service);

    /// <summary>The service role may name any secret for an owner's integration; for a user, the database compares owners when the row is written.</summary>
    /// <returns>False when there is none of this id.</returns>
    public async Task<bool> MayName(Caller caller, Guid secret, Guid? workspace, CancellationToken ct) =>
        caller.Role != CallerRole.Service || (await session.Query(
            new Statement("SELECT lockstep.admit_vault_secret($1, $2::uuid, $3::uuid)", secret, workspace is null ? caller.User?.Value : null, workspace),
            row => row.GetBoolean(0), ct))[0];

    /// <summary>For <c>audit verify</c>: which retrieves have no row in the access log; empty when all have one.</summary>
    public static async Task<IReadOnlyList<string>> Gaps(Database database, CancellationToken ct)
    {
        var gaps = await database.For(Caller.Service).Query(
            new Statement("SELECT g.first, g.last FROM lockstep.vault_access_gaps() g"), row => (First: row.GetInt64(0), Last: row.GetInt64(1)), ct);
        if (gaps.Count == 0)
            return [];
        var numbers = string.Join(", ", gaps.Take(MostTold).Select(gap => gap.First == gap.Last ? $"{gap.First}" : $"{gap.First}-{gap.Last}"));
        return [$"{gaps.Sum(gap => gap.Last - gap.First + 1)} retrieves of the SQL vault have no row in its access log (numbers {numbers}{(gaps.Count > MostTold ? " ..." : "")}): rolled back, under way, skipped by a crash of the server, or deleted. The lines 'vault access' of PostgreSQL's log tell."];
    }

    /// <summary>Releases the secret that an integration names to its run; a row of <c>vault_access_log</c> has committed before.</summary>
    /// <exception cref="ProblemException">503 <c>vault_locked</c>: its root key is not here.</exception>
    public async Task<RevealOutcome> RevealForSync(IntegrationId integration, CancellationToken ct)
    {
        try
        {
            var found = await session.Query(
                new Statement("SELECT r.secret, r.version FROM lockstep.retrieve_for_integration($1, $2) r", integration.Value, key.Keys),
                row => (Value: row.GetString(0), Version: row.GetInt32(1)), ct);
            return found.Count > 0 ? new RevealOutcome.Revealed(Secret.FromText(found[0].Value), found[0].Version) : new RevealOutcome.NotFound();
        }
        catch (PostgresException e) when (e.SqlState == Locked)
        {
            throw new ProblemException(503, "vault_locked", "The SQL vault is locked: the root key of this secret is not here. Its operator has to look; see docs/sql-vault.md.");
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.DataCorrupted)
        {
            log.SqlSecretDamaged(integration.Value);
            return new RevealOutcome.IntegrityFailure();
        }
    }
}

internal static partial class SqlVaultServices
{
    public static IServiceCollection AddSqlVault(this IServiceCollection services, string? keys) => services
        .AddSingleton(new SqlVaultKey(keys ?? ""))
        .AddSingleton<SqlVault>();

    [LoggerMessage(330, LogLevel.Critical, "The SQL vault's secret of integration {Integration} does not open in its place: it was changed or moved in the database")]
    public static partial void SqlSecretDamaged(this ILogger logger, Guid integration);
}
