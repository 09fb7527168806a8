using Lockstep.Server.Detection;
using Lockstep.Server.Http;
using Lockstep.Server.Integrations.Types;
using Lockstep.Server.Tenancy;

namespace Lockstep.Server.Integrations;

/// <summary>What an integration may be told. Everything wrong is said at once; no message repeats a secret.</summary>
internal sealed class IntegrationRules(ConfigRules configs)
{
    private const int MaxLabel = 200;
    private const int MaxMappings = 200;

    private static readonly IReadOnlyDictionary<Guid, string> NoCalendars = new Dictionary<Guid, string>();

    public (NewIntegration? Wanted, FieldErrors Errors) Check(CreateIntegrationRequest request)
    {
        var errors = new FieldErrors();
        errors.Require(request.IntegrationType is not null, "integrationType", "is missing. GET /v1/integration-types lists what can be connected.");
        var type = IntegrationTypes.Find(request.IntegrationType);
        errors.Require(request.IntegrationType is null || type is not null, "integrationType",
            "is not a known type. GET /v1/integration-types lists what can be connected.");
        var hasSecret = request.Secret is not null || request.CredentialId is not null || request.VaultSecretId is not null;
        errors.Require(hasSecret || type is { SecretRequired: false }, "secret",
            "is missing. Give the password here, or credentialId of one that is stored already.");
        CheckOneSecret(request.Secret is not null, request.CredentialId, request.VaultSecretId, errors);
        errors.Require(request.Secret is not { Length: 0 }, "secret", "is empty.");
        if (request.Config is null && type is not { Kind: ConfigKind.Feed })
            errors.Add("config", type is null or { Kind: ConfigKind.Caldav } ? "is missing: {url, username, calendarPath?, selectedCalendarIds?[]}." : $"is missing. It takes {string.Join(", ", type.ConfigMembers)}.");
        var given = request.Config ?? new ConfigRequest();
        var config = request.Config is null && type is not { Kind: ConfigKind.Feed } ? null
            // What is wrong with an address is said even where the type is not known.
            : configs.Check(type ?? IntegrationTypes.All.Items[0], given, null, request.Secret, hasSecret, NoCalendars, errors);
        var label = (request.Label ?? (config is ApiKeyConfig key ? key.Service : config?.Host) ?? "").Trim();
        CheckLabel(label, request.Label is not null, errors);
        CheckShared(request.FieldMappings, request.SyncSchedule, errors);
        CheckPlaintext(request.Label, request.Config, request.FieldMappings, errors);
        return errors.Any || config is null
            ? (null, errors)
            : (new NewIntegration(
                request.IntegrationType!,
                label,
                request.WorkspaceId is { } workspace ? new WorkspaceId(workspace) : null,
                config,
                request.FieldMappings ?? new FieldMappings(),
                request.SyncSchedule ?? new SyncSchedule()), errors);
    }

    /// <param name="known">Our ids of its calendars, and their addresses.</param>
    public (Integration? Changed, FieldErrors Errors) Check(
        UpdateIntegrationRequest request, Integration current, IReadOnlyDictionary<Guid, string> known)
    {
        var errors = new FieldErrors();
        CheckOneSecret(request.Secret is not null, request.CredentialId, request.VaultSecretId, errors);
        errors.Require(request.Secret is not { Length: 0 }, "secret", "is empty.");
        var type = IntegrationTypes.Find(current.Type);
        errors.Require(type is not null, "integrationType", "is none that this version knows.");
        errors.Require(request.Config is not null || current.Config is not UnreadableConfig, "config", "is missing: what is stored cannot be read, so give the whole of it.");
        var newAddress = type is { Kind: ConfigKind.Feed } && request.Secret is not null;
        var config = type is not null && (request.Config is not null || newAddress)
            ? configs.Check(type, request.Config ?? new ConfigRequest(), current.Config, request.Secret, current.Credential is not null || current.VaultSecret is not null, known, errors)
            : current.Config;
        var label = request.Label?.Trim() ?? current.Label;
        CheckLabel(label, request.Label is not null, errors);
        CheckShared(request.FieldMappings, request.SyncSchedule, errors);
        CheckPlaintext(request.Label, request.Config, request.FieldMappings, errors);
        return errors.Any || config is null
            ? (null, errors)
            : (current with
            {
                Label = label,
                Enabled = request.Enabled ?? current.Enabled,
                Config = config,
                FieldMappings = request.FieldMappings ?? current.FieldMappings,
                Schedule = request.SyncSchedule ?? current.Schedule,
            }, errors);
    }

    /// <inheritdoc cref="ConfigRules.Address"/>
    public Uri? Address(string? text, string field, FieldErrors errors) => configs.Address(text, field, errors);

    private static void CheckLabel(string label, bool given, FieldErrors errors) => errors.Require(
        !given || (label.Length is >= 1 and <= MaxLabel && !label.Any(char.IsControl)), "label",
        $"A label has 1 to {MaxLabel} characters, and no control characters.");

    private static void CheckOneSecret(bool secret, Guid? credential, Guid? vaultSecret, FieldErrors errors)
    {
        errors.Require(!secret || credential is null, "credentialId", "and secret are both given. Give one of them.");
        errors.Require(vaultSecret is null || (!secret && credential is null), "vaultSecretId", "and another secret are both given. Give one of them.");
    }

    private static void CheckPlaintext(string? label, ConfigRequest? config, FieldMappings? mappings, FieldErrors errors)
    {
        // What is wrong otherwise is said first: an address with a password in it has its own words.
        if (errors.Any)
            return;
        errors.RefuseSecrets("label", label);
        errors.RefuseSecretsIn("config", config);
        errors.RefuseSecretsIn("fieldMappings", mappings);
    }

    private static void CheckShared(FieldMappings? mappings, SyncSchedule? schedule, FieldErrors errors)
    {
        errors.Require(schedule is null or { IntervalSeconds: >= SyncSchedule.Least and <= SyncSchedule.Most }, "syncSchedule.intervalSeconds",
            $"is a whole number from {SyncSchedule.Least} to {SyncSchedule.Most}.");
        errors.Require(mappings is null or { Version: >= 1 }, "fieldMappings.version", "is at least 1.");
        errors.Require(mappings is null or { Mappings.Count: <= MaxMappings }, "fieldMappings.mappings", $"has more than {MaxMappings} entries.");
        foreach (var (mapping, i) in (mappings?.Mappings ?? []).Select((mapping, i) => (mapping, i)))
            errors.Require(
                mapping is { From.Length: >= 1 and <= 200, To.Length: >= 1 and <= 200, Transform: null or { Length: <= 200 } }
                    && !(mapping.From + mapping.To + mapping.Transform).Any(char.IsControl),
                $"fieldMappings.mappings[{i}]", "from and to have 1 to 200 characters, transform at most 200; none is a control character.");
    }
}
