using System.Diagnostics.CodeAnalysis;
using NodaTime;
using Npgsql;
using NpgsqlTypes;

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
            command.Parameters.Add(Parameter(value));
        return command;
    }

    private static NpgsqlParameter Parameter(object? value) => value switch
    {
        // Said outright: Npgsql takes the type of an array from its first element, and a null there from nowhere.
        DateTime[] or DateTime?[] => new NpgsqlParameter { Value = value, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.TimestampTz },
        _ => new NpgsqlParameter { Value = ToDatabase(value) },
    };

    private static object ToDatabase(object? value) => value switch
    {
        null => DBNull.Value,
        Instant instant => instant.ToDateTimeUtc(),
        _ => value,
    };
}
