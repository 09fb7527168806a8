namespace Lockstep.Server.ChangeSync.Places;

/// <summary>A record of a space whose field <c>visibility</c> is <c>private</c> is its author's alone. A sealed field cannot be read, so it hides nothing.</summary>
internal static class Visibility
{
    public const string Field = "visibility";
    private const string Private = "\"private\"";

    public static bool IsPrivate(RecordState record) => record.Fields.TryGetValue(Field, out var field) && field.Json == Private;

    /// <summary>Whether the change makes its record private.</summary>
    public static bool Hides(Change change) => change.Fields.TryGetValue(Field, out var field) && field.Json == Private;
}
