using System.Runtime.InteropServices;

namespace Lockstep.Server.Postgres.Embedded;

/// <summary>The calls of the C library that .NET has no method for.</summary>
internal static partial class Libc
{
    public const int SigInt = 2;
    public const int SigQuit = 3;
    public const int SigKill = 9;

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static extern int KillCore(int pid, int signal);

    [DllImport("libc", EntryPoint = "chown", SetLastError = true)]
    private static extern int ChownCore([MarshalAs(UnmanagedType.LPUTF8Str)] string path, uint uid, uint gid);

    /// <returns>False when no such process is there, or it is not ours to signal.</returns>
    public static bool Kill(int pid, int signal) => KillCore(pid, signal) == 0;

    /// <exception cref="IOException">The file system refuses.</exception>
    public static void Chown(string path, uint uid, uint gid)
    {
        if (ChownCore(path, uid, gid) != 0)
            throw new IOException($"could not give {path} to user {uid}: {Marshal.GetLastPInvokeErrorMessage()}");
    }
}
