using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Vault;

public sealed class RefusedRevealTests(PostgresServer postgres)
{
    [Fact]
    public async Task Reveals_beyond_the_limit_and_of_a_locked_vault_are_audited_once_a_minute()
    {
        await using var app = new LockstepApp(postgres) { RevealLimit = 1 };
        await app.InitializeAsync();
        var id = (await app.As("u").StoreAsync("k", "a-secret-value")).Id();
        await app.As("u").ValueAsync(id);
        for (var i = 0; i < 3; i++)
            await app.As("u").RevealAsync(id).ShouldBeProblemAsync(429, "reveal_limit");
        app.Keys = null;
        await app.RestartAsync();
        for (var i = 0; i < 2; i++)
            await app.As("u").RevealAsync(id).ShouldBeProblemAsync(503, "vault_locked");
        await app.As("stranger").RevealAsync(id).ShouldBeProblemAsync(503, "vault_locked");
        (await app.As("u").ActionsAsync(id)).ShouldBe(["CREDENTIAL_CREATED", "CREDENTIAL_ACCESSED", "CREDENTIAL_REFUSED", "CREDENTIAL_REFUSED"]);
        (await app.ScalarAsync<string>("SELECT string_agg(details ->> 'reason', ',' ORDER BY seq) FROM lockstep.activity_log WHERE action = 'CREDENTIAL_REFUSED'")).ShouldBe("reveal_limit,vault_locked");
    }
}
