using System.Net;
using System.Text.Json.Nodes;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Vault;

public sealed class VaultDocumentTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    [Theory]
    [InlineData("StoreCredentialRequest")]
    [InlineData("RotateRequest")]
    [InlineData("RevealAnswer")]
    public async Task The_api_description_says_that_a_secret_is_a_string(string schema)
    {
        var schemas = await SchemasAsync();
        var value = schemas[schema]!["properties"]!["value"]!;
        if (value["$ref"]?.GetValue<string>() is { } reference)
            value = schemas[reference.Split('/')[^1]]!;
        value.Text("type").ShouldBe("string", schemas[schema]!.ToJsonString());
        value.Text("format").ShouldBe("password");
    }

    [Fact]
    public async Task The_api_description_lists_types_and_scopes_by_name()
    {
        var schemas = await SchemasAsync();
        schemas["CredentialType"]!["enum"]!.AsArray().Select(name => name!.GetValue<string>())
            .ShouldBe(["API_KEY", "OAUTH_TOKEN", "ACCESS_TOKEN", "SECRET", "PASSWORD", "CUSTOM"]);
        schemas["CredentialScope"]!["enum"]!.AsArray().Select(name => name!.GetValue<string>()).ShouldBe(["USER", "WORKSPACE", "SYSTEM"]);
        schemas["UpdateCredentialRequest"]!["properties"]!.AsObject().Select(member => member.Key)
            .ShouldBe(["name", "description", "expiresAt", "metadata"], ignoreOrder: true);
    }

    private async Task<JsonNode> SchemasAsync() =>
        (await app.Anonymous().GetAsync("/openapi/v1.json").ShouldBeAsync(HttpStatusCode.OK))["components"]!["schemas"]!;
}
