using System.Text.Json;
using System.Text.Json.Nodes;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Hosting;

/// <summary>The contract with clients: docs/openapi.json is what the server says, and a change of it is seen in review.</summary>
public sealed class ApiDocumentTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    private static readonly string Snapshot = Path.Combine(Repository.Root, "docs", "openapi.json");
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping, NewLine = "\n" };

    /// <summary>Writes the file anew, so that a change is committed or refused; .ci/run fails when it is dirty.</summary>
    [Fact]
    public async Task The_snapshot_is_what_the_server_says()
    {
        var document = JsonNode.Parse(await app.Anonymous().GetStringAsync("/openapi/v1.json"))!;
        var text = document.ToJsonString(Indented) + "\n";
        var before = File.Exists(Snapshot) ? await File.ReadAllTextAsync(Snapshot) : "";
        if (text != before)
            await File.WriteAllTextAsync(Snapshot, text);
        text.ShouldBe(before, "docs/openapi.json was out of date and has been written anew: look at the difference and commit it.");
    }

    [Fact]
    public async Task Every_operation_has_a_name_a_summary_and_a_problem_answer()
    {
        var document = JsonNode.Parse(await app.Anonymous().GetStringAsync("/openapi/v1.json"))!;
        var incomplete =
            from path in document["paths"]!.AsObject()
            from verb in path.Value!.AsObject()
            let operation = verb.Value!
            where operation["operationId"] is null || operation["summary"] is null || operation["responses"]?["default"] is null
            select $"{verb.Key} {path.Key}";
        incomplete.ShouldBeEmpty();
    }

    [Fact]
    public async Task Every_reference_leads_somewhere()
    {
        var document = JsonNode.Parse(await app.Anonymous().GetStringAsync("/openapi/v1.json"))!;
        var schemas = document["components"]?["schemas"]?.AsObject().Select(schema => schema.Key).ToHashSet() ?? [];
        References(document).Where(reference => reference.StartsWith("#/components/schemas/", StringComparison.Ordinal))
            .Select(reference => reference["#/components/schemas/".Length..]).Where(name => !schemas.Contains(name)).ShouldBeEmpty();
    }

    private static IEnumerable<string> References(JsonNode? node) => node switch
    {
        JsonObject members => members.SelectMany(member =>
            member is { Key: "$ref", Value: JsonValue value } ? [value.GetValue<string>()] : References(member.Value)),
        JsonArray items => items.SelectMany(References),
        _ => [],
    };
}
