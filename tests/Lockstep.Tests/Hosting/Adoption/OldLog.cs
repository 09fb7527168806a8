using System.Globalization;
using System.Text.Json;
using Lockstep.Server.Hosting;
using Lockstep.Server.Hosting.Adoption;
using Lockstep.Server.Postgres.Embedded;
using Lockstep.Server.Vault;
using Lockstep.Tests.Support;
using NodaTime;
using Npgsql;
using Xunit;

namespace Lockstep.Tests.Hosting.Adoption;

/// <summary>The tables of a sync server as teams write it themselves, in a schema of its own: a log, its spaces and who is in them.</summary>
/// <param name="elsewhere">The address of another database, by a login that may make tables; null for Lockstep's own.</param>
internal sealed class OldLog(LockstepApp app, string schema, string? elsewhere = null)
{
    private string Address => elsewhere ?? app.Postgres.ConnectionString(EmbeddedConnection.Superuser, app.Database);

    /// <summary>Of the first row; whole seconds.</summary>
    public Instant Beginning { get; } = Instant.FromUnixTimeSeconds(SystemClock.Instance.GetCurrentInstant().ToUnixTimeSeconds() - 3 * 86_400);

    public AdoptionMap Map => new(
        Spaces: new SpaceSource($"{schema}.spaces", "id", "name"),
        Members: new MemberSource($"{schema}.members", "space_id", "user_id", "role", "joined_at"),
        Changes: [new ChangeSource($"{schema}.sync_changes")]);

    /// <summary>Made where it is missing.</summary>
    public Task MakeAsync() => ExecuteAsync($"""
        CREATE SCHEMA {schema};
        CREATE TABLE {schema}.sync_changes (
            id uuid PRIMARY KEY DEFAULT gen_random_uuid(), app_id text NOT NULL, table_name text NOT NULL, record_id text NOT NULL, user_id text NOT NULL, space_id text,
            op text NOT NULL, data jsonb, field_timestamps jsonb, client_id text, created_at timestamptz NOT NULL DEFAULT now(), schema_version integer NOT NULL DEFAULT 1, actor jsonb);
        CREATE TABLE {schema}.spaces (id text PRIMARY KEY, name text);
        CREATE TABLE {schema}.members (space_id text, user_id text, role text, joined_at timestamptz);
        """);

    public Task JoinAsync(string space, string user, string role = "member") =>
        ExecuteAsync($"INSERT INTO {schema}.members VALUES ($1, $2, $3, $4)", space, user, role, Beginning.Minus(Duration.FromDays(30)).ToDateTimeUtc());

    public Task SpaceAsync(string space) => ExecuteAsync($"INSERT INTO {schema}.spaces VALUES ($1, $2)", space, $"Space {space}");

    /// <param name="minute">After the beginning.</param>
    /// <param name="data">As its client has sent it; anonymous objects or JSON.</param>
    public async Task<Guid> AddAsync(double minute, string user, string op, string record, object? data = null, object? times = null, string? space = null, string client = "phone", string appId = "notes")
    {
        var id = Guid.CreateVersion7();
        await ExecuteAsync(
            $"INSERT INTO {schema}.sync_changes (id, app_id, table_name, record_id, user_id, space_id, op, data, field_timestamps, client_id, created_at, actor) VALUES ($1, $2, 'items', $3, $4, $5, $6, $7::jsonb, $8::jsonb, $9, $10, $11::jsonb)",
            id, appId, record, user, space ?? (object)DBNull.Value, op, Json(data), Json(times), client, At(minute).ToDateTimeUtc(), """{"kind":"person"}""");
        return id;
    }

    public Instant At(double minute) => Beginning + Duration.FromMilliseconds((long)(minute * 60_000));

    /// <summary>As a client of the old server has it: a bare time, here with the zeros that were left out.</summary>
    public string Cursor(double minute) => At(minute).ToDateTimeUtc().ToString("yyyy-MM-ddTHH:mm:ss.FFFFFFFZ", CultureInfo.InvariantCulture);

    public string Time(double minute) => At(minute).ToDateTimeUtc().ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture);

    public async Task<AdoptionReport> AdoptAsync(AdoptionMap? map = null, bool store = true, bool verify = true, Action<long, long>? progress = null, NpgsqlDataSource? reader = null, CancellationToken? ct = null)
    {
        await using var source = NpgsqlDataSource.Create(Address);
        await using var target = NpgsqlDataSource.Create(app.Postgres.ConnectionString(EmbeddedConnection.Superuser, app.Database));
        await using var bench = Workbench.Over(new StartedDatabase(MigratedDatabase.Serve(app.Postgres, app.Database), null, []), new VaultOptions(app.Keys));
        return await new Server.Hosting.Adoption.Adoption(new AdoptionPlaces(reader ?? source, target, app.Jwt), map ?? Map, bench, new Dictionary<string, OldKey>())
            .Run(store, verify, progress ?? ((_, _) => { }), ct ?? TestContext.Current.CancellationToken);
    }

    public async Task ExecuteAsync(string sql, params object[] values)
    {
        await using var connection = new NpgsqlConnection(Address + ";Pooling=false");
        await connection.OpenAsync();
#pragma warning disable CA2100 // Written in the tests.
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        foreach (var value in values)
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        await command.ExecuteNonQueryAsync();
    }

    private static object Json(object? value) => value switch
    {
        null => DBNull.Value,
        string text => text,
        _ => JsonSerializer.Serialize(value),
    };
}
