using System.Diagnostics;
using System.Runtime.InteropServices;
using Lockstep.Crypto;
using Lockstep.Crypto.Pkcs11;
using Shouldly;
using Xunit;

[assembly: AssemblyFixture(typeof(Lockstep.Tests.Support.SoftHsm))]

namespace Lockstep.Tests.Support;

/// <summary>A software HSM (SoftHSM 2) with the tokens 'lockstep' (keys k1 and k2, and two with the label twice) and 'other', in a directory of its own.</summary>
/// <remarks>One for all tests: the module reads its configuration once in a process.</remarks>
public sealed class SoftHsm : IDisposable
{
    private const string TokenPin = "56789";

    private readonly Lazy<string> module;
    private string? directory;

    public SoftHsm() => module = new Lazy<string>(Make);

    internal Pkcs11Options Options(params string[] keys) => new(module.Value, "lockstep", Secret.FromText(TokenPin), keys);

    internal Pkcs11Options With(string? token = null, string? pin = null) =>
        Options("k1") with { Token = token ?? "lockstep", Pin = Secret.FromText(pin ?? TokenPin) };

    public void Dispose()
    {
        if (directory is not null)
            Directory.Delete(directory, recursive: true);
    }

    private string Make()
    {
        directory = Directory.CreateTempSubdirectory("lockstep-hsm-").FullName;
        Directory.CreateDirectory(Path.Combine(directory, "tokens"));
        var configuration = Path.Combine(directory, "softhsm2.conf");
        File.WriteAllText(configuration, $"directories.tokendir = {directory}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n");
        // The library reads the process's real environment, of which .NET keeps a copy.
        var libc = NativeLibrary.GetMainProgramHandle();
        Marshal.GetDelegateForFunctionPointer<SetEnvironment>(NativeLibrary.GetExport(libc, "setenv"))("SOFTHSM2_CONF", configuration, 1).ShouldBe(0);
        var library = new[] { "/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so", "/usr/local/lib/softhsm/libsofthsm2.so" }.First(File.Exists);
        foreach (var token in new[] { "lockstep", "other" })
            Run(configuration, "softhsm2-util", "--init-token", "--free", "--label", token, "--so-pin", "12345678", "--pin", TokenPin);
        foreach (var (label, type) in new[] { ("k1", "AES:32"), ("k2", "AES:32"), ("twice", "AES:32"), ("twice", "AES:32") })
            Run(configuration, "pkcs11-tool", "--module", library, "--token-label", "lockstep", "--login", "--pin", TokenPin, "--keygen", "--key-type", type, "--label", label);
        return library;
    }

    private static void Run(string configuration, string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["SOFTHSM2_CONF"] = configuration;
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        process.StandardOutput.ReadToEnd();
        process.WaitForExit(30_000).ShouldBeTrue(program);
        process.ExitCode.ShouldBe(0, $"{program}: {errors.Result}");
    }

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate int SetEnvironment(
        [MarshalAs(UnmanagedType.LPUTF8Str)] string name, [MarshalAs(UnmanagedType.LPUTF8Str)] string value, int overwrite);
}
