using Lockstep.Server.Integrations;
using Lockstep.Server.Integrations.Connecting;
using Microsoft.AspNetCore.Http;

namespace Lockstep.Server.Console.Connections;

/// <summary>What is connected by one form: the address of a calendar, a key, a receiver.</summary>
/// <param name="Typed">By field; never a secret.</param>
internal sealed record FieldsView(ConnectChoice Choice, IReadOnlyDictionary<string, string> Typed)
{
    public string Title => !IsItsType ? $"Connect {Choice.Name}" : IsFeed ? "Connect a calendar by its address" : Choice.Name.StartsWith('A') ? $"Connect an {Choice.Name}" : $"Connect a {Choice.Name.ToLowerInvariant()}";

    public bool IsFeed => Choice.Type.Kind == ConfigKind.Feed;

    private bool IsItsType => Choice.Id == Choice.Type.Type;

    public static FieldsView Of(ConnectChoice choice, ConsoleForm form) =>
        new(choice, choice.Fields.Where(field => !field.IsSecret).ToDictionary(field => field.Name, field => form[field.Name]));

    /// <summary>What is wrong with it is said under this name.</summary>
    /// <remarks>To a person an address is an address, also where it is kept as a secret.</remarks>
    public string NameOf(TypeField field) => field.Name == "url" || (field.IsSecret && IsFeed) ? "address" : field.IsSecret ? Choice.Type.SecretName.ToLowerInvariant() : field.Name;

    /// <returns>Null when nothing is missing.</returns>
    public Refusal? Missing(ConsoleForm form, HttpContext context) =>
        Choice.Fields.Where(field => field.Required && !form.Has(field.Name)).ToDictionary(NameOf, string[] (_) => ["is missing."]) is { Count: > 0 } missing
            ? Refusal.Of(422, "invalid_request", "Something is missing.", context) with { Errors = missing }
            : null;

    /// <param name="label">What its owner calls it; null for the usual name.</param>
    public CreateIntegrationRequest Request(ConsoleForm form, string? label, Guid? workspace) => new(
        Choice.Type.Type, label ?? (IsItsType ? null : Choice.Name), workspace,
        IsFeed ? null : new ConfigRequest(form.OrNull("url"), form.OrNull("username"), Service: Choice.Service ?? form.OrNull("service")));

    /// <summary>The same, by the names of this form.</summary>
    public Refusal? InItsWords(Refusal? refusal) => refusal is null ? null : refusal with
    {
        Errors = refusal.Errors.ToDictionary(
            error => Choice.Fields.FirstOrDefault(field => field.Name == error.Key[(error.Key.LastIndexOf('.') + 1)..]) is { } field ? NameOf(field) : error.Key, error => error.Value),
    };
}

/// <summary>The same in the console, where it may be a workspace's and have a name.</summary>
/// <param name="Workspaces">That it may be connected for.</param>
internal sealed record NewFields(FieldsView Fields, string Label, Guid? Whose, IReadOnlyList<Tenancy.WorkspaceView> Workspaces);
