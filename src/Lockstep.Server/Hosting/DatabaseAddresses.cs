using Lockstep.Server.Postgres;
using Npgsql;

namespace Lockstep.Server.Hosting;

/// <summary>The addresses of a server of the user's.</summary>
/// <param name="Migrator">The login of <c>--database</c>: it prepares and migrates.</param>
/// <param name="App">Null: the same server as <c>lockstep_app</c>, with a password that every node derives alike.</param>
/// <param name="Service">Null: the same as <c>lockstep_service</c>.</param>
/// <param name="Direct">Past a pooler, for migrations and LISTEN; null without one.</param>
internal sealed record DatabaseAddresses(
    NpgsqlConnectionStringBuilder Migrator,
    NpgsqlConnectionStringBuilder? App,
    NpgsqlConnectionStringBuilder? Service,
    NpgsqlConnectionStringBuilder? Direct)
{
    public const string AppSetting = "LOCKSTEP_APP_DATABASE_URL";
    public const string ServiceSetting = "LOCKSTEP_SERVICE_DATABASE_URL";

    /// <returns>Null when neither <c>--database</c> nor <c>LOCKSTEP_DATABASE_URL</c> names one: the embedded server.</returns>
    public static DatabaseAddresses? Read(string? commandLine, Func<string, string?> environment)
    {
        if ((commandLine ?? environment("LOCKSTEP_DATABASE_URL")) is not { Length: > 0 } migrator)
            return null;
        return new DatabaseAddresses(
            ConnectionText.Parse(migrator, commandLine is null ? "LOCKSTEP_DATABASE_URL" : "--database"),
            Optional(AppSetting),
            Optional(ServiceSetting),
            Optional("LOCKSTEP_DIRECT_DATABASE_URL"));

        NpgsqlConnectionStringBuilder? Optional(string name) =>
            environment(name) is { Length: > 0 } text ? ConnectionText.Parse(text, name) : null;
    }
}
