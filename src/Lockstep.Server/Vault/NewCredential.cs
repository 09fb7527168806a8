using System.Text.Json;
using Lockstep.Crypto;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Vault.OAuth;
using NodaTime;

namespace Lockstep.Server.Vault;

/// <summary>What somebody wants to store; <see cref="CredentialRules"/> says what passes.</summary>
/// <param name="Name">1 to 255 characters; with the provider unique for its owner.</param>
/// <param name="Provider">1 to 100 characters, such as <c>stripe</c>.</param>
/// <param name="Value">1 to 65,536 bytes of UTF-8, kept byte for byte. The caller disposes it.</param>
/// <param name="Workspace">With scope WORKSPACE, and only then.</param>
/// <param name="Metadata">A JSON object of at most 8 KiB that holds no secret; null is an empty one.</param>
/// <param name="Grant">Beside <paramref name="Value"/> when that is the tokens of one; null for a plain value.</param>
internal sealed record NewCredential(
    string Name,
    string Provider,
    CredentialType Type,
    Secret Value,
    CredentialScope Scope = CredentialScope.USER,
    WorkspaceId? Workspace = null,
    string? Description = null,
    Instant? ExpiresAt = null,
    JsonElement? Metadata = null,
    NewGrant? Grant = null);

/// <summary>Changes of what describes a credential; its value changes by rotation alone.</summary>
/// <param name="Name">Null leaves it.</param>
/// <param name="SetDescription">Whether <paramref name="Description"/> is meant, null too.</param>
/// <param name="SetExpiresAt">Whether <paramref name="ExpiresAt"/> is meant, null (never) too.</param>
/// <param name="Metadata">Replaces the whole object; null leaves it.</param>
internal sealed record CredentialChanges(
    string? Name, bool SetDescription, string? Description, bool SetExpiresAt, Instant? ExpiresAt, JsonElement? Metadata);

/// <summary>What to list; null lets everything through.</summary>
/// <param name="Active">True: not revoked.</param>
/// <param name="Expired">True: its time has come. False: it has not, or there is none.</param>
/// <param name="ExpiresBefore">Expires before this instant, or has.</param>
/// <param name="After">The last id of the page before; null for the first page.</param>
/// <param name="Limit">1 to 200.</param>
internal sealed record CredentialFilter(
    string? Provider,
    CredentialType? Type,
    CredentialScope? Scope,
    WorkspaceId? Workspace,
    CredentialId? After,
    int Limit,
    string? Name = null,
    bool? Active = null,
    bool? Expired = null,
    Instant? ExpiresBefore = null);
