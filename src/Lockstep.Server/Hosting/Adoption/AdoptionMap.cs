using System.Text.Json;
using Lockstep.Server.Http;
using Lockstep.Server.Vault;

namespace Lockstep.Server.Hosting.Adoption;

/// <summary>Which tables of other software in this database become what here, and which of their columns say what.</summary>
/// <param name="Keys">The keys that sealed them, by a name that the sources use: <c>env:NAME</c> or <c>file:PATH</c>, 32 bytes in base64 or hex; or <c>transit:NAME</c> of a key of Transit.</param>
/// <param name="Users">Users that come along, ids kept; left out where <c>auth.users</c> has them.</param>
/// <param name="Spaces">That changes name; left out where they are workspaces already.</param>
/// <param name="Members">Of the spaces; left out where LOCKSTEP_MEMBERSHIPS_URL says who is where.</param>
internal sealed record AdoptionMap(
    IReadOnlyDictionary<string, string>? Keys = null,
    UserSource? Users = null,
    IReadOnlyList<CredentialSource>? Credentials = null,
    IReadOnlyList<IntegrationSource>? Integrations = null,
    SpaceSource? Spaces = null,
    MemberSource? Members = null,
    IReadOnlyList<ChangeSource>? Changes = null)
{
    /// <summary>Every table with the columns that the mapping names of it, but for those of <see cref="Changes"/>.</summary>
    public IEnumerable<(string Table, IEnumerable<string?> Columns)> Named
    {
        get
        {
            if (Users is { } users)
                yield return (users.Table, [users.Id, users.Email]);
            if (Spaces is { } spaces)
                yield return (spaces.Table, [spaces.Id, spaces.Name]);
            if (Members is { } members)
                yield return (members.Table, [members.SpaceId, members.UserId, members.Role, members.JoinedAt]);
            foreach (var (table, c, _, _, _) in Credentials ?? [])
                yield return (table, [c.Id, c.UserId, c.Name, c.Value, c.Provider, c.Type, c.WorkspaceId, c.Description, c.Context]);
            foreach (var (table, c, _, secrets) in Integrations ?? [])
            {
                yield return (table, [c.Id, c.UserId, c.Url, c.Username, c.Secret, c.WorkspaceId, c.Label, c.CalendarPath, c.SelectedCalendarIds, c.Enabled, c.Context]);
                if (secrets is not null)
                    yield return (secrets.Table, [secrets.IntegrationId, secrets.Ciphertext, secrets.Iv, secrets.Tag]);
            }
        }
    }

    public static AdoptionRefusedException NoColumn(string table, string column, IEnumerable<string> there, string hint) => new(
        AdoptionRefusal.Mapping, $"The table {table} has no column '{column}'; it has {string.Join(", ", there.Take(40))}. Nothing was stored.{hint}");

    /// <exception cref="StartRefusedException">It cannot be read; says where.</exception>
    public static AdoptionMap Load(string path)
    {
        try
        {
            return JsonSerializer.Deserialize<AdoptionMap>(File.ReadAllBytes(path), StrictJson.Options)
                ?? throw new StartRefusedException($"{path} is null. 'lockstep adopt --help' shows what a mapping is.");
        }
        catch (JsonException e)
        {
            throw new StartRefusedException($"{path} is no mapping, at {e.Path ?? "$"}: a member is missing, unknown, there twice, or of the wrong type. docs/operations.md has an example.", e);
        }
    }
}

/// <param name="Id">The column with the user's uuid.</param>
internal sealed record UserSource(string Table, string Id, string Email);

/// <param name="Key">The name of the key that sealed <see cref="CredentialColumns.Value"/>: <c>iv:authTag:encrypted</c>, a nonce-prefixed blob, or <c>vault:v1:...</c>; null for values in clear.</param>
/// <param name="Provider">Where no column says it; as <paramref name="Type"/>.</param>
internal sealed record CredentialSource(
    string Table, CredentialColumns Columns, string? Key = null, string Provider = "imported", CredentialType Type = CredentialType.SECRET);

/// <param name="Context">Of a derived key of Transit, in base64.</param>
internal sealed record CredentialColumns(
    string Id, string UserId, string Name, string Value, string? Provider = null, string? Type = null, string? WorkspaceId = null, string? Description = null,
    string? Context = null);

/// <param name="Secrets">Where the password is in a table of its own; else it is <see cref="IntegrationColumns.Secret"/>.</param>
internal sealed record IntegrationSource(string Table, IntegrationColumns Columns, string? Key = null, SecretSource? Secrets = null);

/// <param name="UserId">The owner; with <paramref name="WorkspaceId"/> the admin who connects it.</param>
/// <param name="SelectedCalendarIds">A JSON array, an array of texts, or a text with commas; also becomes the calendars that block the user's page.</param>
internal sealed record IntegrationColumns(
    string Id,
    string UserId,
    string Url,
    string Username,
    string? Secret = null,
    string? WorkspaceId = null,
    string? Label = null,
    string? CalendarPath = null,
    string? SelectedCalendarIds = null,
    string? Enabled = null,
    string? Context = null);

/// <param name="IntegrationId">The column that names the integration.</param>
/// <param name="Iv">Left out with <paramref name="Tag"/> where one column holds the whole: sealed, or without a key in clear, as a view of Supabase Vault has it.</param>
internal sealed record SecretSource(string Table, string IntegrationId, string Ciphertext, string? Iv = null, string? Tag = null);
