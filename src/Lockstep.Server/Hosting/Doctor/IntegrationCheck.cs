using Lockstep.Server.Integrations;
using Lockstep.Server.Postgres;
using NodaTime;
using Npgsql;

namespace Lockstep.Server.Hosting.Doctor;

/// <summary>Integrations on which nothing goes on, or whose last run failed, by their reason: each is somebody's calendar that is not up to date.</summary>
internal static class IntegrationCheck
{
    private const string Area = "sync";

    private const int MostNamed = 5;

    public static async Task<IReadOnlyList<Diagnosis>> Look(NpgsqlConnection connection, CancellationToken ct)
    {
        if (!await SchemaCheck.Has(connection, "lockstep.integrations", ct))
            return [];
        await DatabaseUnderCheck.As(connection, owner: true, ct);
        var (enabled, troubles) = await Troubles(connection, ct);
        return troubles.Count > 0
            ? [.. troubles.Select(Explain)]
            : [Diagnosis.Well(Area, "sync", enabled == 0 ? "No integration is switched on." : $"None of {enabled} integrations is paused or failing.")];
    }

    private static Diagnosis Explain(Trouble trouble)
    {
        var ids = string.Join(", ", trouble.Named) + (trouble.Count > trouble.Named.Length ? " ..." : "");
        var many = trouble.Count == 1 ? "1 integration" : $"{trouble.Count} integrations";
        return trouble.IsPaused
            ? Diagnosis.Warning(Area, "integrations_paused",
                $"{many} paused, {trouble.Reason}, {Since(trouble)}: {Meaning(trouble.Reason)} {ids}", Remedy(trouble.Reason))
            : Diagnosis.Warning(Area, "integrations_failing",
                $"{many} failing, {trouble.Reason}, {Since(trouble)}: tried again ever later, every 15 minutes in the end. {ids}",
                "What the server said is in lastSyncError: 'lockstep integrations list --user EMAIL', or the operator's page of the console, which lists the servers. docs/operations.md says what each code means.");
    }

    private static string Since(Trouble trouble) => trouble.LastGood is { } good ? $"well until {good.ToString("uuuu-MM-dd HH:mm'Z'", null)} at the latest" : "never well so far";

    private static string Meaning(string reason) => reason switch
    {
        PauseReasons.Unauthorized => "their servers refuse the password.",
        PauseReasons.CredentialRevoked => "their secret was revoked, has expired or is gone.",
        PauseReasons.Throttled => "their servers asked for fewer requests.",
        PauseReasons.MassDelete => "so much was deleted at once that somebody has to agree.",
        _ => "nothing is done for them.",
    };

    private static string Remedy(string reason) => reason switch
    {
        PauseReasons.Unauthorized or PauseReasons.CredentialRevoked => "Nothing is sent before their owners give another password: in the console under Connections, or PATCH /v1/integrations/{id} with secret.",
        PauseReasons.Throttled => "Nothing is to be done: they go on at pausedUntil.",
        PauseReasons.MassDelete => "Look whether these calendars were really emptied; then their owners agree in the console, or by POST /v1/integrations/{id}/confirm-deletions.",
        _ => "GET /v1/integrations/{id} of their owners says more.",
    };

    private static async Task<(long Enabled, List<Trouble> Troubles)> Troubles(NpgsqlConnection connection, CancellationToken ct)
    {
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(new Statement("SELECT count(*) FROM lockstep.integrations i WHERE i.enabled").ToCommand());
        batch.BatchCommands.Add(new Statement(
            """
            SELECT p.paused, coalesce(CASE WHEN p.paused THEN i.paused_reason ELSE i.last_sync_error_code END, 'unknown'), count(*),
                   (array_agg(i.id ORDER BY i.id))[1:$1], max(i.last_sync_at)
            FROM   lockstep.integrations i
            CROSS  JOIN LATERAL (SELECT i.paused_reason IS NOT NULL AND (i.paused_until IS NULL OR i.paused_until > clock_timestamp()) AS paused) p
            WHERE  i.enabled
            AND   (p.paused OR i.status = 'error')
            GROUP  BY 1, 2
            ORDER  BY 1 DESC, 3 DESC, 2
            """, MostNamed).ToCommand());
        await using var reader = await batch.ExecuteReaderAsync(ct);
        await reader.ReadAsync(ct);
        var enabled = reader.GetInt64(0);
        await reader.NextResultAsync(ct);
        var found = new List<Trouble>();
        while (await reader.ReadAsync(ct))
            found.Add(new Trouble(reader.GetBoolean(0), reader.GetString(1), reader.GetInt64(2), reader.GetFieldValue<Guid[]>(3), reader.GetInstantOrNull(4)));
        return (enabled, found);
    }

    /// <param name="Reason">Of the pause, else the code of the last error.</param>
    /// <param name="Named">Some of them.</param>
    /// <param name="LastGood">The latest run of any of them that went well; null: none did.</param>
    private sealed record Trouble(bool IsPaused, string Reason, long Count, Guid[] Named, Instant? LastGood);
}
