using System.ComponentModel;
using System.Text.Json;
using System.Text.RegularExpressions;
using Lockstep.Server.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Http.Metadata;

namespace Lockstep.Server.Hosting;

/// <summary>What the framework could not read of a request, in words that say what and where. Its own messages name our types and repeat what was sent.</summary>
internal static partial class BadRequests
{
    public const string JsonExpected =
        "This call takes another type of body, most calls JSON: send 'Content-Type: application/json'. The others, such as /v1/events/ics and /v1/import, are in /openapi/v1.json with their type.";

    private const string Unreadable = "cannot be read as it was sent. /openapi/v1.json says what this call takes.";
    private const string Unknown = "A parameter of this call is missing or cannot be read. Check the path, the query and the body against /openapi/v1.json.";

    public static ProblemHttpResult Of(BadHttpRequestException e) => e switch
    {
        { StatusCode: 413 } => Problems.Of(413, "body_too_large", "The body is larger than this call takes. Send less at a time."),
        { StatusCode: 415 } => Problems.Of(415, "json_expected", JsonExpected),
        { InnerException: JsonException json } => Json(json),
        _ => Problems.Of(e.StatusCode, "bad_request", Parameter(e.Message)),
    };

    /// <summary>Of a 400 without a word: so an optional value of the query is refused that cannot be read.</summary>
    public static ProblemHttpResult Of(HttpContext context)
    {
        var name = context.GetEndpoint()?.Metadata.GetOrderedMetadata<IParameterBindingMetadata>()
            .FirstOrDefault(parameter => parameter.HasTryParse && !Reads(parameter.ParameterInfo.ParameterType, context.Request.Query[parameter.Name]))?.Name;
        return Problems.Of(400, "bad_request", name is null ? Unknown : $"{name} {Unreadable}");
    }

    public static ProblemHttpResult Json(JsonException e) => Problems.Of(
        400,
        "invalid_json",
        $"The body is not the JSON that this call takes: at {e.Path ?? "$"}, line {(e.LineNumber ?? 0) + 1}, {Reason(e)}");

    /// <summary>The serializer's own words name our types; these name the rule.</summary>
    private static string Reason(JsonException e) =>
        e.Message.Contains("could not be mapped", StringComparison.Ordinal) ? "there is a member that this call does not know." :
        e.Message.Contains("Duplicate", StringComparison.OrdinalIgnoreCase) ? "a member is there twice." :
        e.Message.Contains("missing required", StringComparison.Ordinal) ? $"a required member is missing: {Names(e.Message)}." :
        e.Message.StartsWith("A time is", StringComparison.Ordinal) ? e.Message :
        e.Message.Contains("configured depth", StringComparison.Ordinal) ? "it is nested deeper than 32 levels." :
        e.Message.Contains("depth to be zero", StringComparison.Ordinal) ? "it ends too early: a bracket or brace is not closed." :
        e.Message.Contains("null values", StringComparison.Ordinal) ? "it may not be null." :
        e.InnerException is JsonException ? $"the JSON itself is broken, at byte {(e.BytePositionInLine ?? 0) + 1} of the line." :
        "the value has the wrong type.";

    /// <summary>The names after the colon, each in quotes; the type before it is ours.</summary>
    private static string Names(string message) => message[(message.LastIndexOf(':') + 1)..].Replace("'", "", StringComparison.Ordinal).Trim(' ', '.');

    /// <summary>The name of the parameter at most: the value may be a secret in the wrong place.</summary>
    private static string Parameter(string message) =>
        BodyMissing().IsMatch(message) ? "This call needs a body of JSON, and none came. /openapi/v1.json says what it takes."
        : Bound().Match(message) is { Success: true } bound
            ? $"{bound.Groups["name"].Value} {(message.StartsWith("Required", StringComparison.Ordinal) ? "is missing. /openapi/v1.json says what this call takes." : Unreadable)}"
        : Unknown;

    private static bool Reads(Type type, string? text) => string.IsNullOrEmpty(text) || (Nullable.GetUnderlyingType(type) ?? type) switch
    {
        { IsEnum: true } choice => Enum.TryParse(choice, text, ignoreCase: true, out _),
        var other => TypeDescriptor.GetConverter(other).IsValid(text),
    };

    [GeneratedRegex("^Implicit body inferred|was not provided from body")]
    private static partial Regex BodyMissing();

    /// <summary>Failed to bind parameter "TYPE NAME" from "VALUE"; Required parameter "TYPE NAME" was not provided from PLACE.</summary>
    [GeneratedRegex("^(?:Failed to bind|Required) parameter \"(?:[^\"]* )?(?<name>[A-Za-z]+)\"")]
    private static partial Regex Bound();
}
