using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Lockstep.Server.Console;

/// <summary>Why something was not done, in the very words of the API.</summary>
/// <param name="Code">Stable, for support.</param>
/// <param name="Errors">By field, in the words of the API; empty when it is not about fields.</param>
/// <param name="RequestId">As the log and the audit have it.</param>
public sealed record Refusal(int Status, string Code, string Detail, IReadOnlyDictionary<string, string[]> Errors, string RequestId)
{
    private static readonly Dictionary<string, string[]> None = [];

    internal static Refusal Of(ProblemHttpResult problem, HttpContext context) => new(
        problem.StatusCode,
        problem.ProblemDetails.Extensions.TryGetValue("code", out var code) ? Convert.ToString(code, CultureInfo.InvariantCulture)! : "error",
        problem.ProblemDetails.Detail ?? "",
        problem.ProblemDetails.Extensions.TryGetValue("errors", out var errors) && errors is IReadOnlyDictionary<string, string[]> byField ? byField : None,
        IdOf(context));

    /// <summary>What an endpoint of the API answered.</summary>
    /// <returns>Both null for an answer without a body.</returns>
    internal static (T? Value, Refusal? Refusal) Read<T>(INestedHttpResult answer, HttpContext context)
        where T : class => answer.Result switch
        {
            ProblemHttpResult problem => (null, Of(problem, context)),
            IValueHttpResult { Value: T value } => (value, null),
            _ => (null, null),
        };

    internal static Refusal Of(int status, string code, string detail, HttpContext context) => new(status, code, detail, None, IdOf(context));

    internal static string IdOf(HttpContext context) => System.Diagnostics.Activity.Current?.Id ?? context.TraceIdentifier;

    /// <summary>What is wrong with a field; null when it is well.</summary>
    public string? About(string field) => Errors.TryGetValue(field, out var said) ? string.Join(" ", said) : null;
}
