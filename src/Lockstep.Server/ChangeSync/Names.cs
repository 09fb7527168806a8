namespace Lockstep.Server.ChangeSync;

/// <summary>Bounds of what the wire may say. Names are keys of indexes, whose rows must stay small.</summary>
internal static class Names
{
    public const int LongestApp = 100;
    public const int LongestTable = 200;
    public const int LongestRecordId = 500;
    public const int LongestField = 500;
    public const int LongestClientId = 200;
    public const int MostFields = 1000;

    /// <summary>The newest schema version that this server can bring to any other.</summary>
    public const int NewestSchema = 1;

    public static bool IsApp(string app) => IsName(app, LongestApp) && app.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-');

    /// <summary>Present, not too long, and storable.</summary>
    public static bool IsName(string name, int longest) => name.Length > 0 && name.Length <= longest && JsonText.IsStorable(name);
}
