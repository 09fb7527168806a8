using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace Lockstep.Server.Http;

/// <summary>Every error answer, RFC 9457, with a stable <c>code</c>. The detail says what was wrong, where, and what to do.</summary>
internal static class Problems
{
    /// <summary>Also for what exists but is not the caller's: the body is the same.</summary>
    public static ProblemHttpResult NotFound() =>
        Of(404, "not_found", "There is nothing under this address that you may see. Check the id and the account that your token belongs to.");

    /// <summary>409: the request was fine, the state of things is not.</summary>
    public static ProblemHttpResult Conflict(string code, string detail) => Of(409, code, detail);

    /// <summary>403, only where the thing itself is no secret to the caller.</summary>
    public static ProblemHttpResult Forbidden(string code, string detail) => Of(403, code, detail);

    /// <summary>422 naming one field, in the words of the request (<c>settings.workingHours.days[0]</c>).</summary>
    public static ProblemHttpResult Invalid(string field, string message) => Invalid(new Dictionary<string, string[]> { [field] = [message] });

    /// <summary>422 with every wrong field at once.</summary>
    public static ProblemHttpResult Invalid(IReadOnlyDictionary<string, string[]> errors) =>
        Of(422, "invalid_request", string.Join(" ", errors.Select(error => $"{error.Key}: {string.Join(" ", error.Value)}")),
            new Dictionary<string, object?> { ["errors"] = errors });

    public static ProblemHttpResult Of(int status, string code, string detail, IReadOnlyDictionary<string, object?>? more = null)
    {
        var problem = new ProblemDetails { Status = status, Title = Title(status), Detail = detail };
        problem.Extensions["code"] = code;
        foreach (var (key, value) in more ?? new Dictionary<string, object?>())
            problem.Extensions[key] = value;
        return TypedResults.Problem(problem);
    }

    private static string Title(int status) => status switch
    {
        400 => "Bad request",
        401 => "Not signed in",
        403 => "Not allowed",
        404 => "Not found",
        409 => "Conflict",
        410 => "Gone",
        412 => "Changed meanwhile",
        413 => "Too large",
        415 => "Unsupported media type",
        422 => "Invalid request",
        429 => "Too many requests",
        502 => "The other server failed",
        503 => "Not available now",
        504 => "The other server did not answer",
        _ => "Error",
    };
}
