using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Lockstep.Server.Postgres.Embedded;

/// <summary>The root keys of the SQL vault: base64 of 32 bytes a line, newest first. 0600 and the database server's own, outside of its data
/// directory, so that neither a base backup nor a dump has it.</summary>
internal sealed record RootKeyFile(string Path, ClusterUser User)
{
    public const string Name = "vault-root-key";

    private const int KeyBytes = 32;

    public bool Exists => File.Exists(Path);

    /// <summary>That of a data directory, with the owner that it has.</summary>
    /// <exception cref="StartRefusedException">It is not there.</exception>
    public static async Task<RootKeyFile> Of(string dataDirectory, CancellationToken ct)
    {
        var path = System.IO.Path.Combine(ClusterHome.Locate(System.IO.Path.GetFullPath(dataDirectory)), Name);
        if (!File.Exists(path))
            throw new StartRefusedException($"There is no {path}. Start './lockstep serve' once, or put the saved file back.");
        var user = ClusterUser.Choose();
        if (Environment.IsPrivilegedProcess)
        {
            var owner = await Command.RunAsync(Command.PrepareClean(["stat", "-c", "%u", path]), ct);
            user = uint.TryParse(owner.Output.Trim(), CultureInfo.InvariantCulture, out var uid) && ClusterUser.WithUid(uid) is { } found ? found : user;
        }
        return new RootKeyFile(path, user);
    }

    /// <summary>Writes the first key.</summary>
    public void Create() => Write([NewKey()]);

    /// <summary>Puts a new key in front of the others: they still open what they sealed.</summary>
    public void Prepend() => Write([NewKey(), .. Keys()]);

    /// <summary>Keeps the newest key alone, once nothing is sealed by another.</summary>
    public void Prune() => Write([Keys()[0]]);

    private static string NewKey() => Convert.ToBase64String(RandomNumberGenerator.GetBytes(KeyBytes));

    private string[] Keys() => File.ReadAllText(Path).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Whole under another name first, and on disk before it takes the name: a kill leaves the old keys or the new ones.</summary>
    private void Write(IEnumerable<string> keys)
    {
        var draft = $"{Path}.{Environment.ProcessId}";
        File.Delete(draft);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite };
        using (var file = new FileStream(draft, options))
        {
            file.Write(Encoding.ASCII.GetBytes(string.Concat(keys.Select(key => key + "\n"))));
            file.Flush(flushToDisk: true);
        }
        if (User.IsOther)
            Libc.Chown(draft, User.Uid, User.Gid);
        File.Move(draft, Path, overwrite: true);
    }
}
