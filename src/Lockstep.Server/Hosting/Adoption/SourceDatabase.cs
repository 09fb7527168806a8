using Lockstep.Server.Postgres;
using Npgsql;

namespace Lockstep.Server.Hosting.Adoption;

/// <summary>Another database that tables are taken over from.</summary>
internal static class SourceDatabase
{
    public const string Setting = "LOCKSTEP_SOURCE_DATABASE_URL";

    private const int SecondsToConnect = 10;

    /// <param name="text">A URL or keywords, as for <c>--database</c>.</param>
    /// <param name="setting">Where it stands, for the message; the text itself may hold a password.</param>
    /// <exception cref="AdoptionRefusedException">It is no address, nobody answers there, or the login is refused.</exception>
    public static async Task<NpgsqlDataSource> Open(string text, string setting, CancellationToken ct)
    {
        var address = Read(text, setting);
        var source = NpgsqlDataSource.Create(address);
        try
        {
            await using var connection = await source.OpenConnectionAsync(ct);
            return source;
        }
        catch (NpgsqlException e)
        {
            await source.DisposeAsync();
            throw Refusal(e, address, setting);
        }
    }

    private static NpgsqlConnectionStringBuilder Read(string text, string setting)
    {
        try
        {
            // A cursor over a large table is sorted before its first row comes.
            return new NpgsqlConnectionStringBuilder(ConnectionText.Parse(text, setting).ConnectionString) { CommandTimeout = 0, Timeout = SecondsToConnect, MaxPoolSize = 4, MinPoolSize = 0 };
        }
        catch (StartRefusedException e)
        {
            throw new AdoptionRefusedException(AdoptionRefusal.Mapping, e.Message + " Nothing was stored.", e);
        }
    }

    private static AdoptionRefusedException Refusal(NpgsqlException e, NpgsqlConnectionStringBuilder address, string setting)
    {
        var server = $"{address.Host}:{address.Port}";
        return e is PostgresException { SqlState: PostgresErrorCodes.InvalidCatalogName }
            ? new AdoptionRefusedException(AdoptionRefusal.Mapping, $"There is no database '{address.Database}' at {server}. Nothing was stored. Correct {setting}.", e)
            : e is PostgresException refused && refused.SqlState is PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification or PostgresErrorCodes.InsufficientPrivilege
            ? new AdoptionRefusedException(AdoptionRefusal.NotAllowed, $"The source at {server} refuses the user '{address.Username}' ({((PostgresException)e).MessageText}). Nothing was stored. Correct user and password in {setting}, and see that its pg_hba.conf lets this machine in.", e)
            : new AdoptionRefusedException(AdoptionRefusal.Unreachable, $"Cannot reach the source at {server}: {(e.InnerException ?? e).Message.TrimEnd('.')}. Nothing was stored. Check the address in {setting}.", e);
    }
}
