using System.Diagnostics.CodeAnalysis;
using NodaTime;
using Npgsql;

namespace Lockstep.Server.Postgres;

/// <summary>One SQL statement and its positional values.</summary>
/// <remarks>
/// The text must be a constant (CA1857 is an error): row-level security stops a forgotten WHERE, not somebody who can write SQL,
/// so no SQL is ever built from strings. Values: an <see cref="Instant"/> goes as timestamptz, a string for jsonb needs <c>$n::jsonb</c>.
/// </remarks>
internal readonly struct Statement([ConstantExpected] string text, params object?[] values)
{
    public NpgsqlBatchCommand ToCommand()
    {
        var command = new NpgsqlBatchCommand(text);
        foreach (var value in values)
            command.Parameters.Add(new NpgsqlParameter { Value = ToDatabase(value) });
        return command;
    }

    private static object ToDatabase(object? value) => value switch
    {
        null => DBNull.Value,
        Instant instant => instant.ToDateTimeUtc(),
        _ => value,
    };
}
