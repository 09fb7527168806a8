using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using Lockstep.Crypto;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Vault.Keys;
using NodaTime;
using NodaTime.Text;
using Npgsql;

namespace Lockstep.Server.Vault.Webhooks;

/// <summary>Webhooks of a user, and of a workspace for its admins. The key that signs is sealed as a credential is, to the webhook's id and its version.</summary>
[SuppressMessage("Performance", "CA1822:Mark members as static", Justification = "One door: a caller need not know which operation keeps state.")]
internal sealed class WebhookStore(ValueSealer seals, WebhookRules rules, TimeProvider time)
{
    public const int MostPerOwner = 20;

    /// <summary>For how long the former key signs too after a rotation.</summary>
    public static readonly TimeSpan Overlap = TimeSpan.FromHours(24);

    public async Task<WebhookOutcome> Create(TenantSession session, NewWebhook wanted, CancellationToken ct)
    {
        if (rules.Check(wanted.Url, wanted.Events) is { Any: true } errors)
            return new WebhookOutcome.Invalid(errors.All);
        seals.RequireUnlocked();
        var id = Guid.CreateVersion7();
        var owner = wanted.WorkspaceId is { } workspace ? Tenant.Of(new WorkspaceId(workspace)) : Tenant.Of(session.Caller.RequiredUser);
        using var key = WebhookSignature.NewKey();
        if (await seals.Seal(session, owner, SealedPart.OfWebhook(id), 1, key, ct) is not { } sealedKey)
            return new WebhookOutcome.NotFound();
        try
        {
            return await session.Transact<WebhookOutcome>(
                async tx =>
                {
                    if (await tx.First(WebhookRows.Insert(id, owner, wanted, session.Caller, MostPerOwner), WebhookView.Read, ct) is not { } made)
                        return new WebhookOutcome.TooMany();
                    await tx.Commit(ct, WebhookRows.InsertSecret(id, 1, sealedKey));
                    return WebhookOutcome.WithSecret.Of(key, made);
                },
                ct);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InsufficientPrivilege)
        {
            // Row-level security: no admin of that workspace, whose data key somebody else's request had cached.
            return new WebhookOutcome.NotFound();
        }
    }

    public Task<WebhookView?> Get(TenantSession session, Guid id, CancellationToken ct) => session.First(WebhookRows.Get(id), WebhookView.Read, ct);

    public Task<List<WebhookView>> List(TenantSession session, Guid? workspace, CancellationToken ct) => session.Query(WebhookRows.List(workspace), WebhookView.Read, ct);

    public async Task<WebhookOutcome> Update(TenantSession session, Guid id, WebhookChanges changes, CancellationToken ct) =>
        rules.Check(changes.Url, changes.Events) is { Any: true } errors ? new WebhookOutcome.Invalid(errors.All)
        : await session.First(WebhookRows.Update(id, changes), WebhookView.Read, ct) is { } webhook ? new WebhookOutcome.Done(webhook)
        : new WebhookOutcome.NotFound();

    public async Task<bool> Delete(TenantSession session, Guid id, CancellationToken ct) =>
        await session.First(WebhookRows.Delete(id), row => row.GetString(0), ct) is not null;

    /// <summary>A new key; the former one signs beside it for <see cref="Overlap"/>, so that the receiver can change over.</summary>
    public async Task<WebhookOutcome> RotateSecret(TenantSession session, Guid id, CancellationToken ct)
    {
        seals.RequireUnlocked();
        var head = await session.First(
            WebhookRows.Head(id),
            row => new OwnedKey(
                new Tenant(row.GetGuidOrNull(0) is { } user ? new UserId(user) : null, row.GetGuidOrNull(1) is { } workspace ? new WorkspaceId(workspace) : null),
                row.GetInt32(2)),
            ct);
        if (head is null)
            return new WebhookOutcome.NotFound();
        using var key = WebhookSignature.NewKey();
        if (await seals.Seal(session, head.Owner, SealedPart.OfWebhook(id), head.Version + 1, key, ct) is not { } sealedKey)
            return new WebhookOutcome.NotFound();
        return await session.Transact<WebhookOutcome>(
            async tx =>
            {
                if (await tx.First(WebhookRows.NextVersion(id, head.Version), WebhookView.Read, ct) is not { } webhook)
                    return new WebhookOutcome.RotatedMeanwhile();
                await tx.Commit(ct, WebhookRows.EndSecrets(id, head.Version, Overlap.TotalSeconds), WebhookRows.InsertSecret(id, head.Version + 1, sealedKey));
                return WebhookOutcome.WithSecret.Of(key, webhook);
            },
            ct);
    }

    /// <returns>The message's id; null when there is no such webhook, or it is switched off.</returns>
    public async Task<Guid?> Test(TenantSession session, Guid id, CancellationToken ct)
    {
        var body = JsonSerializer.Serialize(new
        {
            type = WebhookEvents.Test,
            timestamp = InstantPattern.ExtendedIso.Format(Instant.FromDateTimeOffset(time.GetUtcNow())),
            data = new { webhookId = id },
        });
        return await session.First(WebhookRows.Test(id, body), row => row.GetString(0), ct) is { } delivery ? Guid.Parse(delivery) : null;
    }

    /// <returns>Null when there is no such webhook.</returns>
    public async Task<List<DeliveryView>?> Deliveries(TenantSession session, Guid id, int limit, CancellationToken ct) =>
        await Get(session, id, ct) is null ? null : await session.Query(WebhookRows.Deliveries(id, limit), DeliveryView.Read, ct);

    private sealed record OwnedKey(Tenant Owner, int Version);
}

/// <summary>What came of making or changing a webhook.</summary>
internal abstract record WebhookOutcome
{
    private WebhookOutcome() { }

    public sealed record Done(WebhookView Webhook) : WebhookOutcome;

    /// <summary>With the key's text, which is told this once.</summary>
    public sealed record WithSecret(WebhookSecretAnswer Answer) : WebhookOutcome
    {
        public static WithSecret Of(Secret key, WebhookView webhook) => new(new WebhookSecretAnswer(WebhookSignature.TextOf(key), webhook));
    }

    public sealed record Invalid(IReadOnlyDictionary<string, string[]> Errors) : WebhookOutcome;

    /// <summary>Not there, or not the caller's.</summary>
    public sealed record NotFound : WebhookOutcome;

    public sealed record TooMany : WebhookOutcome;

    public sealed record RotatedMeanwhile : WebhookOutcome;
}
