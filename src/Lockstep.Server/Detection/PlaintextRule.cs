using System.Text.Json;
using Lockstep.Server.Http;

namespace Lockstep.Server.Detection;

/// <summary>Refuses secrets in members that are not meant for any, before anything is sent to SQL: a rejected statement may be logged.</summary>
internal static class PlaintextRule
{
    /// <summary>A request can be wrong in more places than anybody reads of.</summary>
    private const int MostTold = 20;

    /// <param name="field">As the request spells it; its last part is the name that the text stands under.</param>
    public static void RefuseSecrets(this FieldErrors errors, string field, string? text)
    {
        if (text is not null)
            Tell(errors, SecretDetector.InText(field, field[(field.LastIndexOf('.') + 1)..], text));
    }

    public static void RefuseSecrets(this FieldErrors errors, string field, JsonElement? value)
    {
        if (value is { } given)
            Tell(errors, SecretDetector.InJson(field, field[(field.LastIndexOf('.') + 1)..], given));
    }

    /// <summary>Everything in a part of a request, by the names of the request.</summary>
    public static void RefuseSecretsIn<T>(this FieldErrors errors, string field, T? part)
        where T : class
    {
        if (part is not null)
            errors.RefuseSecrets(field, JsonSerializer.SerializeToElement(part, StrictJson.Options));
    }

    private static void Tell(FieldErrors errors, IEnumerable<Finding> findings)
    {
        foreach (var finding in findings.Take(MostTold))
            errors.Add(finding.Path, finding.IsStructured
                ? $"looks like a secret ({finding.Words}). Only credentials keep secrets: take it out here, and store it there."
                : "looks like a secret: a random value where a name says so. Only credentials keep secrets: take it out here, and store it there.");
    }
}
