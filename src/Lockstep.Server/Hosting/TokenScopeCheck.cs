using System.Collections.Immutable;
using Lockstep.Server.Http;
using Lockstep.Server.Tenancy;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Lockstep.Server.Hosting;

/// <summary>Who came with an API token gets where its scopes say, and nowhere that names no scope.</summary>
internal static class TokenScopeCheck
{
    public static Task Require(HttpContext context, RequestDelegate next)
    {
        var endpoint = context.GetEndpoint();
        if (context.RequestServices.GetRequiredService<CallerContext>().Grant is not { } grant || endpoint?.Metadata.GetMetadata<IAuthorizeData>() is null)
            return next(context);
        if (endpoint.Metadata.GetMetadata<TokenScope>()?.For(context.Request.Method) is not { } scope)
        {
            return Problems.Forbidden("token_not_allowed", "API tokens may not make this call, whatever their scopes. Sign in as a person.")
                .ExecuteAsync(context);
        }
        return grant.Scopes.Contains(scope)
            ? next(context)
            : Problems.Of(403, "scope_required", $"This call needs the scope {scope}, which this token does not have. Make a token with it.",
                ImmutableDictionary<string, object?>.Empty.Add("scope", scope)).ExecuteAsync(context);
    }
}
