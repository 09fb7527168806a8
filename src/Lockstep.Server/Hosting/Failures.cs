using System.Text.Json;
using Lockstep.Server.Console;
using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Lockstep.Server.Hosting;

/// <summary>What an endpoint threw becomes a problem document; its text never shows what came in or what the database said.</summary>
internal sealed partial class Failures(ILogger<Failures> logger, IHostApplicationLifetime lifetime, DiskWatch disk, UserDirectory users) : IExceptionHandler
{
    public async ValueTask<bool> TryHandleAsync(HttpContext context, Exception exception, CancellationToken ct)
    {
        if (context.RequestAborted.IsCancellationRequested)
            return true;
        disk.Note(exception);
        var problem = exception switch
        {
            ProblemException e => Problems.Of(e.Status, e.Code, e.Message),
            BadHttpRequestException e => BadRequests.Of(e),
            JsonException json => BadRequests.Json(json),
            PostgresException { SqlState: PostgresErrorCodes.CharacterNotInRepertoire or PostgresErrorCodes.UntranslatableCharacter } =>
                Problems.Of(400, "invalid_text", "A text holds a character that cannot be kept, such as U+0000. Take it out and send again."),
            // The net under the plaintext guard caught what the search before it let through; the column is all that the message says.
            PostgresException { SqlState: PostgresErrorCodes.CheckViolation, ColumnName: { } column } e when e.ConstraintName?.EndsWith("_plaintext_check", StringComparison.Ordinal) == true =>
                Problems.Invalid(column, "looks like a secret. Only credentials keep secrets: take it out here, and store it there."),
            PostgresException { SqlState: PostgresErrorCodes.ForeignKeyViolation, ConstraintName: { } key } when IsOfUser(key) && context.User.FindFirst(BearerAuthentication.UserClaim)?.Value is { } user =>
                Deleted(new UserId(Guid.Parse(user))),
            PostgresException { SqlState: PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.SerializationFailure } =>
                Problems.Of(503, "busy", "Somebody else is changing the same thing. Try again in a moment."),
            PostgresException { SqlState: PostgresErrorCodes.DiskFull } =>
                Problems.Of(503, "disk_full", "The database's disk is full, so nothing was stored. Free some space; it goes on by itself."),
            PostgresException { SqlState: PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification or PostgresErrorCodes.InvalidCatalogName } =>
                Problems.Of(503, "database_unavailable", "The database does not let this server in; its operator has to look. Nothing was stored."),
            // Broken off while an answer was awaited: it may have been the commit's.
            NpgsqlException { InnerException: IOException } =>
                Problems.Of(503, "database_unavailable", "The database broke off before it answered, so whether this was done is not known. Look before you send it again."),
            NpgsqlException e when e is not PostgresException || e.IsTransient => Problems.Of(503, "database_unavailable", "The database does not answer right now; nothing was stored. Try again in a moment."),
            // Kestrel cancels the reading of a body that has not come whole when the server stops.
            OperationCanceledException when lifetime.ApplicationStopping.IsCancellationRequested =>
                Problems.Of(503, "stopping", "The server is stopping, and this request had not come whole; nothing was stored. Send it again."),
            _ => null,
        };
        var retryAfter = exception is ProblemException { RetryAfter: { } wait } ? wait : TimeSpan.FromSeconds(1);
        if (exception is ProblemException known)
            Refused(known.Code, context.Request.Method, TraceId(context));
        else if (problem is null || (problem.StatusCode == 503 && exception is not OperationCanceledException))
            Failed(context.Request.Method, context.Features.Get<IExceptionHandlerFeature>()?.Endpoint?.DisplayName ?? "no endpoint", TraceId(context), problem is null ? Describe(exception) : Name(exception));
        problem ??= Problems.Of(500, "internal_error", $"This is a fault of the server, and it is in its log under request {TraceId(context)}. Look whether it was done before you try again.");
        if (problem.StatusCode is 503 or 429)
            context.Response.Headers.RetryAfter = ((int)Math.Ceiling(retryAfter.TotalSeconds)).ToString(System.Globalization.CultureInfo.InvariantCulture);
        await context.Answer(problem);
        return true;
    }

    private static bool IsOfUser(string foreignKey) =>
        foreignKey.EndsWith("_user_fkey", StringComparison.Ordinal) || foreignKey is "providers_owner_fkey" or "credentials_created_by_fkey";

    /// <summary>By a command or another node, while this one still remembered the user.</summary>
    private Microsoft.AspNetCore.Http.HttpResults.ProblemHttpResult Deleted(UserId user)
    {
        users.Forget(user);
        return Problems.Of(409, "user_deleted", "Your user was deleted meanwhile, so nothing was stored. Send this once more to begin anew, with nothing of what was there.");
    }

    /// <summary>Type, SQLSTATE and where it was thrown: a message may hold a row.</summary>
    private static string Describe(Exception e) => Name(e) + Environment.NewLine + e.StackTrace;

    /// <summary>Without where: while the database is away or full, each request says this, and no line of ours is at fault.</summary>
    private static string Name(Exception e) =>
        (e is PostgresException p ? $"{p.SqlState} {p.ConstraintName} " : "") + e.GetType().Name + (e.InnerException is { } inner ? $" ({inner.GetType().Name})" : "");

    /// <summary>The one that the problem document carries too.</summary>
    private static string TraceId(HttpContext context) => System.Diagnostics.Activity.Current?.Id ?? context.TraceIdentifier;

    [LoggerMessage(101, LogLevel.Warning, "{Code} answered to {Method}, request {RequestId}")]
    private partial void Refused(string code, string method, string requestId);

    [LoggerMessage(100, LogLevel.Error, "{Method} {Endpoint} failed, request {RequestId}: {What}")]
    private partial void Failed(string method, string endpoint, string requestId, string what);
}
