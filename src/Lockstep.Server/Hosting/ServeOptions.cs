namespace Lockstep.Server.Hosting;

/// <summary>What the command line says about a start.</summary>
/// <param name="Urls">Where to listen, several separated by ';'; null listens on <see cref="DefaultUrl"/>.</param>
/// <param name="DataDirectory">Holds the embedded cluster, its keys and its JWT secret; null is <c>./.lockstep</c>.</param>
/// <param name="Database">The migrator's login on a server of the user's; null starts the embedded one.</param>
internal sealed record ServeOptions(string? Urls, string? DataDirectory, string? Database)
{
    public const string DefaultUrl = "http://127.0.0.1:5080";
    public const string DefaultDataDirectory = ".lockstep";
}
