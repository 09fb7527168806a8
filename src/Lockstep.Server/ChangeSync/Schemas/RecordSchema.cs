using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Lockstep.Server.ChangeSync.Schemas;

/// <summary>A JSON Schema (draft 2020-12) read once and asked often: the keywords below, and no others.</summary>
/// <remarks>
/// type, enum, const; properties, required, additionalProperties, minProperties, maxProperties; items, minItems, maxItems, uniqueItems; minLength, maxLength, pattern; minimum, maximum,
/// exclusiveMinimum, exclusiveMaximum; allOf, anyOf, not. Annotations ($schema, $id, $comment, title, description, default, examples, deprecated, format) say nothing to it, as the specification has it for format.
/// </remarks>
internal sealed class RecordSchema
{
    private const int Deepest = 20;

    private static readonly HashSet<string> Annotations =
        new(["$schema", "$id", "$comment", "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "format"], StringComparer.Ordinal);

    private static readonly string[] Types = ["null", "boolean", "object", "array", "number", "string", "integer"];

    private readonly List<Func<JsonElement, string, string?>> checks = [];

    /// <exception cref="FormatException">Says what of the schema cannot be used, and where.</exception>
    public static RecordSchema Read(JsonElement schema) => Read(schema, "schema", 0);

    /// <returns>What does not fit, and where; null when all does.</returns>
    /// <param name="where">How the value is called in the answer; empty for the record.</param>
    public string? Fault(JsonElement value, string where)
    {
        foreach (var check in checks)
            if (check(value, where) is { } fault)
                return fault;
        return null;
    }

    private static RecordSchema Read(JsonElement schema, string at, int depth)
    {
        var read = new RecordSchema();
        if (schema.ValueKind is JsonValueKind.True)
            return read;
        if (schema.ValueKind is JsonValueKind.False)
        {
            read.checks.Add((_, where) => $"{Name(where)} is not allowed.");
            return read;
        }
        if (schema.ValueKind != JsonValueKind.Object || depth > Deepest)
            throw new FormatException($"{at} is not a schema: an object of {Deepest} levels at most, true or false.");
        foreach (var keyword in schema.EnumerateObject().Where(keyword => !Annotations.Contains(keyword.Name)))
            read.Add(schema, keyword.Name, keyword.Value, $"{at}.{keyword.Name}", depth);
        return read;
    }

    private void Add(JsonElement schema, string keyword, JsonElement value, string at, int depth)
    {
        switch (keyword)
        {
            case "type":
                var types = value.ValueKind == JsonValueKind.Array ? Texts(value, at) : [Text(value, at)];
                if (types.Except(Types).FirstOrDefault() is { } unknown)
                    throw new FormatException($"{at}: '{unknown}' is not one of {string.Join(", ", Types)}.");
                checks.Add((found, where) => types.Any(type => Is(type, found)) ? null : $"{Name(where)} is not of type {string.Join(" or ", types)}.");
                break;
            case "enum":
                if (value.ValueKind != JsonValueKind.Array)
                    throw new FormatException($"{at} is not a list.");
                var allowed = value.EnumerateArray().Select(each => each.Clone()).ToList();
                checks.Add((found, where) => allowed.Any(each => JsonElement.DeepEquals(each, found)) ? null : $"{Name(where)} is not one of the values of enum.");
                break;
            case "const":
                var only = value.Clone();
                checks.Add((found, where) => JsonElement.DeepEquals(only, found) ? null : $"{Name(where)} is not the value of const.");
                break;
            case "properties":
                var members = Members(value, at).ToDictionary(member => member.Name, member => Read(member.Value, $"{at}.{member.Name}", depth + 1), StringComparer.Ordinal);
                Objects((found, where) => First(found.EnumerateObject(), member => members.GetValueOrDefault(member.Name)?.Fault(member.Value, Join(where, member.Name))));
                break;
            case "additionalProperties":
                var rest = Read(value, at, depth + 1);
                var named = schema.TryGetProperty("properties", out var known) ? Members(known, at).Select(member => member.Name).ToHashSet(StringComparer.Ordinal) : [];
                Objects((found, where) => First(found.EnumerateObject().Where(member => !named.Contains(member.Name)), member => rest.Fault(member.Value, Join(where, member.Name))));
                break;
            case "required":
                var needed = Texts(value, at);
                Objects((found, where) => needed.FirstOrDefault(name => !found.TryGetProperty(name, out _)) is { } missing ? $"{Name(Join(where, missing))} is missing." : null);
                break;
            case "minProperties" or "maxProperties":
                Count(keyword, Whole(value, at), JsonValueKind.Object, found => found.EnumerateObject().Count(), "members");
                break;
            case "items":
                var each = Read(value, at, depth + 1);
                Lists((found, where) => First(found.EnumerateArray().Select((item, i) => (item, i)), item => each.Fault(item.item, $"{where}[{item.i}]")));
                break;
            case "minItems" or "maxItems":
                Count(keyword, Whole(value, at), JsonValueKind.Array, found => found.GetArrayLength(), "items");
                break;
            case "uniqueItems":
                if (value.ValueKind == JsonValueKind.True)
                    Lists((found, where) => found.EnumerateArray().Select(JsonText.Of).GroupBy(item => item, StringComparer.Ordinal).Any(group => group.Skip(1).Any()) ? $"{Name(where)} has an item twice." : null);
                break;
            case "minLength" or "maxLength":
                Count(keyword, Whole(value, at), JsonValueKind.String, found => found.GetString()!.EnumerateRunes().Count(), "characters");
                break;
            case "pattern":
                var pattern = Pattern(Text(value, at), at);
                checks.Add((found, where) => found.ValueKind != JsonValueKind.String || pattern.IsMatch(found.GetString()!) ? null : $"{Name(where)} does not fit the pattern.");
                break;
            case "minimum" or "maximum" or "exclusiveMinimum" or "exclusiveMaximum":
                Bound(keyword, Number(value, at));
                break;
            case "allOf" or "anyOf":
                if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() == 0)
                    throw new FormatException($"{at} is not a list of schemas.");
                var schemas = value.EnumerateArray().Select((inner, i) => Read(inner, $"{at}[{i}]", depth + 1)).ToList();
                checks.Add(keyword == "allOf"
                    ? (found, where) => First(schemas, inner => inner.Fault(found, where))
                    : (found, where) => schemas.Any(inner => inner.Fault(found, where) is null) ? null : $"{Name(where)} fits none of anyOf.");
                break;
            case "not":
                var not = Read(value, at, depth + 1);
                checks.Add((found, where) => not.Fault(found, where) is null ? $"{Name(where)} is what the schema excludes." : null);
                break;
            default:
                throw new FormatException($"{at}: this keyword is not known here. What is not checked must not look as if it were; leave it out.");
        }
    }

    private void Objects(Func<JsonElement, string, string?> check) => checks.Add((found, where) => found.ValueKind == JsonValueKind.Object ? check(found, where) : null);

    private void Lists(Func<JsonElement, string, string?> check) => checks.Add((found, where) => found.ValueKind == JsonValueKind.Array ? check(found, where) : null);

    private void Count(string keyword, int bound, JsonValueKind kind, Func<JsonElement, int> count, string what)
    {
        var least = keyword.StartsWith("min", StringComparison.Ordinal);
        checks.Add((found, where) => found.ValueKind != kind || (least ? count(found) >= bound : count(found) <= bound) ? null : $"{Name(where)} has {(least ? "fewer" : "more")} than {bound} {what}.");
    }

    private void Bound(string keyword, double bound) => checks.Add((found, where) => found.ValueKind != JsonValueKind.Number || keyword switch
    {
        "minimum" => found.GetDouble() >= bound,
        "maximum" => found.GetDouble() <= bound,
        "exclusiveMinimum" => found.GetDouble() > bound,
        _ => found.GetDouble() < bound,
    } ? null : string.Create(CultureInfo.InvariantCulture, $"{Name(where)} is beyond {keyword} {bound}."));

    // Linear in the length of the value, whatever the pattern (no look-around, no back-references).
    private static Regex Pattern(string text, string at)
    {
        try
        {
            return new Regex(text, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            throw new FormatException($"{at} is not a regular expression that can be used here: no look-around, no back-references.");
        }
    }

    private static bool Is(string type, JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null => type == "null",
        JsonValueKind.True or JsonValueKind.False => type == "boolean",
        JsonValueKind.Object => type == "object",
        JsonValueKind.Array => type == "array",
        JsonValueKind.String => type == "string",
        _ => type == "number" || type == "integer" && double.IsInteger(value.GetDouble()),
    };

    private static string? First<T>(IEnumerable<T> items, Func<T, string?> fault) => items.Select(fault).FirstOrDefault(found => found is not null);

    private static string Name(string where) => where.Length == 0 ? "The record" : $"'{where}'";

    private static string Join(string where, string name) => where.Length == 0 ? name : $"{where}.{name}";

    private static JsonElement.ObjectEnumerator Members(JsonElement value, string at) =>
        value.ValueKind == JsonValueKind.Object ? value.EnumerateObject() : throw new FormatException($"{at} is not an object.");

    private static string Text(JsonElement value, string at) => value.ValueKind == JsonValueKind.String ? value.GetString()! : throw new FormatException($"{at} is not a text.");

    private static string[] Texts(JsonElement value, string at) =>
        value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray().Select(each => Text(each, at))] : throw new FormatException($"{at} is not a list of texts.");

    private static int Whole(JsonElement value, string at) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) && number >= 0 ? number : throw new FormatException($"{at} is not a whole number from 0.");

    private static double Number(JsonElement value, string at) => value.ValueKind == JsonValueKind.Number ? value.GetDouble() : throw new FormatException($"{at} is not a number.");
}
