using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Lockstep.Tests.Support;

/// <summary>An operator's service that says who is where, as the mana protocol's internal endpoint does.</summary>
public sealed class FakeMembershipService : IAsyncDisposable
{
    private WebApplication? app;

    public Uri Url => new(app!.Urls.Single());

    /// <summary>By subject.</summary>
    public ConcurrentDictionary<string, (string Space, string Role)[]> Members { get; } = new(StringComparer.Ordinal);

    public ConcurrentQueue<(string Subject, string? Key)> Asked { get; } = new();

    /// <summary>Answers 500 instead.</summary>
    public bool Broken { get; set; }

    public static async Task<FakeMembershipService> StartAsync()
    {
        var fake = new FakeMembershipService();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        fake.app = builder.Build();
        fake.app.MapGet("/base/api/v1/internal/users/{subject}/memberships", fake.Answer);
        await fake.app.StartAsync();
        return fake;
    }

    public async ValueTask DisposeAsync() => await app!.DisposeAsync();

    private IResult Answer(string subject, HttpRequest request)
    {
        Asked.Enqueue((subject, request.Headers["x-service-key"]));
        return Broken
            ? Results.StatusCode(500)
            : Results.Json(new
            {
                userId = subject,
                memberships = Members.GetValueOrDefault(subject, []).Select(member => new { organizationId = member.Space, role = member.Role }),
            });
    }
}
