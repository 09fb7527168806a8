using System.Diagnostics.Metrics;
using Lockstep.Server.Http;
using Lockstep.Server.Integrations.Caldav;
using Lockstep.Server.Integrations.Feed;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Vault;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Lockstep.Server.Integrations;

/// <summary>Carries out one claimed run as the user it belongs to, who sees nothing else meanwhile, and makes every way in which it can end a report.</summary>
internal sealed class SyncRunner(Database database, CredentialVault vault, SqlVault sqlVault, AccountSync accounts, ILogger<SyncRunner> log)
{
    private static readonly Counter<long> Runs = Meters.Lockstep.CreateCounter<long>("lockstep.sync.runs", description: "Runs of integrations, by how they ended");

    private static readonly Histogram<double> Duration = Meters.Lockstep.CreateHistogram<double>("lockstep.sync.duration", "s", "How long a run takes");

    /// <returns>Null when the integration is not there any more.</returns>
    public async Task<Integration?> Load(Work work, CancellationToken ct) => work.ActAs is { } user
        ? await Session(user, work.Id).First(IntegrationRows.Read(work.Id, null, null, 1), Integration.Read, ct)
        : null;

    /// <exception cref="OperationCanceledException">The lease was lost, or the server stops.</exception>
    public async Task<SyncReport> Run(Work work, Integration integration, HeldLease lease)
    {
        var report = await Guarded(work, integration, lease);
        Runs.Add(1, new KeyValuePair<string, object?>("outcome", report.Failure?.Code ?? "ok"));
        Duration.Record(report.Took.TotalSeconds);
        if (report is { Failure: null, Pulled: 0, Pushed: 0 })
            log.Idle(work.Run, work.Id.Value, report.Requests);
        else if (report.Failure is null)
            log.Synced(work.Run, work.Id.Value, report.Pulled, report.Pushed, (int)report.Took.TotalMilliseconds, report.Requests);
        return report;
    }

    private async Task<SyncReport> Guarded(Work work, Integration integration, HeldLease lease)
    {
        try
        {
            return await Sync(integration, lease, Session(work.ActAs!.Value, work.Id));
        }
        catch (ProblemException e)
        {
            return SyncReport.Failed(new SyncFailure(FailureKind.Transient, e.Code, e.Message));
        }
        catch (NpgsqlException e) when (!lease.Held.IsCancellationRequested)
        {
            log.Broke(work.Run, work.Id.Value, Describe(e));
            return SyncReport.Failed(new SyncFailure(FailureKind.Transient, "database_unavailable", "The database did not answer during the sync; it is tried again."));
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            log.Broke(work.Run, work.Id.Value, Describe(e));
            return SyncReport.Failed(new SyncFailure(FailureKind.Transient, "internal_error", $"This is a fault of the sync, and it is in the server's log under run {work.Run}."));
        }
    }

    private async Task<SyncReport> Sync(Integration integration, HeldLease lease, TenantSession session)
    {
        var outcome = integration switch
        {
            { Credential: { } credential } => await vault.RevealForSync(session, credential, lease.Held),
            { VaultSecret: not null } => await sqlVault.RevealForSync(integration.Id, lease.Held),
            _ => null,
        };
        var report = await Sync(integration, outcome, lease, session);
        return report with { SignedInWith = new SignedInWith(integration.Credential, integration.VaultSecret, VersionOf(outcome), integration.ConfigVersion) };
    }

    private async Task<SyncReport> Sync(Integration integration, RevealOutcome? outcome, HeldLease lease, TenantSession session)
    {
        switch (outcome)
        {
            case RevealOutcome.Revealed revealed:
                using (revealed.Value)
                {
                    var report = await accounts.Run(session, integration, revealed.Value, lease);
                    return integration is { Config: CaldavConfig { Auth: CaldavAuth.Bearer }, Credential: { } signedIn } && report.Failure is { Kind: FailureKind.Unauthorized }
                        ? await TokenRefused(session, signedIn, revealed.Version, report, lease.Held)
                        : report;
                }
            case null when integration.Config is FeedConfig { Private: false }:
                return await accounts.Run(session, integration, null, lease);
            case null:
                return NoSecret("is missing");
            case RevealOutcome.Revoked:
                return NoSecret("was revoked");
            case RevealOutcome.RefreshFailed:
                return SyncReport.Failed(new SyncFailure(FailureKind.CredentialRevoked, "refresh_failed",
                    "The service no longer accepts the OAuth grant of this integration. Connect the account again."));
            case RevealOutcome.GrantMisconfigured wrong:
                return NoToken("oauth_misconfigured", $"The token endpoint refuses to refresh the access token ({wrong.Code}). Check the client of its credential.", wrong.RetryAfter);
            case RevealOutcome.AnswerMalformed wrong:
                return NoToken("token_answer_malformed", $"The token endpoint answered with something else than a token ({wrong.Code}).", wrong.RetryAfter);
            case RevealOutcome.EndpointUnavailable away:
                return NoToken("token_endpoint_unavailable", "The token endpoint gives no access token right now; it is tried again.", away.RetryAfter);
            case RevealOutcome.TokenExpired:
            case RevealOutcome.Expired:
                return NoSecret("has expired");
            case RevealOutcome.NotFound:
                return NoSecret("is not there any more");
            default:
                return SyncReport.Failed(new SyncFailure(
                    FailureKind.Transient, "integrity_failure", "The stored secret does not open in its place; the operator has been alarmed. Give the integration its secret again."));
        }
    }

    private static int? VersionOf(RevealOutcome? outcome) => outcome switch
    {
        RevealOutcome.Revealed revealed => revealed.Version,
        RevealOutcome.RefreshFailed failed => failed.Version,
        RevealOutcome.TokenExpired expired => expired.Version,
        RevealOutcome.Expired expired => expired.Version,
        _ => null,
    };

    private TenantSession Session(UserId user, IntegrationId id) => database.For(Caller.Worker(user, id));

    private static SyncReport NoSecret(string why) => SyncReport.Failed(new SyncFailure(
        FailureKind.CredentialRevoked, "credential_revoked", $"The credential of this integration {why}. Give it a new secret."));

    /// <summary>An access token may end before its time, and within a long run: the next run brings another one, where a password would be wrong for good.</summary>
    private async Task<SyncReport> TokenRefused(TenantSession session, CredentialId credential, int version, SyncReport report, CancellationToken ct)
    {
        await vault.TokenRefused(session, credential, version, ct);
        return report with
        {
            Failure = report.Failure! with { Kind = FailureKind.Transient, Message = "The calendar server refused the access token; the next sync comes with a new one." },
        };
    }

    private static SyncReport NoToken(string code, string message, TimeSpan retryAfter) =>
        SyncReport.Failed(new SyncFailure(FailureKind.Transient, code, message, retryAfter));

    /// <summary>Type, SQLSTATE and where it was thrown: a message may hold a row.</summary>
    private static string Describe(Exception e) =>
        (e is PostgresException p ? $"{p.SqlState} {p.ConstraintName} " : "") + e.GetType().Name + Environment.NewLine + e.StackTrace;
}
