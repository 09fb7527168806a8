using System.Text.Json.Serialization;
using Lockstep.Crypto;
using Lockstep.Server.Integrations.Caldav;
using Lockstep.Server.Integrations.Types;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Vault;

namespace Lockstep.Server.Integrations;

/// <summary>What <c>config</c> may hold; which of it, <c>GET /v1/integration-types</c> says for each type. Anything else is refused.</summary>
/// <param name="Url">Of a calendar account, a public feed or a receiver. Left out for iCloud, Google and Fastmail, and for a private feed, whose address is the secret.</param>
/// <param name="CalendarPath">The write target: as discovery lists it, or its path. Left out or empty: the first writable calendar.</param>
/// <param name="SelectedCalendarIds">Calendars that are read beside it: hrefs, paths, or our ids of them.</param>
/// <param name="Auth">bearer: the secret is an access token, such as that of a credential of type OAUTH_TOKEN; left out, it is a password.</param>
/// <param name="Service">api_key: what the key is for, such as stripe.</param>
/// <param name="BaseUrl">api_key: where the service is asked.</param>
/// <param name="Header">api_key: under which name the key is sent.</param>
/// <param name="Prefix">api_key: what stands before the key there.</param>
/// <param name="Events">webhook: what is sent.</param>
internal sealed record ConfigRequest(
    string? Url = null, string? Username = null, string? CalendarPath = null, IReadOnlyList<string>? SelectedCalendarIds = null, CaldavAuth? Auth = null,
    string? Service = null, string? BaseUrl = null, string? Header = null, string? Prefix = null, IReadOnlyList<string>? Events = null);

/// <summary>Connects an outside service; the secret goes into the vault.</summary>
/// <param name="Secret">The password, or <paramref name="CredentialId"/> of one that is stored already.</param>
/// <param name="VaultSecretId">A secret of the SQL vault: for the service role, or one that is stored for the owner.</param>
internal sealed record CreateIntegrationRequest(
    string? IntegrationType = null,
    string? Label = null,
    Guid? WorkspaceId = null,
    ConfigRequest? Config = null,
    [property: JsonConverter(typeof(SecretJson))] Secret? Secret = null,
    Guid? CredentialId = null,
    Guid? VaultSecretId = null,
    FieldMappings? FieldMappings = null,
    SyncSchedule? SyncSchedule = null);

/// <summary>What is left out stays as it is, in <paramref name="Config"/> too. An address on another host needs the secret again.</summary>
internal sealed record UpdateIntegrationRequest(
    string? Label = null,
    bool? Enabled = null,
    ConfigRequest? Config = null,
    [property: JsonConverter(typeof(SecretJson))] Secret? Secret = null,
    Guid? CredentialId = null,
    Guid? VaultSecretId = null,
    FieldMappings? FieldMappings = null,
    SyncSchedule? SyncSchedule = null);

/// <param name="Count">How many events may disappear at once, as the message says.</param>
internal sealed record ConfirmDeletionsRequest(int Count);

internal sealed record DiscoverRequest(
    string? Url = null, string? Username = null, [property: JsonConverter(typeof(SecretJson))] Secret? Password = null);

/// <summary>A checked <see cref="CreateIntegrationRequest"/>, without its secret.</summary>
internal sealed record NewIntegration(
    string Type, string Label, WorkspaceId? Workspace, IntegrationConfig Config, FieldMappings FieldMappings, SyncSchedule Schedule);
