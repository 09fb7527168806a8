using System.Text.Json;

namespace Lockstep.Server.Tenancy.ApiTokens;

/// <summary>What the API token that a request came with may do; never more than its owner.</summary>
/// <param name="OfWorkspace">Then <see cref="Caller.User"/> is the token's own id: it is nobody's, and sees its workspace alone.</param>
/// <param name="Scopes">Of <see cref="Http.TokenScopes"/>.</param>
/// <param name="Limits">The credentials that it is limited to, as <c>lockstep.token_reaches</c> reads them; null for no limit.</param>
internal sealed record TokenGrant(Guid Id, bool OfWorkspace, IReadOnlySet<string> Scopes, string? Limits)
{
    public static string? LimitsOf(IReadOnlyList<Guid>? credentials, IReadOnlyList<string>? providers) => credentials is null && providers is null
        ? null
        : JsonSerializer.Serialize(new { ids = credentials, providers });
}
