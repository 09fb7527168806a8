using Lockstep.Server.Detection;
using Lockstep.Server.Http;
using NodaTime;

namespace Lockstep.Server.Tenancy.ApiTokens;

/// <summary>What may be asked of a new token. Everything wrong is said at once.</summary>
internal static class ApiTokenRules
{
    public const int MaxName = 200;
    public const int MaxLimits = 100;

    private static readonly Instant Latest = Instant.FromUtc(9999, 1, 1, 0, 0);

    public static FieldErrors Check(NewApiToken token, Instant now)
    {
        var errors = new FieldErrors();
        errors.Require(!string.IsNullOrWhiteSpace(token.Name) && token.Name.Length <= MaxName && !token.Name.Any(char.IsControl),
            "name", $"has 1 to {MaxName} characters and no line breaks. Say what uses the token.");
        errors.Require(token.Scopes.Count > 0, "scopes", $"names no scope. There are {string.Join(", ", TokenScopes.All)}.");
        for (var i = 0; i < token.Scopes.Count; i++)
        {
            var scope = token.Scopes[i];
            if (!TokenScopes.All.Contains(scope))
                errors.Add($"scopes[{i}]", $"is no scope. There are {string.Join(", ", TokenScopes.All)}.");
            else if (token.WorkspaceId is not null && !TokenScopes.OfWorkspaces.Contains(scope))
                errors.Add($"scopes[{i}]", $"{scope} goes with a user's token only. A workspace's may have {string.Join(", ", TokenScopes.OfWorkspaces)}.");
            else if (Limited(token) && !TokenScopes.OfLimited.Contains(scope))
                errors.Add($"scopes[{i}]", $"{scope} does not go with credentialIds or providers: they would not limit it.");
        }
        errors.Require(token.ExpiresAt is null || token.ExpiresAt > now, "expiresAt", "is in the past.");
        errors.Require(token.ExpiresAt is null || token.ExpiresAt < Latest, "expiresAt", "is after the year 9998; leave it out for no end.");
        errors.Require(token.CredentialIds is null or { Count: > 0 and <= MaxLimits }, "credentialIds", $"names 1 to {MaxLimits} credentials; leave it out for all of them.");
        errors.Require(token.Providers is null or { Count: > 0 and <= MaxLimits }, "providers", $"names 1 to {MaxLimits} providers; leave it out for all of them.");
        errors.Require(token.Providers?.All(provider => provider.Length is > 0 and <= 100 && !provider.Any(char.IsControl)) != false,
            "providers", "holds a name that is empty, longer than 100 characters, or has control characters.");
        if (!errors.Any)
            errors.RefuseSecrets("name", token.Name);
        return errors;
    }

    private static bool Limited(NewApiToken token) => token.CredentialIds is not null || token.Providers is not null;
}
