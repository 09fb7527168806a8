using System.Globalization;
using Lockstep.Server.Postgres;
using NodaTime;
using Npgsql;

namespace Lockstep.Server.Hosting.Doctor;

/// <summary>This machine's clock beside the database's.</summary>
internal static class ClockCheck
{
    private const string Area = "clock";

    private static readonly Duration Noticeable = Duration.FromSeconds(2);

    /// <summary>Tokens are taken 30 seconds around their times, codes and leases count in minutes.</summary>
    private static readonly Duration Harmful = Duration.FromSeconds(30);

    public static async Task<IReadOnlyList<Diagnosis>> Look(NpgsqlConnection connection, TimeProvider time, CancellationToken ct)
    {
        var before = time.GetUtcNow();
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(new Statement("SELECT clock_timestamp()").ToCommand());
        var there = Instant.FromDateTimeUtc((DateTime)(await batch.ExecuteScalarAsync(ct))!);
        var after = time.GetUtcNow();
        var ahead = Instant.FromDateTimeOffset(before + ((after - before) / 2)) - there;
        var size = ahead < Duration.Zero ? -ahead : ahead;
        var text = string.Create(CultureInfo.InvariantCulture, $"This machine's clock is {size.TotalSeconds:0.0} s {(ahead < Duration.Zero ? "behind" : "ahead of")} the database's");
        const string Mend = "Let both machines follow the same time servers (chrony or systemd-timesyncd), and see with 'timedatectl' that they do.";
        return
        [
            size > Harmful ? Diagnosis.Fault(Area, "clock_off", text + ": tokens are refused or live too long, and other nodes take its work away.", Mend)
            : size > Noticeable ? Diagnosis.Warning(Area, "clock_drift", text + ".", Mend)
            : Diagnosis.Well(Area, "clock", text + "."),
        ];
    }
}
