using System.Diagnostics;
using System.Net;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Npgsql;

namespace Lockstep.Bench.Postgres;

/// <summary>Watches the real door at work and keeps the statements that it sends, so that pgbench is given exactly those.</summary>
internal static class Recorder
{
    /// <param name="work">Called with a session of this user.</param>
    /// <returns>Its round trips, each with its statements.</returns>
    public static async Task<IReadOnlyList<IReadOnlyList<RecordedStatement>>> Record(House house, int user, Func<TenantSession, Task> work)
    {
        var trips = new List<IReadOnlyList<RecordedStatement>>();
        // Npgsql shows a batch to its tracing, and traces only what somebody listens to.
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "Npgsql",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
        };
        ActivitySource.AddActivityListener(listener);
        var builder = new NpgsqlDataSourceBuilder(house.Connection.ConnectionString(Roles.App));
        builder.ConfigureTracing(tracing => tracing.ConfigureBatchEnrichmentCallback((_, batch) => trips.Add(
            [.. batch.BatchCommands.Cast<NpgsqlBatchCommand>().Select(RecordedStatement.Of)])));
        await using var source = builder.Build();
        var id = House.User(user);
        await work(new TenantSession(source, new Caller(id, CallerRole.Authenticated, $"user:{id}", IPAddress.Loopback, "0HN0000000000:00000001")));
        return trips.Count > 0 ? trips : throw new BenchException("The operation sent no statement that could be recorded.");
    }
}

internal sealed record RecordedStatement(string Text, IReadOnlyList<object?> Values)
{
    public static RecordedStatement Of(NpgsqlBatchCommand command) => new(
        command.CommandText, [.. command.Parameters.Cast<NpgsqlParameter>().Select(parameter => parameter.Value)]);
}
