using Lockstep.Server.Detection;
using Lockstep.Server.Http;
using Lockstep.Server.Tenancy;

namespace Lockstep.Server.Integrations.Connecting;

/// <summary>Makes a link with which an end user connects an account.</summary>
/// <param name="UserId">Whose account it becomes: for the service role; left out, the caller's own.</param>
/// <param name="Subject">In place of it, the <c>sub</c> of that user's tokens: for somebody who was never here.</param>
/// <param name="WorkspaceId">The account belongs to this workspace; the user is an admin of it.</param>
/// <param name="IntegrationTypes">What may be connected: caldav for any calendar account, providers such as icloud, ics, api_key:stripe for a key of that service. Left out: caldav.</param>
/// <param name="ReturnUrl">Where the person goes afterwards; LOCKSTEP_CONNECT_RETURN has to allow it.</param>
/// <param name="State">Comes back with the person, as it was: up to 500 printable characters.</param>
/// <param name="ExpiresInSeconds">From 60 to 3,600, and 900 by itself.</param>
internal sealed record ConnectSessionRequest(
    Guid? UserId = null,
    string? Subject = null,
    Guid? WorkspaceId = null,
    IReadOnlyList<string>? IntegrationTypes = null,
    string? ReturnUrl = null,
    string? State = null,
    int? ExpiresInSeconds = null);

internal sealed record CheckedConnectRequest(WorkspaceId? Workspace, IReadOnlyList<string> Types, Uri ReturnUrl, string? State, int Seconds);

internal static class ConnectRules
{
    private const int Least = 60;
    private const int Usual = 900;
    private const int Longest = 3_600;
    private const int MaxState = 500;

    public static CheckedConnectRequest? Check(ConnectSessionRequest request, ReturnAddresses allowed, FieldErrors errors)
    {
        var types = request.IntegrationTypes ?? [ConnectChoice.Caldav];
        errors.Require(types.Count is > 0 and <= 50, "integrationTypes", "names nothing, or more than 50; leave it out for any calendar.");
        foreach (var (type, i) in types.Select((type, i) => (type, i)).Where(one => !ConnectChoice.Knows(one.type)))
            errors.Add($"integrationTypes[{i}]", $"is nothing that a person can connect with a form. There are {string.Join(", ", ConnectChoice.Names)}, and {ConnectChoice.KeyOf}SERVICE with a name of up to 100 characters.");
        var url = allowed.Check(request.ReturnUrl, "returnUrl", errors);
        errors.Require(request.State is null || (request.State.Length is > 0 and <= MaxState && request.State.All(letter => letter is >= ' ' and <= '~')),
            "state", $"has 1 to {MaxState} printable characters of ASCII.");
        errors.Require(request.ExpiresInSeconds is null or (>= Least and <= Longest), "expiresInSeconds", $"is a whole number from {Least} to {Longest}.");
        if (!errors.Any)
        {
            errors.RefuseSecrets("returnUrl", request.ReturnUrl);
            foreach (var (type, i) in types.Select((type, i) => (type, i)).Where(one => one.type.StartsWith(ConnectChoice.KeyOf, StringComparison.Ordinal)))
                errors.RefuseSecrets($"integrationTypes[{i}]", type[ConnectChoice.KeyOf.Length..]);
        }
        return errors.Any || url is null
            ? null
            : new CheckedConnectRequest(
                request.WorkspaceId is { } workspace ? new WorkspaceId(workspace) : null, types, url, request.State, request.ExpiresInSeconds ?? Usual);
    }
}
