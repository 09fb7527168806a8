using Lockstep.Crypto;
using Lockstep.Server.Hosting;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Vault;
using Lockstep.Server.Vault.Keys;
using Lockstep.Tests.Support;
using Npgsql;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Vault.Keys;

/// <summary>A database with users and their credentials, and benches with different keys over it, as several nodes or commands have them.</summary>
internal sealed class SealedWorld : IAsyncDisposable
{
    private readonly PostgresServer postgres;
    private readonly List<Workbench> benches = [];

    private SealedWorld(PostgresServer postgres, string database)
    {
        this.postgres = postgres;
        Name = database;
    }

    public static async Task<SealedWorld> CreateAsync(PostgresServer postgres) => new(postgres, await MigratedDatabase.CreateAsync(postgres));

    /// <summary>Of the database.</summary>
    public string Name { get; }

    public Dictionary<CredentialId, (UserId Owner, string Value)> Stored { get; } = [];

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>The doors with these master keys, newest first; with empty caches.</summary>
    public Workbench With(params MasterKey[] keys)
    {
        var bench = Workbench.Over(new StartedDatabase(MigratedDatabase.Serve(postgres, Name), null, []), new VaultOptions(new KeyRing(keys)));
        benches.Add(bench);
        return bench;
    }

    public async Task<UserId> UserAsync()
    {
        var user = new UserId(Guid.CreateVersion7());
        await RunAsync("INSERT INTO auth.users (id, email) VALUES ($1, 'u@example.com')", user.Value);
        return user;
    }

    public static TenantSession Session(Workbench bench, UserId user) =>
        bench.Get<Database>().For(new Caller(user, CallerRole.Authenticated, $"user:{user}"));

    public async Task<CredentialId> StoreAsync(Workbench bench, UserId owner, string value)
    {
        using var secret = Secret.FromText(value);
        var stored = (await bench.Get<CredentialVault>().Store(
            Session(bench, owner), new($"k{Stored.Count}", "p", CredentialType.SECRET, secret), Ct)).ShouldBeOfType<StoreOutcome.Stored>();
        var id = new CredentialId(stored.Credential.Id);
        Stored[id] = (owner, value);
        return id;
    }

    public async Task RotateAsync(Workbench bench, CredentialId id, string value)
    {
        using var secret = Secret.FromText(value);
        (await bench.Get<CredentialVault>().Rotate(Session(bench, Stored[id].Owner), id, secret, null, Ct)).ShouldBeOfType<ChangeOutcome.Changed>();
        Stored[id] = (Stored[id].Owner, value);
    }

    public async Task<string> RevealAsync(Workbench bench, CredentialId id)
    {
        var revealed = (await bench.Get<CredentialVault>().Reveal(Session(bench, Stored[id].Owner), id, "a test", Ct)).ShouldBeOfType<RevealOutcome.Revealed>();
        using (revealed.Value)
            return revealed.Value.RevealText();
    }

    /// <summary>Every value opens and is the one that was stored.</summary>
    public async Task AllOpenAsync(Workbench bench, CredentialId? except = null)
    {
        foreach (var (id, (_, value)) in Stored.Where(entry => entry.Key != except))
            (await RevealAsync(bench, id)).ShouldBe(value);
    }

    public async Task RunAsync(string sql, params object[] values)
    {
        await using var connection = await OpenAsync();
#pragma warning disable CA2100 // Written in the tests.
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        foreach (var value in values)
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        await command.ExecuteNonQueryAsync(Ct);
    }

    public async Task<T> ScalarAsync<T>(string sql)
    {
        await using var connection = await OpenAsync();
#pragma warning disable CA2100 // Written in the tests.
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        return (T)(await command.ExecuteScalarAsync(Ct))!;
    }

    public async Task<NpgsqlConnection> OpenAsync()
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(postgres.ConnectionString("postgres", Name)) { Pooling = false }.ConnectionString);
        await connection.OpenAsync(Ct);
        return connection;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var bench in benches)
            await bench.DisposeAsync();
        await postgres.DropDatabaseAsync(Name);
    }
}
