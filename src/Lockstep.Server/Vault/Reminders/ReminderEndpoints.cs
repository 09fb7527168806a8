using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Lockstep.Server.Vault.Reminders;

/// <param name="RemindBefore">Such as <c>["30d", "12h"]</c>; empty for never, null for what the installation does.</param>
internal sealed record RemindersRequest(IReadOnlyList<string>? RemindBefore);

/// <param name="RemindBefore">Longest first.</param>
/// <param name="IsDefault">Whether it is what the installation does.</param>
internal sealed record RemindersView(IReadOnlyList<string> RemindBefore, bool IsDefault);

/// <summary><c>/v1/credentials/{id}/reminders</c>.</summary>
internal static class ReminderEndpoints
{
    public static IServiceCollection AddReminders(this IServiceCollection services, ReminderOptions options) => services
        .AddSingleton(options)
        .AddSingleton<ReminderJob>()
        .AddHostedService(provider => provider.GetRequiredService<ReminderJob>());

    public static void MapReminders(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/v1/credentials/{id:guid}/reminders").RequireAuthorization(Policies.UserOrService).WithTags("Credentials")
            .WithTokenScope(TokenScopes.ReadMetadata, TokenScopes.WriteCredentials).ProducesProblem(401).ProducesProblem(404);
        group.MapGet("", Get).WithName("getReminders").WithSummary("When you are reminded that a credential expires");
        group.MapPut("", Put).WithName("putReminders").WithSummary("Say when you are to be reminded that a credential expires").ProducesProblem(422);
    }

    private static async Task<Results<Ok<RemindersView>, ProblemHttpResult>> Get(
        Guid id, TenantSession session, ReminderOptions options, CancellationToken ct) =>
        Answer(await session.First(
            new Statement(
                """
                SELECT c.remind_before
                FROM   lockstep.credentials c
                WHERE  c.id = $1
                AND    lockstep.owns_credential(c.user_id, c.workspace_id)
                """, id),
            Read,
            ct), options);

    private static async Task<Results<Ok<RemindersView>, ProblemHttpResult>> Put(
        Guid id, RemindersRequest request, TenantSession session, ReminderOptions options, CancellationToken ct)
    {
        var errors = new FieldErrors();
        var wanted = request.RemindBefore?.Select(LeadTime.Parse).ToList();
        for (var i = 0; i < wanted?.Count; i++)
            errors.Require(wanted[i] is not null, $"remindBefore[{i}]", "is no time from 1h to 365d, such as 12h or 30d.");
        errors.Require(wanted is not { Count: > LeadTime.Most }, "remindBefore", $"names more than {LeadTime.Most} times.");
        if (errors.Any)
            return Problems.Invalid(errors.All);
        return Answer(await session.First(
            new Statement(
                """
                WITH put AS (
                    UPDATE lockstep.credentials c
                    SET    remind_before = $2::integer[]
                    WHERE  c.id = $1
                    AND    lockstep.owns_credential(c.user_id, c.workspace_id)
                    RETURNING c.id, c.user_id, c.workspace_id, c.remind_before),
                audit AS (
                    SELECT lockstep.record_activity(p.user_id, p.workspace_id, 'CREDENTIAL_UPDATED', 'credential', p.id,
                               jsonb_build_object('fields', jsonb_build_array('remindBefore'))) AS seq
                    FROM   put p)
                SELECT p.remind_before, a.seq
                FROM   put p, audit a
                """,
                id, wanted?.Select(seconds => seconds!.Value).Distinct().ToArray()),
            Read,
            ct), options);
    }

    private static Stored Read(NpgsqlDataReader row) => new(row.IsDBNull(0) ? null : row.GetFieldValue<int[]>(0));

    private static Results<Ok<RemindersView>, ProblemHttpResult> Answer(Stored? stored, ReminderOptions options) => stored is null
        ? Problems.NotFound()
        : TypedResults.Ok(new RemindersView(
            [.. (stored.Before ?? options.Before).OrderDescending().Select(LeadTime.Format)], stored.Before is null));

    private sealed record Stored(IReadOnlyList<int>? Before);
}
