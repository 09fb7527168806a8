using Microsoft.AspNetCore.Builder;

namespace Lockstep.Server.Http;

/// <summary>What an API token must be allowed for a group of endpoints. Without it no API token gets in, so that a new group is closed to them.</summary>
/// <param name="Read">For GET and HEAD.</param>
/// <param name="Write">For every other method.</param>
internal sealed record TokenScope(string Read, string Write)
{
    public string For(string method) => method is "GET" or "HEAD" ? Read : Write;
}

internal static class TokenScopeMetadata
{
    /// <summary>Said once on the group; an endpoint that says it again overrules its group.</summary>
    public static T WithTokenScope<T>(this T endpoints, string read, string write)
        where T : IEndpointConventionBuilder => endpoints.WithMetadata(new TokenScope(read, write));

    public static T WithTokenScope<T>(this T endpoints, string scope)
        where T : IEndpointConventionBuilder => endpoints.WithTokenScope(scope, scope);
}
