using System.Diagnostics;
using Lockstep.Server.Postgres.Embedded;

namespace Lockstep.Tests.Vault.Sql;

/// <summary>PostgreSQL's own client.</summary>
internal static class Psql
{
    /// <returns>What it printed, errors included.</returns>
    public static async Task<string> RunAsync(EmbeddedConnection server, string database, string file, CancellationToken ct)
    {
        using var process = Process.Start(new ProcessStartInfo(
            "psql",
            ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", server.SocketDirectory, "-p", $"{server.Port}", "-U", EmbeddedConnection.Superuser, "-d", database, "-f", file])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["PGCLIENTENCODING"] = "UTF8" },
        })!;
        var errors = process.StandardError.ReadToEndAsync(ct);
        var output = await process.StandardOutput.ReadToEndAsync(ct);
        await process.WaitForExitAsync(ct);
        return output + await errors;
    }
}
