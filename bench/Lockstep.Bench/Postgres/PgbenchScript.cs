using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Lockstep.Bench.Load;

namespace Lockstep.Bench.Postgres;

/// <summary>Recorded statements as a pgbench script: each round trip is one pipeline, and the user is another one each time.</summary>
/// <remarks>Whatever ends in the number of the recorded user is made to end in that of the current one: ids, and the claims that hold them.</remarks>
/// <param name="recordedFor">The user of the recording, of the same block.</param>
/// <param name="sameUser">Every client works as the first user.</param>
internal sealed partial class PgbenchScript(
    IReadOnlyList<IReadOnlyList<RecordedStatement>> trips, UserBlock users, int recordedFor, bool sameUser = false)
{
    private readonly Dictionary<(RecordedStatement Statement, int Position), string> bound = [];

    /// <summary>Puts an expression in place of a recorded value that cannot be sent twice.</summary>
    /// <param name="marker">Words that one statement alone contains.</param>
    /// <param name="position">Of the parameter, from 1.</param>
    /// <param name="expression">SQL; <c>:n</c> is a random number.</param>
    public PgbenchScript Bind(string marker, int position, string expression)
    {
        var found = trips.SelectMany(trip => trip).Where(statement => statement.Text.Contains(marker, StringComparison.Ordinal)).ToList();
        if (found.Count != 1 || found[0].Values.Count < position)
            throw new BenchException($"{found.Count} recorded statements contain '{marker}', and one with parameter ${position} is expected. The statement has changed: adapt the scenario.");
        bound[(found[0], position)] = StringLiteral().Replace(expression, literal => Text(literal.Groups[1].Value));
        return this;
    }

    public override string ToString()
    {
        var script = new StringBuilder();
        script.AppendLine(sameUser
            ? string.Create(CultureInfo.InvariantCulture, $"\\set u {users.First}")
            : string.Create(CultureInfo.InvariantCulture, $"\\set u {users.First} + :client_id + {BenchOptions.Clients} * random(0, {users.PerWorker - 1})"));
        script.AppendLine("\\set n random(1, 9000000000000000000)");
        // BEGIN travels with the first statement and is not recorded.
        var explicitTransaction = trips[^1][^1].Text == "COMMIT";
        for (var i = 0; i < trips.Count; i++)
        {
            script.AppendLine("\\startpipeline");
            if (explicitTransaction && i == 0)
                script.AppendLine("BEGIN;");
            foreach (var statement in trips[i])
                script.AppendLine(CultureInfo.InvariantCulture, $"{Inline(statement)};");
            script.AppendLine("\\endpipeline");
        }
        return script.ToString();
    }

    private string Inline(RecordedStatement statement) => Parameter().Replace(statement.Text, match =>
    {
        var position = int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture);
        var expression = bound.TryGetValue((statement, position), out var given) ? given : Literal(statement.Values[position - 1]);
        return $"({expression})";
    });

    private string Literal(object? value) => value switch
    {
        null or DBNull => "NULL",
        string text => Text(text),
        Guid id => Text(id.ToString()) + "::uuid",
        DateTime time => Text(time.ToString("O", CultureInfo.InvariantCulture)) + "::timestamptz",
        bool truth => truth ? "true" : "false",
        Array list => $"ARRAY[{string.Join(", ", list.Cast<object?>().Select(Literal))}]::{TypeOf(list)}[]",
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => throw new BenchException($"A recorded value is a {value.GetType()}, which the script cannot write."),
    };

    private static string TypeOf(Array list) => (Nullable.GetUnderlyingType(list.GetType().GetElementType()!) ?? list.GetType().GetElementType()!) switch
    {
        var type when type == typeof(Guid) => "uuid",
        var type when type == typeof(long) => "bigint",
        var type when type == typeof(int) => "integer",
        var type when type == typeof(DateTime) => "timestamptz",
        var type when type == typeof(bool) => "boolean",
        _ => "text",
    };

    /// <summary>pgbench takes <c>:word</c> for a variable inside quotes too, so colons are written as escapes.</summary>
    private string Text(string text)
    {
        var quoted = text.Split(House.Suffix(recordedFor)).Select(part => "E'" + part
            .Replace("\\", "\\\\", StringComparison.Ordinal)
            .Replace("'", "''", StringComparison.Ordinal)
            .Replace(":", "\\072", StringComparison.Ordinal) + "'").ToList();
        return quoted.Count == 1 ? quoted[0] : "(" + string.Join(" || lpad(:u::text, 12, '0') || ", quoted) + ")";
    }

    [GeneratedRegex(@"\$([0-9]+)")]
    private static partial Regex Parameter();

    [GeneratedRegex("'([^']*)'")]
    private static partial Regex StringLiteral();
}
