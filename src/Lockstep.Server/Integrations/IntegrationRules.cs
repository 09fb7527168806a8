using Lockstep.Calendaring.Caldav;
using Lockstep.Server.Detection;
using Lockstep.Server.Http;
using Lockstep.Server.Integrations.Caldav;
using Lockstep.Server.Outbound;
using Lockstep.Server.Tenancy;

namespace Lockstep.Server.Integrations;

/// <summary>What an integration may be told. Everything wrong is said at once; no message repeats a secret.</summary>
internal sealed class IntegrationRules(OutboundGuard guard)
{
    private const int MaxLabel = 200;
    private const int MaxUrl = 2_000;
    private const int MaxUsername = 320;
    private const int MaxCalendars = 100;
    private const int MaxMappings = 200;

    private static readonly IReadOnlyDictionary<Guid, string> NoCalendars = new Dictionary<Guid, string>();

    public (NewIntegration? Wanted, FieldErrors Errors) Check(CreateIntegrationRequest request)
    {
        var errors = new FieldErrors();
        errors.Require(request.IntegrationType is not null, "integrationType", "is missing. GET /v1/integration-types lists what can be connected.");
        errors.Require(request.IntegrationType is null or IntegrationTypes.Caldav, "integrationType",
            "is not a known type. GET /v1/integration-types lists what can be connected.");
        errors.Require(request.Secret is not null || request.CredentialId is not null || request.VaultSecretId is not null, "secret",
            "is missing. Give the password here, or credentialId of one that is stored already.");
        CheckOneSecret(request.Secret is not null, request.CredentialId, request.VaultSecretId, errors);
        errors.Require(request.Secret is not { Length: 0 }, "secret", "is empty.");
        if (request.Config is null)
            errors.Add("config", "is missing: {url, username, calendarPath?, selectedCalendarIds?[]}.");
        var config = request.Config is { } given ? Config(given, null, NoCalendars, errors) : null;
        var label = (request.Label ?? config?.Address.Host ?? "").Trim();
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
        var config = request.Config is { } given ? Config(given, current.Config, known, errors) : current.Config;
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

    /// <returns>Null when something is wrong with it.</returns>
    public Uri? Address(string? text, string field, FieldErrors errors)
    {
        if (string.IsNullOrWhiteSpace(text))
        {
            errors.Add(field, "is missing: the address of your calendar account, such as https://caldav.example.com.");
            return null;
        }
        if (text.Length > MaxUrl || !Uri.TryCreate(text.Trim(), UriKind.Absolute, out var url))
        {
            errors.Add(field, "is not an address. Write it whole, such as https://caldav.example.com.");
            return null;
        }
        var fault = guard.Check(url) switch
        {
            OutboundCheck.NotHttp => "does not begin with https:// or http://.",
            OutboundCheck.CarriesCredentials => "holds a user name or password. Give these in their own members.",
            OutboundCheck.NotPublic => $"{url.Authority} may not be reached from here: it is not an address of the public internet. "
                + $"Whoever runs this installation can allow it by adding its host:port to {OutboundAllowList.Setting}.",
            _ => url.Fragment.Length > 0 ? "holds a fragment (#...). Leave it out." : null,
        };
        if (fault is not null)
            errors.Add(field, fault);
        return fault is null ? url : null;
    }

    private CaldavConfig? Config(CaldavConfigRequest given, CaldavConfig? current, IReadOnlyDictionary<Guid, string> known, FieldErrors errors)
    {
        var url = Address(given.Url ?? current?.Url, "config.url", errors);
        var username = (given.Username ?? current?.Username)?.Trim();
        errors.Require(!string.IsNullOrEmpty(username), "config.username", "is missing: the name that you sign in with there.");
        errors.Require(username is null || (username.Length <= MaxUsername && !username.Any(char.IsControl)), "config.username",
            $"has more than {MaxUsername} characters, or a control character.");
        var auth = given.Auth ?? current?.Auth ?? CaldavAuth.Password;
        errors.Require(auth != CaldavAuth.Bearer || url is null || url.Scheme == Uri.UriSchemeHttps || guard.Lists(url), "config.url",
            "does not begin with https://, and a bearer token is never sent in clear (RFC 6750 section 5.3).");
        errors.Require(given.SelectedCalendarIds is not { Count: > MaxCalendars }, "config.selectedCalendarIds", $"names more than {MaxCalendars} calendars.");
        if (url is null || errors.Any)
            return null;
        var moved = current is not null && !string.Equals(
            url.GetLeftPart(UriPartial.Authority), current.Origin, StringComparison.OrdinalIgnoreCase);
        // What was chosen on another server means nothing on this one.
        var path = given.CalendarPath ?? (moved ? null : current?.CalendarPath);
        var selected = given.SelectedCalendarIds ?? (moved ? null : current?.SelectedCalendarIds) ?? [];
        var target = string.IsNullOrWhiteSpace(path) ? "" : Calendar(path, url, known, "config.calendarPath", errors);
        var calendars = selected.Select((id, i) => Calendar(id, url, known, $"config.selectedCalendarIds[{i}]", errors)).Distinct().ToList();
        return errors.Any ? null : new CaldavConfig(url.AbsoluteUri, username!, target, calendars, auth);
    }

    /// <returns>Its absolute URL, whichever way it was named.</returns>
    private static string Calendar(string? id, Uri account, IReadOnlyDictionary<Guid, string> known, string field, FieldErrors errors)
    {
        id = id?.Trim() ?? "";
        if (Guid.TryParse(id, out var ours))
        {
            if (known.TryGetValue(ours, out var href))
                return href;
            errors.Add(field, "is no calendar of this integration.");
            return "";
        }
        if (id.StartsWith('/'))
            id = account.GetLeftPart(UriPartial.Authority) + id;
        if (id.Length is > 0 and <= MaxUrl && Href.TryParse(id, out var parsed) && parsed.Url.UserInfo.Length == 0)
            return parsed.ToString();
        errors.Add(field, "is not a calendar: give an address or path as POST /v1/caldav/discover lists it.");
        return "";
    }

    private static void CheckLabel(string label, bool given, FieldErrors errors) => errors.Require(
        !given || (label.Length is >= 1 and <= MaxLabel && !label.Any(char.IsControl)), "label",
        $"A label has 1 to {MaxLabel} characters, and no control characters.");

    private static void CheckOneSecret(bool secret, Guid? credential, Guid? vaultSecret, FieldErrors errors)
    {
        errors.Require(!secret || credential is null, "credentialId", "and secret are both given. Give one of them.");
        errors.Require(vaultSecret is null || (!secret && credential is null), "vaultSecretId", "and another secret are both given. Give one of them.");
    }

    private static void CheckPlaintext(string? label, CaldavConfigRequest? config, FieldMappings? mappings, FieldErrors errors)
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
                    && !(mapping.From + mapping.To + mapping.Transform).Contains('\0', StringComparison.Ordinal),
                $"fieldMappings.mappings[{i}]", "from and to have 1 to 200 characters, transform at most 200.");
    }
}
