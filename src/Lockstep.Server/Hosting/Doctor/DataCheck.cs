namespace Lockstep.Server.Hosting.Doctor;

/// <summary>The files of the data directory that hold secrets.</summary>
internal static class DataCheck
{
    private const string Area = "data";

    private const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;

    public static IEnumerable<Diagnosis> Look(Settings settings)
    {
        foreach (var name in new[] { DataDirectoryFiles.MasterKeysFile, DataDirectoryFiles.JwtSecretFile })
        {
            var path = Path.Combine(settings.DataDirectory, name);
            if (!File.Exists(path))
                continue;
            yield return (File.GetUnixFileMode(path) & Others) == 0
                ? Diagnosis.Well(Area, "secret_file", $"{path} is readable by its owner alone.")
                : Diagnosis.Fault(Area, "secret_file_open", $"{path} can be read or written by other users of this machine.", $"chmod 600 '{path}'. If somebody else has an account here, change the secret too: 'lockstep rekey' for master keys.");
        }
    }
}
