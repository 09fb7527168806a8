using System.Globalization;
using System.Net;
using Lockstep.Server.Hosting;
using Lockstep.Server.Outbound;
using Lockstep.Server.Postgres.Embedded;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Tenancy.Jwt;
using NodaTime;
using Npgsql;

namespace Lockstep.Bench;

/// <summary>A whole Lockstep in a temporary data directory: real HTTP on a loopback port, its own PostgreSQL with fsync on.</summary>
internal sealed class House : IAsyncDisposable
{
    private readonly DirectoryInfo directory;
    private readonly LockstepServer server;
    private readonly JwtIssuer tokens;

    private House(DirectoryInfo directory, LockstepServer server, JwtOptions jwt, TextWriter standardOutput)
    {
        (this.directory, this.server, StandardOutput) = (directory, server, standardOutput);
        tokens = new JwtIssuer(jwt, TimeProvider.System);
        Url = new Uri(server.Urls[0]);
        Superuser = NpgsqlDataSource.Create(Connection.ConnectionString(EmbeddedConnection.Superuser));
    }

    public Uri Url { get; }

    /// <summary>For the report; the program's log goes to standard error meanwhile.</summary>
    public TextWriter StandardOutput { get; }

    public IPEndPoint Address => new(IPAddress.Loopback, Url.Port);

    public IServiceProvider Services => server.Services;

    public EmbeddedConnection Connection => server.Database.Embedded!.Connection;

    /// <summary>Past row-level security, to lay out rows for pgbench.</summary>
    public NpgsqlDataSource Superuser { get; }

    public string DataDirectory => directory.FullName;

    /// <param name="calendars">Servers that the outbound guard lets through.</param>
    public static async Task<House> Open(IEnumerable<Uri> calendars, CancellationToken ct)
    {
        var directory = Directory.CreateTempSubdirectory("lockstep-bench-");
        var standardOutput = Console.Out;
        try
        {
            // The program logs to standard output, which is the report's.
            Console.SetOut(new WarningsOnly(Console.Error));
            var settings = Settings.Load(new ServeOptions("http://127.0.0.1:0", directory.FullName, null), name => name switch
            {
                "LOCKSTEP_RATE_LIMIT" => "1000000",
                "LOCKSTEP_REVEAL_LIMIT" => "10000000",
                "LOCKSTEP_BULK_READ_LIMIT" => "0",
                OutboundAllowList.Setting => string.Join(',', calendars.Select(server => $"{server.Host}:{server.Port}")),
                _ => null,
            });
            var server = await LockstepServer.Start(settings, _ => null, Console.Error.WriteLine, ct);
            return new House(directory, server, settings.Jwt, standardOutput);
        }
        catch
        {
            Console.SetOut(standardOutput);
            directory.Delete(recursive: true);
            throw;
        }
    }

    /// <summary>User ids end in their number, so that pgbench can name them by arithmetic.</summary>
    public static UserId User(int number) => new(Guid.Parse("00000000-0000-7000-8000-" + Suffix(number)));

    /// <summary>The last twelve digits of everything that belongs to this user.</summary>
    public static string Suffix(int number) => number.ToString("D12", CultureInfo.InvariantCulture);

    public string Token(int number) => tokens.Issue(User(number).ToString(), null, JwtClaims.Authenticated, Duration.FromHours(12));

    public async Task Administer(string sql, CancellationToken ct)
    {
#pragma warning disable CA2100 // Written in the scenarios.
        await using var command = Superuser.CreateCommand(sql);
#pragma warning restore CA2100
        command.CommandTimeout = 120;
        await command.ExecuteNonQueryAsync(ct);
    }

    public async ValueTask DisposeAsync()
    {
        await Superuser.DisposeAsync();
        await server.DisposeAsync();
        Console.SetOut(StandardOutput);
        directory.Delete(recursive: true);
    }
}
