using Lockstep.Server.Booking;
using Lockstep.Server.Http;
using Lockstep.Server.Integrations;
using Lockstep.Server.Integrations.Caldav;
using Lockstep.Server.Integrations.Types;
using Lockstep.Server.Outbound;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Vault;
using Npgsql;

namespace Lockstep.Server.Hosting.Adoption;

/// <summary>Stores adopted integrations by the rules of the API, with their passwords, and a provider for their user.</summary>
internal sealed class IntegrationAdoption(Workbench bench)
{
    private readonly IntegrationRules rules = new(new ConfigRules(bench.Get<OutboundGuard>()));

    public FieldErrors Check(AdoptedIntegration one) => rules.Check(one.Request).Errors;

    /// <returns>False when its id is there already.</returns>
    /// <exception cref="FormatException">It cannot be stored.</exception>
    public async Task<bool> Store(AdoptedIntegration one, CancellationToken ct)
    {
        var session = bench.Get<Database>().For(one.Caller);
        var isNew = await Find(session, one.Id, ct) is null;
        if (isNew)
            await Insert(session, one, rules.Check(one.Request).Wanted!, ct);
        if (one.Workspace is null)
            await EnsureProvider(session, Selected(one), ct);
        return isNew;
    }

    /// <returns>The credential that keeps its password.</returns>
    /// <exception cref="FormatException">It is not here, or not the same.</exception>
    public async Task<CredentialId> Verify(AdoptedIntegration one, CancellationToken ct)
    {
        var session = bench.Get<Database>().For(one.Caller);
        var wanted = Wanted(one);
        if (await Find(session, one.Id, ct) is not { } here)
            throw new FormatException("it is not here");
        if (here.Config is not CaldavConfig config)
            throw new FormatException("it is of another type here, or cannot be read");
        if (here.Workspace != one.Workspace || config.Url != wanted.Url || config.Username != wanted.Username
            || wanted.SelectedCalendarIds.Except(config.SelectedCalendarIds).Any() || (wanted.CalendarPath.Length > 0 && config.CalendarPath != wanted.CalendarPath))
            throw new FormatException("it differs from the source");
        if (one.Workspace is null && ((await ProviderStore.Read(session, ct))?.Settings?.Calendar?.SelectedCalendarIds ?? []) is var blocking
            && wanted.SelectedCalendarIds.Any(id => !blocking.Contains(id)))
            throw new FormatException("its selected calendars do not all block the page of its user");
        return here.Credential ?? throw new FormatException("it has no password here");
    }

    private async Task Insert(TenantSession session, AdoptedIntegration one, NewIntegration wanted, CancellationToken ct)
    {
        var prepared = await bench.Get<CredentialVault>().Prepare(session, IntegrationStore.SecretOf(one.Id, wanted.Type, one.Workspace, wanted.Config, one.Secret), ct);
        if (prepared is not PrepareOutcome.Ready ready)
            throw new FormatException("its password cannot be stored: there is no such workspace, or the user is no admin of it");
        Statement[] statements =
        [
            ready.Insert,
            IntegrationRows.Insert(one.Id, one.Workspace is null ? one.Caller.RequiredUser : null, wanted, ready.Id, ownsCredential: true, vaultSecret: null),
        ];
        try
        {
            await session.Transact(transaction => transaction.Execute(ct, one.Enabled ? statements : [.. statements, Disable(one.Id)]), ct);
        }
        catch (PostgresException e) when (e is { SqlState: PostgresErrorCodes.UniqueViolation, ConstraintName: "integrations_account_key" })
        {
            throw new FormatException("its owner has connected this account already, under another id");
        }
        catch (PostgresException e) when (e is { SqlState: PostgresErrorCodes.UniqueViolation, ConstraintName: "integrations_pkey" })
        {
            throw new FormatException("its id belongs to an integration of somebody else");
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.CheckViolation)
        {
            throw new FormatException($"the database refuses it ({e.ConstraintName})");
        }
    }

    /// <summary>Made for every user with an integration; the calendars that were selected block the page from now on, beside those that do already.</summary>
    private static async Task EnsureProvider(TenantSession session, IReadOnlyList<string> selected, CancellationToken ct)
    {
        var provider = await ProviderStore.Read(session, ct);
        var settings = provider?.Settings ?? new ProviderSettings();
        var blocking = settings.Calendar?.SelectedCalendarIds ?? [];
        if (provider is not null && selected.All(blocking.Contains))
            return;
        if (selected.Count > 0)
            settings = settings with { Calendar = (settings.Calendar ?? new CalendarSettings()) with { SelectedCalendarIds = [.. blocking.Union(selected)] } };
        provider = (provider ?? new Provider(Timezone: Provider.StandardTimezone)) with { Settings = settings };
        if (await ProviderStore.Write(session, provider, ct) != ProviderOutcome.Stored)
            throw new FormatException("the settings of its user's page cannot be stored");
    }

    private IReadOnlyList<string> Selected(AdoptedIntegration one) => Wanted(one).SelectedCalendarIds;

    private CaldavConfig Wanted(AdoptedIntegration one) => (CaldavConfig)rules.Check(one.Request).Wanted!.Config;

    private static Task<Integration?> Find(TenantSession session, IntegrationId id, CancellationToken ct) =>
        session.First(IntegrationRows.Read(id, null, null, 1), Integration.Read, ct);

    private static Statement Disable(IntegrationId id) => new("UPDATE lockstep.integrations SET enabled = false WHERE id = $1", id.Value);
}
