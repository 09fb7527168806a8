using System.Net;
using System.Text.Json.Nodes;
using Lockstep.Tests.Support;
using Shouldly;

namespace Lockstep.Tests.Vault.OAuth;

/// <summary>Short words for the calls that the tests of OAuth grants make.</summary>
internal static class OAuthCalls
{
    public static async Task<Guid> StoreGrantAsync(this HttpClient client, object oauth, string name = "grant") =>
        (await client.PostAsync("/v1/credentials", new { name, provider = "calendar", type = "OAUTH_TOKEN", oauth }).ShouldBeAsync(HttpStatusCode.Created)).Id();

    public static Task<HttpResponseMessage> RotateGrantAsync(this HttpClient client, Guid id, object oauth) =>
        client.PostAsync($"/v1/credentials/{id}/rotate", new { oauth });

    public static Task<JsonNode> GrantAsync(this HttpClient client, Guid id) => client.GetAsync($"/v1/credentials/{id}/oauth").ShouldBeAsync(HttpStatusCode.OK);

    /// <summary>As time passing would do: the token is due, and the endpoint may be asked again.</summary>
    public static Task DueAsync(this LockstepApp app, Guid id, string expiresIn = "-1 second") => app.ScalarAsync<object>(
        """
        UPDATE lockstep.oauth_grants
        SET    expires_at = now() + $2::interval, refresh_at = now() - interval '1 second', retry_at = NULL
        WHERE  credential_id = $1
        RETURNING 1
        """,
        id, expiresIn);

    public static Task<int> VersionAsync(this LockstepApp app, Guid id) =>
        app.ScalarAsync<int>("SELECT version FROM lockstep.credentials WHERE id = $1", id);

    /// <summary>Waits until something holds that another process brings about.</summary>
    public static async Task UntilAsync(Func<Task<bool>> holds, string what)
    {
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        for (var look = 0; look < 1_000; look++)
        {
            if (await holds())
                return;
            await tick.WaitForNextTickAsync(Xunit.TestContext.Current.CancellationToken);
        }
        throw new ShouldAssertException($"It never came: {what}");
    }
}
