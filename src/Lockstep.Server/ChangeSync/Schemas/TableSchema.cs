using System.Text.Json;

namespace Lockstep.Server.ChangeSync.Schemas;

/// <summary>What was declared of one table of an app.</summary>
/// <param name="Version">The newest that clients may write.</param>
/// <param name="Steps">From version 1 to 2, from 2 to 3, and so on: one fewer than the version.</param>
/// <param name="Schema">What a record of the newest version must fit; null: anything.</param>
internal sealed record TableSchema(int Version, IReadOnlyList<SchemaStep> Steps, RecordSchema? Schema)
{
    /// <exception cref="FormatException">Says what of it cannot be used, and where.</exception>
    public static TableSchema Of(SchemaDeclaration declared)
    {
        var steps = (declared.Steps ?? []).Select((step, i) => Step(step, $"steps[{i}]")).ToList();
        if (declared.Version < 1 || steps.Count != declared.Version - 1)
            throw new FormatException($"version is 1 or more, and steps has one step fewer: from 1 to 2, from 2 to 3. There are {steps.Count} for version {declared.Version}.");
        return new TableSchema(declared.Version, steps, declared.Schema is { ValueKind: not JsonValueKind.Null } schema ? RecordSchema.Read(schema) : null);
    }

    /// <summary>What was written at some version, as the newest has it.</summary>
    /// <param name="from">1 for the merged state of a record: fields of several versions are in it.</param>
    /// <param name="whole">All fields of a record, not some that were written.</param>
    public RecordState Upgrade(RecordState state, int from, bool whole)
    {
        for (var version = Math.Max(from, 1); version < Version; version++)
            state = Steps[version - 1].Apply(state, whole);
        return state;
    }

    /// <param name="record">As it would be stored.</param>
    /// <returns>Null when it fits.</returns>
    public ChangeResult? Refusal(RecordState record)
    {
        if (Schema is null || !record.IsLive)
            return null;
        using var document = JsonDocument.Parse(StateText.Data(Upgrade(record, 1, whole: true)));
        return Schema.Fault(document.RootElement, "") is { } fault
            ? ChangeResult.Rejected("schema_violation", $"{fault} The record would not fit the schema of its table; mend the value and send it as a new change.")
            : null;
    }

    private static SchemaStep Step(SchemaStepDeclaration step, string at)
    {
        var rename = step.Rename ?? new Dictionary<string, string>();
        var defaults = step.Defaults ?? new Dictionary<string, JsonElement>();
        if (rename.Any(pair => !IsField(pair.Key) || !IsField(pair.Value)) || (step.Drop ?? []).Any(name => !IsField(name)) || defaults.Any(pair => !IsField(pair.Key) || !JsonText.IsStorable(pair.Value)))
            throw new FormatException($"{at} names a field that cannot be one, or a value that cannot be stored.");
        return new SchemaStep(rename, step.Drop ?? [], defaults.ToDictionary(pair => pair.Key, pair => JsonText.Of(pair.Value), StringComparer.Ordinal));
    }

    private static bool IsField(string? name) => name is not null && Names.IsName(name, Names.LongestField);
}

/// <param name="Version">1 unless the table was changed; each version more has a step.</param>
/// <param name="Schema">JSON Schema of the newest version; absent: anything.</param>
internal sealed record SchemaDeclaration(int Version = 1, JsonElement? Schema = null, IReadOnlyList<SchemaStepDeclaration>? Steps = null);

/// <param name="Rename">Former name to new one.</param>
/// <param name="Drop">Fields that are no more.</param>
/// <param name="Defaults">Values of fields that are new, for records that have none.</param>
internal sealed record SchemaStepDeclaration(
    IReadOnlyDictionary<string, string>? Rename = null, IReadOnlyList<string>? Drop = null, IReadOnlyDictionary<string, JsonElement>? Defaults = null);
