using Npgsql;

namespace Lockstep.Server.Postgres;

/// <summary>Reads a database address in either form people have: <c>postgres://user:password@host:5432/db?sslmode=require</c> or Npgsql's keywords.</summary>
internal static class ConnectionText
{
    /// <exception cref="StartRefusedException">Names the setting and the fault, never the text itself: it may hold a password.</exception>
    public static NpgsqlConnectionStringBuilder Parse(string text, string setting)
    {
        try
        {
            var builder = text.StartsWith("postgres://", StringComparison.Ordinal) || text.StartsWith("postgresql://", StringComparison.Ordinal)
                ? FromUri(text)
                : new NpgsqlConnectionStringBuilder(text);
            if (string.IsNullOrEmpty(builder.Host))
                throw new FormatException("it names no host");
            builder.IncludeErrorDetail = false;
            builder.ApplicationName ??= "lockstep";
            return builder;
        }
        catch (Exception e) when (e is ArgumentException or FormatException)
        {
            throw new StartRefusedException(
                $"{setting} is not a database address ({(e is FormatException ? e.Message : "an unknown keyword or a bad value")}). Write postgres://user:password@host:5432/database or Host=...;Username=...;Database=....");
        }
    }

    private static NpgsqlConnectionStringBuilder FromUri(string text)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out var uri))
            throw new FormatException("it is not a URL");
        var user = uri.UserInfo.Split(':', 2);
        var builder = new NpgsqlConnectionStringBuilder
        {
            Host = Uri.UnescapeDataString(uri.Host),
            Port = uri.Port > 0 ? uri.Port : 5432,
            Username = Uri.UnescapeDataString(user[0]),
            Database = Uri.UnescapeDataString(uri.AbsolutePath.TrimStart('/')),
        };
        if (user.Length == 2)
            builder.Password = Uri.UnescapeDataString(user[1]);
        foreach (var pair in uri.Query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var parts = pair.Split('=', 2);
            var value = Uri.UnescapeDataString(parts.Length == 2 ? parts[1] : "");
            switch (parts[0])
            {
                case "sslmode": builder.SslMode = Enum.Parse<SslMode>(value.Replace("-", "", StringComparison.Ordinal), ignoreCase: true); break;
                case "sslrootcert": builder.RootCertificate = value; break;
                case "host": builder.Host = value; break;
                case "application_name": builder.ApplicationName = value; break;
                default: throw new FormatException($"the parameter '{parts[0]}' is unknown here");
            }
        }
        return builder;
    }
}
