using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Lockstep.Tests.Isolation;
using Lockstep.Tests.Support;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Vault.Attacks;

/// <summary>Every route that the server has, as its routing table tells, so that a new one is attacked by itself.</summary>
public sealed class RouteAttackTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    private const string Marker = "sk_live_51HxRouteMarker7bV";

    /// <summary>Where an empty object is not what the call takes.</summary>
    private static readonly Dictionary<string, string> Bodies = new(StringComparer.Ordinal)
    {
        ["PATCH /v1/credentials/{id}"] = """{"description":"x"}""",
        ["POST /v1/credentials/{id}/reveal"] = """{"purpose":"an attack"}""",
        ["POST /v1/credentials/{id}/rotate"] = """{"value":"another"}""",
        ["POST /v1/credentials/{id}/rollback"] = """{"version":1}""",
        ["PUT /v1/credentials/{id}/reminders"] = """{"remindBefore":["1d"]}""",
        ["PATCH /v1/webhooks/{id}"] = """{"isActive":false}""",
        ["PATCH /v1/integrations/{id}"] = """{"label":"mine"}""",
        ["POST /v1/integrations/{id}/confirm-deletions"] = """{"count":1}""",
        ["POST /v1/workspaces/{id}/members"] = """{"email":"me@example.com","role":"member"}""",
        ["POST /v1/workspaces/{id}/revoke-credentials"] = """{"reason":"an attack"}""",
        ["PATCH /v1/events/{id}"] = """{"summary":"mine"}""",
        ["PATCH /v1/events/{id}/occurrences/{recurrenceId}"] = """{"summary":"mine"}""",
    };

    [Fact]
    public async Task Another_tenants_id_on_every_verb_of_every_route_is_the_404_of_an_unknown_id()
    {
        var (victim, workspace) = (app.UserId("route-victim"), Guid.CreateVersion7());
        await app.As("route-victim").GetAsync("/v1/workspaces").ShouldBeAsync(HttpStatusCode.OK);
        await FillAsync(victim, workspace);
        var theirs = await app.ScalarAsync<Guid>("SELECT md5('user')::uuid");
        var stranger = app.As("route-stranger");
        var (tried, told) = (new List<string>(), new List<string>());
        foreach (var (verb, route) in Routes().Where(route => route.Path.Contains("{id", StringComparison.Ordinal)))
        {
            var call = $"{verb} {route}";
            var id = route.StartsWith("/v1/workspaces/", StringComparison.Ordinal) ? workspace : theirs;
            var (status, body) = await AnswerAsync(stranger, verb, route, id);
            if (status != 404 || (status, body) != await AnswerAsync(stranger, verb, route, Guid.CreateVersion7()))
                told.Add($"{call}: {status} {body}");
            tried.Add(call);
        }
        told.ShouldBeEmpty();
        tried.Count.ShouldBeGreaterThan(35, string.Join('\n', tried));
        (await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.activity_log WHERE actor = $1", $"user:{app.UserId("route-stranger")}")).ShouldBe(0);
        // All of it was there to be found.
        foreach (var path in new[] { $"credentials/{theirs}", $"credentials/{theirs}/versions", $"webhooks/{theirs}", $"workspaces/{workspace}/members", $"matters/{theirs}/timeline" })
            await app.As("route-victim").GetAsync("/v1/" + path).ShouldBeAsync(HttpStatusCode.OK);
    }

    [Fact]
    public async Task No_route_but_reveal_answers_with_a_value_present_or_former_sealed_or_not()
    {
        var owner = app.As("route-owner");
        var credential = (await owner.StoreAsync("k", Marker + "1")).Id();
        await owner.RotateAsync(credential, Marker + "2").ShouldBeAsync(HttpStatusCode.OK);
        var integration = (await owner.PostAsync("/v1/integrations", new
        {
            integrationType = "caldav",
            config = new { url = "https://calendar.example.com/", username = "alice" },
            secret = Marker + "3",
        }).ShouldBeAsync(HttpStatusCode.Created)).Id();
        var webhook = (await owner.PostAsync("/v1/webhooks", new { url = "https://hooks.example.com/x", events = new[] { "credential.created" } })
            .ShouldBeAsync(HttpStatusCode.Created))["webhook"]!.Id();
        var sealedText = await app.ScalarAsync<string>("SELECT encrypted_value FROM lockstep.credentials WHERE id = $1", credential);
        var read = 0;
        foreach (var (_, route) in Routes().Where(route => route.Verb == "GET" && !route.Path.EndsWith("/stream", StringComparison.Ordinal) && !route.Path.Contains("/ws", StringComparison.Ordinal)))
        {
            var id = route.StartsWith("/v1/integrations", StringComparison.Ordinal) ? integration
                : route.StartsWith("/v1/webhooks", StringComparison.Ordinal) ? webhook
                : credential;
            var (status, body) = await AnswerAsync(owner, "GET", route, id);
            body.ShouldNotContain("RouteMarker", Case.Insensitive, route);
            body.ShouldNotContain(sealedText.Split(':')[2][..16], Case.Sensitive, route);
            body.ShouldNotContain("whsec_", Case.Insensitive, route);
            read += status == 200 ? 1 : 0;
        }
        read.ShouldBeGreaterThan(20);
    }

    private async Task<(int Status, string Body)> AnswerAsync(HttpClient client, string verb, string route, Guid id)
    {
        var path = route.Replace("{id}", id.ToString(), StringComparison.Ordinal).Replace("{userId}", app.UserId("route-victim").ToString(), StringComparison.Ordinal)
            .Replace("{recurrenceId}", "20260302T090000Z", StringComparison.Ordinal).Replace("{app}", "notes", StringComparison.Ordinal).Replace("{slug}", "nobody", StringComparison.Ordinal);
        if (path.EndsWith("/occurrences", StringComparison.Ordinal))
            path += "?from=2026-03-01T00:00:00Z&to=2026-04-01T00:00:00Z";
        using var request = new HttpRequestMessage(new HttpMethod(verb), path);
        if (verb is not ("GET" or "DELETE"))
        {
            request.Content = route.EndsWith("/ics", StringComparison.Ordinal)
                ? new StringContent(DavProbe.Event("u", "Mine"), Encoding.UTF8, "text/calendar")
                : new StringContent(Bodies.GetValueOrDefault($"{verb} {route}", "{}"), Encoding.UTF8, "application/json");
        }
        using var answer = await client.SendAsync(request);
        var body = await answer.Content.ReadAsStringAsync();
        if (answer.Content.Headers.ContentType?.MediaType == "application/problem+json")
        {
            var problem = JsonNode.Parse(body)!.AsObject();
            problem.Remove("traceId");
            body = problem.ToJsonString();
        }
        return ((int)answer.StatusCode, body);
    }

    /// <summary>As the server routes them, parameters without their constraints.</summary>
    private IEnumerable<(string Verb, string Path)> Routes() =>
        from endpoint in app.Services.GetServices<EndpointDataSource>().SelectMany(source => source.Endpoints).OfType<RouteEndpoint>()
        from verb in endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? []
        where verb is "GET" or "POST" or "PUT" or "PATCH" or "DELETE"
        let path = "/" + string.Join('/', endpoint.RoutePattern.PathSegments.Select(segment => string.Concat(segment.Parts.Select(part =>
            part is Microsoft.AspNetCore.Routing.Patterns.RoutePatternParameterPart parameter ? $"{{{parameter.Name}}}"
            : part is Microsoft.AspNetCore.Routing.Patterns.RoutePatternLiteralPart literal ? literal.Content : ""))))
        // The console takes cookies, no tokens: ConsoleIsolationTests attack it by one.
        where !path.StartsWith("/console", StringComparison.Ordinal)
        orderby path, verb
        select (verb, path);

    /// <summary>A row of the victim in every table, by one id.</summary>
    private async Task FillAsync(Guid victim, Guid workspace)
    {
        await using var connection = await app.ConnectAsync();
        foreach (var (_, insert) in TenantRows.All)
        {
#pragma warning disable CA2100 // Written in the tests.
            await using var command = new NpgsqlCommand(
                insert.Replace("$1", $"'{victim}'::uuid").Replace("$2", $"'{workspace}'::uuid").Replace("$3", "'user'"), connection);
#pragma warning restore CA2100
            await command.ExecuteNonQueryAsync();
        }
    }
}
