namespace Lockstep.Tests.Support;

/// <summary>The checkout that these tests were built from.</summary>
internal static class Repository
{
    public static string Root { get; } = Find(AppContext.BaseDirectory);

    /// <summary>The C# files below a folder, without what the build makes.</summary>
    public static IEnumerable<string> Sources(string folder) =>
        Directory.EnumerateFiles(Path.Combine(Root, folder), "*.cs", SearchOption.AllDirectories)
            .Where(file => !file.Contains("/obj/", StringComparison.Ordinal) && !file.Contains("/bin/", StringComparison.Ordinal));

    private static string Find(string directory) =>
        File.Exists(Path.Combine(directory, "Lockstep.slnx"))
            ? directory
            : Find(Path.GetDirectoryName(directory.TrimEnd('/')) ?? throw new InvalidOperationException("The tests run outside of their checkout."));
}
