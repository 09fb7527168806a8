using System.Text;
using Lockstep.Crypto;

namespace Lockstep.Server.Hosting;

/// <summary>The secrets that an embedded installation keeps in its data directory, readable by its owner alone (0600).</summary>
/// <param name="MasterKeys">As <c>LOCKSTEP_MASTER_KEYS</c> is written; null when the file is missing.</param>
/// <param name="JwtSecret">Null when the file is missing.</param>
internal sealed record DataDirectoryFiles(string? MasterKeys, string? JwtSecret)
{
    /// <summary>Whether a token secret was made beside a database that had one: tokens from before are refused.</summary>
    public bool SecretReplaced { get; private init; }

    /// <summary>Whether there is none beside a database that had one.</summary>
    public bool SecretLost { get; private init; }

    public const string MasterKeysFile = "master-keys";
    public const string JwtSecretFile = "jwt-secret";

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Reads them; a new installation gets new ones.</summary>
    /// <param name="owned">Whether the database lives here too. Only then are secrets made, and a master key never beside an existing
    /// cluster: it could not open what is sealed there, and would hide that the right key is missing.</param>
    /// <param name="replaces">Whether a token secret is made anew where it was lost: everybody has to sign in again, which a start says and
    /// nobody should bring about by a command beside it.</param>
    /// <exception cref="StartRefusedException">The directory cannot be made, read or written.</exception>
    public static DataDirectoryFiles Open(string directory, bool owned, bool replaces = false)
    {
        try
        {
            var lost = Directory.Exists(Path.Combine(directory, "postgres")) && !File.Exists(Path.Combine(directory, JwtSecretFile));
            if (owned)
                Prepare(directory, secret: replaces || !lost);
            return new DataDirectoryFiles(Read(directory, MasterKeysFile), Read(directory, JwtSecretFile))
            {
                SecretReplaced = lost && owned && replaces,
                SecretLost = lost && !(owned && replaces),
            };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StartRefusedException(
                $"Cannot use the data directory {directory}: {e.Message} Make it writable for this user, or choose another with --data-dir.", e);
        }
    }

    private static void Prepare(string directory, bool secret)
    {
        // 0711: the unprivileged user of the embedded server passes through, and lists nothing.
        Directory.CreateDirectory(directory, (UnixFileMode)0b111_001_001);
        if (!Directory.Exists(Path.Combine(directory, "postgres")))
        {
            using var key = MasterKey.Generate("local-1");
            using var line = key.RevealSetting();
            WriteNew(directory, MasterKeysFile, line.RevealText());
        }
        if (!secret)
            return;
        using var made = Secret.Random(48);
        WriteNew(directory, JwtSecretFile, Convert.ToBase64String(made.RevealBytes()));
    }

    /// <summary>Written whole under another name first: a kill in between leaves no half key.</summary>
    private static void WriteNew(string directory, string name, string content)
    {
        var path = Path.Combine(directory, name);
        if (File.Exists(path))
            return;
        var draft = $"{path}.{Environment.ProcessId}";
        File.Delete(draft);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = OwnerOnly };
        using (var file = new FileStream(draft, options))
        {
            file.Write(Encoding.UTF8.GetBytes(content + "\n"));
            file.Flush(flushToDisk: true);
        }
        File.Move(draft, path, overwrite: false);
    }

    private static string? Read(string directory, string name)
    {
        var path = Path.Combine(directory, name);
        return File.Exists(path) ? File.ReadAllText(path).Trim() : null;
    }
}
