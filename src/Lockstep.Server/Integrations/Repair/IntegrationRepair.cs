using System.Text.Json;
using Lockstep.Crypto;
using Lockstep.Server.Http;
using Lockstep.Server.Integrations.Types;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Vault;
using NodaTime;
using Npgsql;

namespace Lockstep.Server.Integrations.Repair;

/// <summary>What became of one broken row.</summary>
/// <param name="Original">The credential that keeps the row as it was; null when nothing was changed.</param>
/// <param name="Problem">Why it could not be repaired; null when it was, or in a dry run.</param>
internal sealed record RepairedIntegration(IntegrationId Id, string Owner, IReadOnlyList<BrokenColumn> Broken, CredentialId? Original, string? Problem);

/// <summary>Finds rows that came past the triggers, with a form that the server cannot read or with a secret in clear, and resets them.</summary>
/// <remarks>
/// <code>
/// (1) read the rows of every tenant, as the tables' owner
/// (2) RepairPlan says what is wrong and what is safe                                      pure
/// (3) one transaction as its user, or as an admin of its workspace: the row as it was into a credential of the same owner, sealed;
///     the row reset and switched off; an audit line, which the workspace's admins read
/// </code>
/// (3) takes the row that (1) saw or none: who writes meanwhile wins, and the next run looks again.
/// </remarks>
internal sealed class IntegrationRepair(Database database, CredentialVault vault, TimeProvider time)
{
    public const string Provider = "lockstep-repair";

    private const int PageSize = 500;

    /// <param name="connection">As <c>lockstep_owner</c>.</param>
    /// <param name="dryRun">Only looks.</param>
    /// <param name="each">Told of each broken row in turn.</param>
    /// <param name="looked">Told how many rows were looked at.</param>
    /// <returns>How many rows there are.</returns>
    /// <exception cref="ProblemException">503 <c>vault_locked</c>: without a key no original can be kept, so nothing is changed.</exception>
    public async Task<long> Run(NpgsqlConnection connection, bool dryRun, Action<RepairedIntegration> each, Action<long> looked, CancellationToken ct)
    {
        var rows = 0L;
        Guid? after = null;
        while (true)
        {
            var page = await Page(connection, after, ct);
            foreach (var row in page)
            {
                rows++;
                if (RepairPlan.For(row) is { } plan)
                    each(dryRun ? new(row.Id, Owner(row), plan.Broken, null, null) : await Repair(row, plan, ct));
            }
            looked(rows);
            if (page.Count < PageSize)
                return rows;
            after = page[^1].Id.Value;
        }
    }

    private static async Task<List<StoredIntegration>> Page(NpgsqlConnection connection, Guid? after, CancellationToken ct)
    {
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(StoredIntegration.After(after, PageSize).ToCommand());
        await using var reader = await batch.ExecuteReaderAsync(ct);
        return await reader.ReadAll(StoredIntegration.Read, ct);
    }

    private async Task<RepairedIntegration> Repair(StoredIntegration row, RepairPlan plan, CancellationToken ct)
    {
        if (row.Admin is not { } admin)
            return Failed("Its workspace has no admin, who could be told. Give it one, and run this again.");
        var session = database.For(Caller.Worker(admin) with { Actor = "operator" });
        var at = Instant.FromDateTimeOffset(time.GetUtcNow());
        using var original = Secret.FromText(row.Whole);
        var prepared = await vault.Prepare(session, new NewCredential(
            $"integration {row.Id} as it was {at}", Provider, CredentialType.CUSTOM, original,
            row.Workspace is null ? CredentialScope.USER : CredentialScope.WORKSPACE, row.Workspace,
            "The row of an integration before it was repaired, as JSON. Delete it when nothing in it is needed."), ct);
        if (prepared is not PrepareOutcome.Ready ready)
            return Failed(prepared is PrepareOutcome.Refused { Why: StoreOutcome.Invalid }
                ? "Its row is larger than a credential may be (64 KiB), so it could not be kept. Look at it by SQL."
                : "Its owner can keep no credential: the user or workspace is gone.");
        try
        {
            return await session.Transact(async transaction =>
            {
                await transaction.Execute(ct, ready.Insert);
                var changed = await transaction.Query(Reset(row, plan, ready.Id), result => result.GetGuid(0), ct);
                return changed.Count > 0
                    ? new RepairedIntegration(row.Id, Owner(row), plan.Broken, ready.Id, null)
                    : throw new ChangedMeanwhileException();
            }, ct);
        }
        catch (ChangedMeanwhileException)
        {
            return Failed("It was changed meanwhile. Run this again.");
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.CheckViolation or PostgresErrorCodes.UniqueViolation)
        {
            return Failed($"The database refuses what it would become ({e.ConstraintName}). Look at it by SQL.");
        }

        RepairedIntegration Failed(string why) => new(row.Id, Owner(row), plan.Broken, null, why);
    }

    private static Statement Reset(StoredIntegration row, RepairPlan plan, CredentialId original) => new(
        """
        WITH made AS (
            UPDATE lockstep.integrations i
            SET    label = $3,
                   enabled = false,
                   external_username = $4,
                   external_email = $5,
                   config = $6::jsonb,
                   config_format = $12,
                   config_version = i.config_version + 1,
                   field_mappings = $7::jsonb,
                   sync_schedule = $8::jsonb,
                   credential_id = CASE WHEN $9 THEN i.credential_id END,
                   credential_owned = i.credential_owned AND $9
            WHERE  i.id = $1 AND i.xmin::text = $2
            RETURNING i.id, i.user_id, i.workspace_id, i.label),
        audit AS (
            SELECT lockstep.record_activity(m.user_id, m.workspace_id, 'INTEGRATION_REPAIRED', 'integration', m.id,
                       jsonb_build_object('label', m.label, 'columns', to_jsonb($10::text[]), 'original', $11::uuid)) AS seq
            FROM   made m)
        SELECT m.id, a.seq
        FROM   made m, audit a
        """,
        row.Id.Value, row.Version, plan.Label, plan.Config.Account, plan.Email, Json(plan.Config), Json(plan.FieldMappings), Json(plan.Schedule),
        plan.KeepsCredential, plan.Broken.Select(broken => broken.Column).Distinct().ToArray(), original.Value,
        (short)ConfigReader.Newest);

    private static string Owner(StoredIntegration row) => row.Workspace is { } workspace ? $"workspace {workspace}" : $"user {row.User}";

    private static string Json<T>(T value) => JsonSerializer.Serialize(value, StrictJson.Options);

    private sealed class ChangedMeanwhileException : Exception;
}
