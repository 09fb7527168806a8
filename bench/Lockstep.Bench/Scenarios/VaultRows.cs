using System.Text.Json.Nodes;
using Lockstep.Bench.Load;

namespace Lockstep.Bench.Scenarios;

/// <summary>What the vault's scenarios share.</summary>
/// <remarks>
/// A credential is sealed to its id, so ids cannot be chosen. For pgbench, which never opens a value, there are copies whose ids end in the
/// user's number.
/// </remarks>
internal static class VaultRows
{
    public const string Value = "bench-value-0123456789abcdef0123456789abcdef";

    public static string Body(string name) => $$"""{"name":"{{name}}","provider":"bench","type":"API_KEY","value":"{{Value}}"}""";

    public static Guid IdIn(ReadOnlyMemory<byte> answer) => JsonNode.Parse(answer.Span)!["id"]!.GetValue<Guid>();

    public static string DataKeyCopy(int user) => "00000000-0000-7000-9000-" + House.Suffix(user);

    public static string CredentialCopy(int user) => "00000000-0000-7000-a000-" + House.Suffix(user);

    public static Task CopyDataKeys(House house, UserBlock users, CancellationToken ct) => house.Administer(
        $"""
        INSERT INTO lockstep.data_keys (id, user_id, workspace_id, version, provider, key_version, wrapped_key, state)
        SELECT ('00000000-0000-7000-9000-' || right(k.user_id::text, 12))::uuid, k.user_id, k.workspace_id, k.version + 1000, k.provider,
               k.key_version, k.wrapped_key, 'retired'
        FROM   lockstep.data_keys k
        WHERE  k.state = 'active' AND k.user_id BETWEEN {Range(users)}
        """,
        ct);

    public static Task CopyCredentials(House house, UserBlock users, CancellationToken ct) => house.Administer(
        $"""
        INSERT INTO lockstep.credentials
               (id, user_id, scope, name, provider, type, encrypted_value, key_provider, data_key_id, key_version, format, masked_value, created_by)
        SELECT ('00000000-0000-7000-a000-' || right(c.user_id::text, 12))::uuid, c.user_id, c.scope, 'copy', c.provider, c.type, c.encrypted_value,
               c.key_provider, ('00000000-0000-7000-9000-' || right(c.user_id::text, 12))::uuid, c.key_version, c.format, c.masked_value, c.created_by
        FROM   lockstep.credentials c
        WHERE  c.user_id BETWEEN {Range(users)}
        """,
        ct);

    private static string Range(UserBlock users) => $"'{House.User(users.First)}' AND '{House.User(users.First + users.Count - 1)}'";
}
