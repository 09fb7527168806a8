using System.Globalization;
using FsCheck;

namespace Lockstep.Tests.Support;

/// <summary>How property tests draw their cases: the same ones each run, so that a red run is the change's doing.</summary>
/// <remarks>LOCKSTEP_TEST_SEED=N draws others; a failure prints the seed that found it.</remarks>
internal static class Properties
{
    private static readonly ulong Seed =
        ulong.TryParse(Environment.GetEnvironmentVariable("LOCKSTEP_TEST_SEED"), CultureInfo.InvariantCulture, out var seed) ? seed : 20_26;

    public static Config Config { get; } = FsCheck.Config.QuickThrowOnFailure.WithReplay(Seed, (Seed << 1) | 1);
}
