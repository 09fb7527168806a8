using System.Text.Json;
using Lockstep.Calendaring.Caldav;
using Lockstep.Server.Detection;
using Lockstep.Server.Integrations.Caldav;
using Lockstep.Server.Integrations.Feed;
using Lockstep.Server.Integrations.Types;

namespace Lockstep.Server.Integrations.Repair;

/// <summary>Something in a row that could not have come in through the server.</summary>
/// <param name="Column">Of the table; <c>credential_id</c> for a credential of another owner.</param>
/// <param name="What">Of which kind; never the value.</param>
internal sealed record BrokenColumn(string Column, string What);

/// <summary>What is wrong with a row, and what it becomes: columns that are well stay as they are.</summary>
internal sealed record RepairPlan(
    IReadOnlyList<BrokenColumn> Broken, string Label, string? Email, IntegrationConfig Config, FieldMappings FieldMappings, SyncSchedule Schedule, bool KeepsCredential)
{
    /// <summary>RFC 6761 section 6.4: it never resolves, so nothing is ever sent there.</summary>
    private const string Nowhere = "https://repaired.invalid/";

    private const int LongestUrl = 2_000;
    private const int LongestUsername = 320;

    /// <returns>Null when nothing is wrong.</returns>
    public static RepairPlan? For(StoredIntegration row)
    {
        var broken = new List<BrokenColumn>();
        var config = Checked<IntegrationConfig>("config", row.Config, json => ConfigReader.Default.Read(row.Type, row.Format, json), config => config is CaldavConfig account ? Fault(account) : null, broken);
        var mappings = Checked("field_mappings", row.FieldMappings, ConfigReader.Column<FieldMappings>, Fault, broken);
        var schedule = Checked("sync_schedule", row.Schedule, ConfigReader.Column<SyncSchedule>, Fault, broken);
        Text("label", row.Label, broken);
        Text("external_username", row.Username, broken);
        Text("external_email", row.Email, broken);
        foreach (var column in row.Net.Where(column => broken.TrueForAll(each => each.Column != column)))
            broken.Add(new BrokenColumn(column, "looks like a secret"));
        if (row.StrangeCredential)
            broken.Add(new BrokenColumn("credential_id", "belongs to another owner"));
        if (config is not null && row.Username != config.Account && IsWell("external_username"))
            broken.Add(new BrokenColumn("external_username", "is not the user name of config"));
        if (broken.Count == 0)
            return null;
        return new RepairPlan(
            broken,
            IsWell("label") ? row.Label : "Repaired integration",
            IsWell("external_email") ? row.Email : null,
            IsWell("config") ? config! : Empty(row),
            IsWell("field_mappings") ? mappings! : new FieldMappings(),
            IsWell("sync_schedule") ? schedule! : new SyncSchedule(),
            IsWell("credential_id"));

        bool IsWell(string column) => broken.TrueForAll(each => each.Column != column);
    }

    private static T? Checked<T>(string column, string json, Func<string, T?> read, Func<T, string?> fault, List<BrokenColumn> broken)
        where T : class
    {
        var value = read(json);
        var found = Secrets(column, json);
        if (found is not null)
            broken.Add(new BrokenColumn(column, found));
        else if (value is null)
            broken.Add(new BrokenColumn(column, "is not in the form that the server writes"));
        else if (fault(value) is { } wrong)
            broken.Add(new BrokenColumn(column, wrong));
        return value;
    }

    /// <summary>Leads nowhere; an account of its own, since an owner has each once.</summary>
    private static IntegrationConfig Empty(StoredIntegration row) => IntegrationTypes.Find(row.Type)?.Kind switch
    {
        ConfigKind.Feed => new FeedConfig($"{Nowhere}{row.Id}"),
        ConfigKind.ApiKey => new ApiKeyConfig($"repaired-{row.Id}"),
        ConfigKind.Webhook => new WebhookConfig($"{Nowhere}{row.Id}", []),
        _ => new CaldavConfig(Nowhere, $"repaired-{row.Id}", "", []),
    };

    private static string? Secrets(string column, string json)
    {
        using var document = JsonDocument.Parse(json);
        return SecretDetector.InJson(column, column, document.RootElement).FirstOrDefault() is { } finding ? $"holds a {finding.Words} at {finding.Path}" : null;
    }

    private static void Text(string column, string? text, List<BrokenColumn> broken)
    {
        if (text is not null && SecretDetector.InText(column, column, text).FirstOrDefault() is { } finding)
            broken.Add(new BrokenColumn(column, $"holds a {finding.Words}"));
    }

    private static string? Fault(CaldavConfig config) =>
        config.Url.Length > LongestUrl || !Uri.TryCreate(config.Url, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https") || url.UserInfo.Length > 0
            ? "has a url that is no address of a calendar account"
            : config.Username.Length is 0 or > LongestUsername || config.Username.Any(char.IsControl)
                ? "has no user name that a server could take"
                : config.SelectedCalendarIds.Any(id => !Href.TryParse(id, out _)) || config.CalendarPath.Length > 0 && !Href.TryParse(config.CalendarPath, out _)
                    ? "names a calendar by something that is no address"
                    : null;

    private static string? Fault(FieldMappings mappings) =>
        mappings.Version < 1 ? "has no version"
        : mappings.Mappings.Any(mapping => mapping is not { From.Length: >= 1 and <= 200, To.Length: >= 1 and <= 200, Transform: null or { Length: <= 200 } })
            ? "has a mapping without from and to" : null;

    private static string? Fault(SyncSchedule schedule) =>
        schedule.IntervalSeconds is < SyncSchedule.Least or > SyncSchedule.Most ? $"has an interval outside of {SyncSchedule.Least} to {SyncSchedule.Most} seconds" : null;
}
