using System.Collections.Concurrent;
using System.Text;
using Lockstep.Bench.Load;
using Lockstep.Bench.Postgres;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Vault;
using Microsoft.Extensions.DependencyInjection;

namespace Lockstep.Bench.Scenarios;

/// <summary>The value of a credential, handed out after its audit line has committed.</summary>
internal sealed class RevealCredential : Scenario
{
    private static readonly UserBlock Users = new(First: 50_000, PerWorker: 16);
    private readonly ConcurrentDictionary<int, Guid> ids = new();

    public override string Name => "reveal";

    public override string Title => "reveal a credential, audited";

    public override string Target => ">= 3,500/s";

    public override RawLimit Raw => RawLimit.Insert;

    public override async Task Prepare(House house, Workers workers, CancellationToken ct)
    {
        await workers.ForEachUser(Users, async (worker, user) =>
            ids[user] = VaultRows.IdIn(await worker.Send("POST /v1/credentials", user, VaultRows.Body("bench"), 201, ct)));
        await VaultRows.CopyDataKeys(house, Users, ct);
        await VaultRows.CopyCredentials(house, Users, ct);
    }

    public override async Task Once(Worker worker, CancellationToken ct)
    {
        var user = worker.AnyUser(Users);
        var answer = await worker.Send($"POST /v1/credentials/{ids[user]}/reveal", user, """{"purpose":"benchmark"}""", 200, ct);
        if (answer.Span.IndexOf(Encoding.ASCII.GetBytes(VaultRows.Value)) < 0)
            throw new BenchException("A reveal answered with another value than was stored.");
    }

    public override async Task<PgbenchScript> SameStatements(House house, CancellationToken ct)
    {
        var user = Users.First;
        var vault = house.Services.GetRequiredService<CredentialVault>();
        var trips = await Recorder.Record(house, user, session => vault.Reveal(session, new CredentialId(ids[user]), "benchmark", ct));
        return new PgbenchScript(trips, Users, user).Bind("CREDENTIAL_ACCESSED", 1, $"'{VaultRows.CredentialCopy(user)}'::uuid");
    }
}
