using System.Net;
using System.Text;
using Lockstep.Tests.Support;
using Npgsql;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Vault;

public sealed class CredentialSealTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    public static TheoryData<string> OddValues => new(
        "x",
        " leading and trailing \r\n",
        "vault:v1:AAAA",
        "AAAAAAAAAAAAAAAA:AAAAAAAAAAAAAAAAAAAAAA==:AAAA",
        "***",
        "null",
        "emoji 🔐👨‍👩‍👧 and İstanbul",
        "nul \0 inside",
        "\uFEFFbyte order mark",
        "e\u0301 is not \u00e9",
        "'; DROP TABLE lockstep.credentials; --");

    [Theory]
    [MemberData(nameof(OddValues))]
    public async Task A_value_comes_back_byte_for_byte(string value)
    {
        var client = app.As("odd");
        var id = (await client.StoreAsync(Convert.ToHexString(Encoding.UTF8.GetBytes(value))[..Math.Min(200, Encoding.UTF8.GetByteCount(value) * 2)], value, "CUSTOM")).Id();
        (await client.ValueAsync(id)).ShouldBe(value);
    }

    [Fact]
    public async Task A_value_has_1_to_65536_bytes_of_utf8()
    {
        var client = app.As("sizes");
        var largest = new string('x', 65_533) + "€";
        var id = (await client.StoreAsync("largest", largest)).Id();
        (await client.ValueAsync(id)).ShouldBe(largest);
        foreach (var value in new[] { "", largest + "y" })
        {
            var problem = await client.PostAsync("/v1/credentials", new { name = "n", provider = "p", type = "SECRET", value }).ShouldBeProblemAsync(422, "invalid_request");
            problem["errors"]!["value"].ShouldNotBeNull();
            await client.RotateAsync(id, value).ShouldBeProblemAsync(422, "invalid_request");
        }
    }

    [Theory]
    [InlineData("""{"name":"n","provider":"p","type":"SECRET","value":"\ud800"}""")]
    [InlineData("""{"name":"n","provider":"p","type":"SECRET","value":7}""")]
    [InlineData("""{"name":"n","provider":"p","type":3,"value":"v"}""")]
    [InlineData("""{"name":"n","provider":"p","type":"OTHER","value":"v"}""")]
    [InlineData("""{"name":"n","provider":"p","type":"SECRET","value":"v","value":"w"}""")]
    [InlineData("""{"name":"n","provider":"p","type":"SECRET","value":"v","encryptedValue":"w"}""")]
    public async Task A_body_that_is_not_what_the_call_takes_is_a_400(string body) =>
        await app.As("garbage").SendRawAsync(HttpMethod.Post, "/v1/credentials", body).ShouldBeProblemAsync(400, "invalid_json");

    [Theory]
    [InlineData("value", """{"name":"n","provider":"p","type":"SECRET","value":null}""")]
    [InlineData("value", """{"name":"n","provider":"p","type":"SECRET"}""")]
    [InlineData("name", """{"name":" ","provider":"p","type":"SECRET","value":"v"}""")]
    [InlineData("name", """{"name":"a\nb","provider":"p","type":"SECRET","value":"v"}""")]
    [InlineData("provider", """{"name":"n","provider":"","type":"SECRET","value":"v"}""")]
    [InlineData("workspaceId", """{"name":"n","provider":"p","type":"SECRET","value":"v","scope":"WORKSPACE"}""")]
    [InlineData("workspaceId", """{"name":"n","provider":"p","type":"SECRET","value":"v","workspaceId":"00000000-0000-7000-8000-000000000000"}""")]
    [InlineData("expiresAt", """{"name":"n","provider":"p","type":"SECRET","value":"v","expiresAt":"2001-01-01T00:00:00Z"}""")]
    [InlineData("description", """{"name":"n","provider":"p","type":"SECRET","value":"v","description":"a\u0000b"}""")]
    [InlineData("metadata", """{"name":"n","provider":"p","type":"SECRET","value":"v","metadata":[1]}""")]
    [InlineData("metadata", """{"name":"n","provider":"p","type":"SECRET","value":"v","metadata":{"a":{"b":["x\u0000"]}}}""")]
    [InlineData("metadata", """{"name":"n","provider":"p","type":"SECRET","value":"v","metadata":{"a\u0000":1}}""")]
    [InlineData("metadata", """{"name":"n","provider":"p","type":"SECRET","value":"v","metadata":{"a":"\ud800"}}""")]
    [InlineData("metadata", """{"name":"n","provider":"p","type":"SECRET","value":"v","metadata":{"a":1e400000}}""")]
    [InlineData("metadata", """{"name":"n","provider":"p","type":"SECRET","value":"v","metadata":{"a":1e-400000}}""")]
    public async Task What_cannot_be_kept_is_a_422_that_names_the_field(string field, string body)
    {
        var problem = await app.As("fields").SendRawAsync(HttpMethod.Post, "/v1/credentials", body).ShouldBeProblemAsync(422, "invalid_request");
        problem["errors"]!.AsObject().Select(error => error.Key).ShouldBe([field]);
    }

    [Fact]
    public async Task Metadata_of_more_than_8_KiB_is_refused()
    {
        var problem = await app.As("fields")
            .PostAsync("/v1/credentials", new { name = "n", provider = "p", type = "SECRET", value = "v", metadata = new { a = new string('x', 9000) } })
            .ShouldBeProblemAsync(422, "invalid_request");
        problem.Text("detail").ShouldContain("8192");
    }

    [Fact]
    public async Task Ciphertext_moved_into_another_row_of_the_same_owner_does_not_open()
    {
        var client = app.As("mover");
        var (from, to) = ((await client.StoreAsync("from", "the-first-secret")).Id(), (await client.StoreAsync("to", "the-second-secret")).Id());
        await ExecuteAsync("UPDATE lockstep.credentials c SET encrypted_value = o.encrypted_value FROM lockstep.credentials o WHERE c.id = $1 AND o.id = $2", to, from);
        var problem = await client.RevealAsync(to).ShouldBeProblemAsync(422, "integrity_failure");
        problem.ToJsonString().ShouldNotContain("secret-");
        (await client.ValueAsync(from)).ShouldBe("the-first-secret");
    }

    [Fact]
    public async Task Ciphertext_and_data_key_moved_to_another_owner_do_not_open()
    {
        var from = (await app.As("victim").StoreAsync("from", "the-victims-secret")).Id();
        var to = (await app.As("thief").StoreAsync("to", "the-thiefs-secret")).Id();
        await ExecuteAsync(
            "UPDATE lockstep.credentials c SET encrypted_value = o.encrypted_value, data_key_id = o.data_key_id, key_version = o.key_version FROM lockstep.credentials o WHERE c.id = $1 AND o.id = $2",
            to, from);
        await app.As("thief").RevealAsync(to).ShouldBeProblemAsync(422, "integrity_failure");
        // Nor when the whole row is claimed, whether or not the key is cached.
        await ExecuteAsync("UPDATE lockstep.credentials c SET user_id = o.user_id FROM lockstep.credentials o WHERE c.id = $1 AND o.id = $2", from, to);
        await app.As("thief").RevealAsync(from).ShouldBeProblemAsync(422, "integrity_failure");
        await app.RestartAsync();
        await app.As("thief").RevealAsync(from).ShouldBeProblemAsync(422, "integrity_failure");
    }

    [Fact]
    public async Task A_former_value_put_back_by_hand_does_not_open_under_the_newer_version()
    {
        var client = app.As("rewinder");
        var id = (await client.StoreAsync("k", "the-old-leaked-secret")).Id();
        await client.RotateAsync(id, "the-new-secret").ShouldBeAsync(HttpStatusCode.OK);
        await ExecuteAsync("UPDATE lockstep.credentials c SET encrypted_value = v.encrypted_value FROM lockstep.credential_versions v WHERE c.id = $1 AND v.credential_id = c.id", id);
        await client.RevealAsync(id).ShouldBeProblemAsync(422, "integrity_failure");
        await ExecuteAsync("UPDATE lockstep.credential_versions SET encrypted_value = 'AAAA:AAAA:AAAA' WHERE credential_id = $1", id);
        await client.PostAsync($"/v1/credentials/{id}/rollback", new { version = 1 }).ShouldBeProblemAsync(422, "integrity_failure");
    }

    [Theory]
    [InlineData("split_part(encrypted_value, ':', 1) || ':' || left(split_part(encrypted_value, ':', 2), 20) || ':' || split_part(encrypted_value, ':', 3)")]
    [InlineData("'vault:v1:AAAA'")]
    [InlineData("'vault:v0:' || encrypted_value")]
    [InlineData("''")]
    [InlineData("'the plaintext itself'")]
    public async Task A_tag_cut_short_or_another_format_in_the_row_does_not_open(string replacement)
    {
        var client = app.As("cutter");
        var id = (await client.StoreAsync(replacement.GetHashCode(StringComparison.Ordinal).ToString(System.Globalization.CultureInfo.InvariantCulture), "a-secret-value")).Id();
        await ExecuteAsync($"UPDATE lockstep.credentials SET encrypted_value = {replacement} WHERE id = $1", id);
        await client.RevealAsync(id).ShouldBeProblemAsync(422, "integrity_failure");
    }

    private async Task ExecuteAsync(string sql, params object[] values)
    {
        await using var connection = await app.ConnectAsync();
#pragma warning disable CA2100 // Written in this class.
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        foreach (var value in values)
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        (await command.ExecuteNonQueryAsync()).ShouldBe(1);
    }
}
