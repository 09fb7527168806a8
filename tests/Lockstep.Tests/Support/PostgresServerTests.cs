using Npgsql;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Support;

public sealed class PostgresServerTests(PostgresServer server, PostgresServer18 newest)
{
    [Fact]
    public async Task A_database_made_from_a_template_holds_what_the_template_holds()
    {
        var template = await server.CreateDatabaseAsync();
        await AskAsync(server, template, "CREATE TABLE t AS SELECT 42 AS answer");

        var copy = await server.CreateDatabaseAsync(template);

        (await AskAsync(server, copy, "SELECT answer FROM t")).ShouldBe(42);
        await server.DropDatabaseAsync(copy);
        await server.DropDatabaseAsync(template);
    }

    [Fact]
    public async Task The_newest_server_is_version_18()
    {
        var database = await newest.CreateDatabaseAsync();

        (await AskAsync(newest, database, "SELECT current_setting('server_version_num')::int / 10000")).ShouldBe(18);
    }

    private static async Task<object?> AskAsync(PostgresServer server, string database, string sql)
    {
        await using var connection = new NpgsqlConnection(server.ConnectionString("postgres", database) + ";Pooling=false");
        await connection.OpenAsync();
#pragma warning disable CA2100
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        return await command.ExecuteScalarAsync();
    }
}
