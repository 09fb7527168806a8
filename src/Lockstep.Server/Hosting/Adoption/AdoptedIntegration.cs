using Lockstep.Crypto;
using Lockstep.Server.Integrations;
using Lockstep.Server.Tenancy;

namespace Lockstep.Server.Hosting.Adoption;

/// <summary>A row of an <see cref="IntegrationSource"/>, its password opened. Whoever reads it disposes that.</summary>
internal sealed record AdoptedIntegration(
    IntegrationId Id, Caller Caller, WorkspaceId? Workspace, string? Label, CaldavConfigRequest Config, bool Enabled, Secret Secret)
{
    /// <param name="secrets">By the integration's id, where the passwords are in a table of their own.</param>
    /// <exception cref="FormatException">Says what is wrong, and never repeats a value.</exception>
    public static AdoptedIntegration Read(SourceRow row, IntegrationSource source, Secret? key, Dictionary<string, string>? secrets)
    {
        var columns = source.Columns;
        var id = row.Id(columns.Id);
        return new AdoptedIntegration(
            new IntegrationId(id),
            Caller.Worker(new UserId(row.Id(columns.UserId))) with { Actor = "operator" },
            row.OptionalId(columns.WorkspaceId) is { } workspace ? new WorkspaceId(workspace) : null,
            row.Optional(columns.Label),
            new CaldavConfigRequest(row.Text(columns.Url), row.Text(columns.Username), row.Optional(columns.CalendarPath), row.List(columns.SelectedCalendarIds)),
            row.Flag(columns.Enabled),
            secrets is null
                ? row.Value(columns.Secret ?? throw new FormatException("the mapping names neither a column nor a table for its password"), key)
                : Apart(secrets, row.Text(columns.Id), key));
    }

    /// <summary>As <c>POST /v1/integrations</c> would get it.</summary>
    public CreateIntegrationRequest Request => new(IntegrationTypes.Caldav, Label, Workspace?.Value, Config, Secret);

    private static Secret Apart(Dictionary<string, string> secrets, string id, Secret? key) =>
        !secrets.TryGetValue(id, out var parts) ? throw new FormatException("the table of secrets has none for it")
        : key is null ? throw new FormatException("the mapping names no key for its password")
        : OldBlob.Open(key, parts) ?? throw new FormatException("its password does not open with the key");
}
