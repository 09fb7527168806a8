using System.Net.Http.Headers;
using Lockstep.Crypto;
using Lockstep.Server.ChangeSync.Quotas;
using Lockstep.Server.Hosting;
using Lockstep.Server.Integrations.Connecting;
using Lockstep.Server.Outbound;
using Lockstep.Server.Postgres;
using Lockstep.Server.Postgres.Embedded;
using Lockstep.Server.Tenancy.Jwt;
using Lockstep.Server.Vault.Keys;
using Lockstep.Server.Vault.Reveals;
using NodaTime;
using Npgsql;
using Xunit;

namespace Lockstep.Tests.Support;

/// <summary>The whole server, on a port of its own, over a real database of its own. A class fixture; the front door of the tests.</summary>
public sealed class LockstepApp(PostgresServer postgres) : IAsyncLifetime
{
    private static readonly byte[] JwtSecret = "a secret that signs the tokens of tests alone"u8.ToArray();

    private readonly HashSet<HostPort> allowed = [];
    private readonly List<HttpClient> clients = [];
    private LockstepServer? server;

    internal KeyRing? Keys { get; set; } = RingOf(MasterKey.Generate("test-1"));

    /// <summary>The server that its database is on.</summary>
    public PostgresServer Postgres => postgres;

    /// <summary>The name of its database.</summary>
    public string Database { get; private set; } = "";

    public Uri Url => new(server!.Urls[0]);

    internal IServiceProvider Services => server!.Services;

    internal JwtOptions Jwt { get; init; } = new(JwtSecret, null, null, null);

    internal int RevealLimit { get; set; } = 1_000_000;

    internal BulkReadOptions BulkReads { get; set; } = BulkReadOptions.Off;

    internal KeyProviderOptions KeyProviders { get; set; } = new();

    internal IReadOnlySet<string> CorsOrigins { get; set; } = new HashSet<string>();

    internal ConnectOptions Connect { get; set; } = new();

    internal string? ServiceKey { get; set; }

    internal Uri? MembershipsUrl { get; set; }

    /// <summary>The clock of this node.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    internal QuotaOptions SyncQuotas { get; set; } = QuotaOptions.None;

    internal int RateLimit { get; set; } = 1_000_000;

    internal int BookingLimit { get; set; } = 1_000_000;

    /// <summary>So long that tests say themselves when their edits are written.</summary>
    internal TimeSpan PushDelay { get; set; } = TimeSpan.FromDays(1);

    /// <summary>Serves an existing database instead of a new one; set it before the start.</summary>
    public string? ExistingDatabase { get; init; }

    public async ValueTask InitializeAsync()
    {
        Database = ExistingDatabase ?? await MigratedDatabase.CreateAsync(postgres);
        await StartAsync();
    }

    /// <summary>Starts the server again on the same database, with what was changed meanwhile (<see cref="Keys"/> ...).</summary>
    public async Task RestartAsync()
    {
        await StopAsync();
        await StartAsync();
    }

    public async Task StopAsync()
    {
        clients.ForEach(client => client.Dispose());
        clients.Clear();
        if (server is not null)
            await server.DisposeAsync();
        server = null;
    }

    /// <summary>Lets the outbound guard through to a test server.</summary>
    public void Allow(Uri url) => allowed.Add(HostPort.Of(url));

    /// <summary>A client with a token of this subject; a word becomes an e-mail address.</summary>
    public HttpClient As(string subject) => Client(Token(subject, JwtClaims.Authenticated));

    /// <summary>A client with a token of the service role; with a user, on that user's behalf.</summary>
    public HttpClient AsService(Guid? onBehalfOf = null)
    {
        var client = Client(Token("backend", JwtClaims.ServiceRole));
        if (onBehalfOf is { } user)
            client.DefaultRequestHeaders.Add(BearerAuthentication.OnBehalfOf, user.ToString());
        return client;
    }

    public HttpClient Anonymous() => Client(null);

    /// <summary>The id of the user that <see cref="As"/> makes.</summary>
    public Guid UserId(string subject) =>
        SubjectId.Of(new JwtClaims("", Subject(subject), JwtClaims.Authenticated, null, false, Instant.MaxValue, null) { SignedByOwnSecret = true }, Jwt);

    internal string Token(string subject, string role, Duration? ttl = null) => new JwtIssuer(Jwt, TimeProvider.System)
        .Issue(Subject(subject), Subject(subject), role, ttl ?? Duration.FromHours(1), emailVerified: true);

    /// <summary>A connection as <c>postgres</c> (sees everything), <c>lockstep_app</c> or <c>lockstep_service</c>.</summary>
    public async Task<NpgsqlConnection> ConnectAsync(string role = EmbeddedConnection.Superuser)
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(postgres.ConnectionString(role, Database)) { Pooling = false }.ConnectionString);
        await connection.OpenAsync();
        return connection;
    }

    /// <summary>One value, read as the superuser.</summary>
    public async Task<T> ScalarAsync<T>(string sql, params object[] values)
    {
        await using var connection = await ConnectAsync();
#pragma warning disable CA2100 // Written in the tests.
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        foreach (var value in values)
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        return (T)(await command.ExecuteScalarAsync())!;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        if (ExistingDatabase is null && Database.Length > 0)
            await postgres.DropDatabaseAsync(Database);
    }

    internal static KeyRing RingOf(params MasterKey[] keys) => new(keys);

    private static string Subject(string subject) =>
        subject.Contains('@', StringComparison.Ordinal) || Guid.TryParse(subject, out _) ? subject : $"{subject}@example.com";

    private HttpClient Client(string? token)
    {
#pragma warning disable RS0030 // Tests are the other side.
        var client = new HttpClient { BaseAddress = Url, Timeout = TimeSpan.FromSeconds(60) };
#pragma warning restore RS0030
        if (token is not null)
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        clients.Add(client);
        return client;
    }

    private async Task StartAsync()
    {
        var settings = new Settings(
            ["http://127.0.0.1:0"],
            Path.GetTempPath(),
            new DatabaseAddresses(
                new(postgres.ConnectionString(EmbeddedConnection.Superuser, Database)),
                new(postgres.ConnectionString(Roles.App, Database)) { MaxPoolSize = 20 },
                new(postgres.ConnectionString(Roles.Service, Database)) { MaxPoolSize = 10 },
                null),
            Keys,
            Jwt,
            allowed,
            RateLimit,
            RevealLimit)
        {
            KeyProviders = KeyProviders,
            PushDelay = PushDelay,
            BookingLimit = BookingLimit,
            CorsOrigins = CorsOrigins,
            Connect = Connect,
            BulkReads = BulkReads,
            ServiceKey = new(ServiceKey),
            MembershipsUrl = MembershipsUrl,
            SyncQuotas = SyncQuotas,
            Time = Time,
        };
        server = await LockstepServer.Start(settings, _ => null, _ => { }, CancellationToken.None);
    }
}
