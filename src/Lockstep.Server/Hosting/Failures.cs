using System.Text.Json;
using Lockstep.Server.Console;
using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Lockstep.Server.Hosting;

/// <summary>What an endpoint threw becomes a problem document; its text never shows what came in or what the database said.</summary>
internal sealed partial class Failures(ILogger<Failures> logger, IHostApplicationLifetime lifetime, DiskWatch disk) : IExceptionHandler
{
    public async ValueTask<bool> TryHandleAsync(HttpContext context, Exception exception, CancellationToken ct)
    {
        if (context.RequestAborted.IsCancellationRequested)
            return true;
        disk.Note(exception);
        var problem = exception switch
        {
            ProblemException e => Problems.Of(e.Status, e.Code, e.Message),
            BadHttpRequestException { StatusCode: 413 } => Problems.Of(413, "body_too_large", "The body is larger than this call takes. Send less at a time."),
            BadHttpRequestException { StatusCode: 415 } => Problems.Of(415, "json_expected", "This call takes JSON: send 'Content-Type: application/json'."),
            BadHttpRequestException { InnerException: JsonException json } => BadJson(json),
            JsonException json => BadJson(json),
            BadHttpRequestException e => Problems.Of(e.StatusCode, "bad_request", "A parameter of this call is missing or cannot be read. Check the path, the query and the body against /openapi/v1.json."),
            PostgresException { SqlState: PostgresErrorCodes.CharacterNotInRepertoire or PostgresErrorCodes.UntranslatableCharacter } =>
                Problems.Of(400, "invalid_text", "A text holds a character that cannot be kept, such as U+0000. Take it out and send again."),
            // The net under the plaintext guard caught what the search before it let through; the column is all that the message says.
            PostgresException { SqlState: PostgresErrorCodes.CheckViolation, ColumnName: { } column } e when e.ConstraintName?.EndsWith("_plaintext_check", StringComparison.Ordinal) == true =>
                Problems.Invalid(column, "looks like a secret. Only credentials keep secrets: take it out here, and store it there."),
            PostgresException { SqlState: PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.SerializationFailure } =>
                Problems.Of(503, "busy", "Somebody else is changing the same thing. Try again in a moment."),
            PostgresException { SqlState: PostgresErrorCodes.DiskFull } =>
                Problems.Of(503, "disk_full", "The database's disk is full, so nothing was stored. Free some space; it goes on by itself."),
            PostgresException { SqlState: PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification or PostgresErrorCodes.InvalidCatalogName } =>
                Problems.Of(503, "database_unavailable", "The database does not let this server in; its operator has to look. Nothing was stored."),
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
            Failed(context.Request.Method, context.Features.Get<IExceptionHandlerFeature>()?.Endpoint?.DisplayName ?? "no endpoint", TraceId(context), Describe(exception));
        problem ??= Problems.Of(500, "internal_error", $"This is a fault of the server, and it is in its log under request {TraceId(context)}. Look whether it was done before you try again.");
        if (problem.StatusCode is 503 or 429)
            context.Response.Headers.RetryAfter = ((int)Math.Ceiling(retryAfter.TotalSeconds)).ToString(System.Globalization.CultureInfo.InvariantCulture);
        await context.Answer(problem);
        return true;
    }

    private static Microsoft.AspNetCore.Http.HttpResults.ProblemHttpResult BadJson(JsonException e) => Problems.Of(
        400,
        "invalid_json",
        $"The body is not the JSON that this call takes: at {e.Path ?? "$"}, line {(e.LineNumber ?? 0) + 1}, {Reason(e)}");

    /// <summary>The serializer's own words name our types; these name the rule.</summary>
    private static string Reason(JsonException e) =>
        e.Message.Contains("could not be mapped", StringComparison.Ordinal) ? "there is a member that this call does not know." :
        e.Message.Contains("Duplicate", StringComparison.OrdinalIgnoreCase) ? "a member is there twice." :
        e.Message.Contains("missing required", StringComparison.Ordinal) ? $"a required member is missing: {Quoted(e.Message)}." :
        e.Message.StartsWith("A time is", StringComparison.Ordinal) ? e.Message :
        e.Message.Contains("depth", StringComparison.Ordinal) ? "it is nested deeper than 32 levels." :
        "the value has the wrong type, or the JSON is broken.";

    /// <summary>The names after the colon; the type before it is ours.</summary>
    private static string Quoted(string message) => message[(message.LastIndexOf(':') + 1)..].Trim(' ', '.', '\'');

    /// <summary>Type, SQLSTATE and where it was thrown: a message may hold a row.</summary>
    private static string Describe(Exception e) =>
        (e is PostgresException p ? $"{p.SqlState} {p.ConstraintName} " : "") + e.GetType().Name + Environment.NewLine + e.StackTrace;

    /// <summary>The one that the problem document carries too.</summary>
    private static string TraceId(HttpContext context) => System.Diagnostics.Activity.Current?.Id ?? context.TraceIdentifier;

    [LoggerMessage(101, LogLevel.Warning, "{Code} answered to {Method}, request {RequestId}")]
    private partial void Refused(string code, string method, string requestId);

    [LoggerMessage(100, LogLevel.Error, "{Method} {Endpoint} failed, request {RequestId}: {What}")]
    private partial void Failed(string method, string endpoint, string requestId, string what);
}
