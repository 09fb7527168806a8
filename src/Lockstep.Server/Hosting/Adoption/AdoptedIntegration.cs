using Lockstep.Crypto;
using Lockstep.Server.Integrations;
using Lockstep.Server.Tenancy;

namespace Lockstep.Server.Hosting.Adoption;

/// <summary>A row of an <see cref="IntegrationSource"/>, its password opened. Whoever reads it disposes that.</summary>
internal sealed record AdoptedIntegration(
    IntegrationId Id, Caller Caller, WorkspaceId? Workspace, string? Label, ConfigRequest Config, bool Enabled, Secret Secret)
{
    /// <param name="secrets">By the integration's id, where the passwords are in a table of their own.</param>
    /// <exception cref="FormatException">Says what is wrong, and never repeats a value.</exception>
    public static async Task<AdoptedIntegration> Read(SourceRow row, IntegrationSource source, OldKey? key, Dictionary<string, string>? secrets, CancellationToken ct)
    {
        var columns = source.Columns;
        var id = row.Id(columns.Id);
        return new AdoptedIntegration(
            new IntegrationId(id),
            Caller.Worker(new UserId(row.Id(columns.UserId))) with { Actor = "operator" },
            row.OptionalId(columns.WorkspaceId) is { } workspace ? new WorkspaceId(workspace) : null,
            row.Optional(columns.Label),
            new ConfigRequest(row.Text(columns.Url), row.Text(columns.Username), row.Optional(columns.CalendarPath), row.List(columns.SelectedCalendarIds)),
            row.Flag(columns.Enabled),
            secrets is null
                ? await row.Value(columns.Secret ?? throw new FormatException("the mapping names neither a column nor a table for its password"), key, columns.Context, ct)
                : await Apart(secrets, row.Text(columns.Id), key, ct));
    }

    /// <summary>As <c>POST /v1/integrations</c> would get it.</summary>
    public CreateIntegrationRequest Request => new(IntegrationTypes.Caldav, Label, Workspace?.Value, Config, Secret);

    private static Task<Secret> Apart(Dictionary<string, string> secrets, string id, OldKey? key, CancellationToken ct) =>
        !secrets.TryGetValue(id, out var parts) ? throw new FormatException("the table of secrets has none for it")
        : key is null ? Task.FromResult(Secret.FromText(parts))
        : SourceRow.Open("its password", parts, key, null, ct);
}
