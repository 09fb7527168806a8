using Lockstep.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using Lockstep.Crypto;
using Microsoft.FSharp.Core;

namespace Lockstep.Tests.Crypto;

/// <summary>Keys, places and values that the tests of this folder share.</summary>
internal static class CryptoSamples
{
    public static readonly DataKeyName KeyName = new("user:one", Guid.Parse("0198c0de-0000-7000-8000-00000000000a"), 1);

    public static readonly SealContext Place = new("user:one", Guid.Parse("0198c0de-0000-7000-8000-000000000001"), "value", 3);

    /// <summary>Distinct seeds give distinct keys; one seed always the same.</summary>
    public static byte[] KeyBytes(int seed)
    {
        var key = new byte[Primitives.KeyBytes];
        new System.Random(seed).NextBytes(key);
        return key;
    }

    public static DataKey Key(int seed, string tenant = "user:one") =>
        new(KeyName with { Tenant = tenant }, Secret.FromBytes(KeyBytes(seed)));

    public static MasterKey Master(int seed, string id = "k1") => new(id, Secret.FromBytes(KeyBytes(seed)));

    public static string Setting(int seed) => Convert.ToBase64String(KeyBytes(seed));

    /// <summary>Runs a property over 100 cases, the same ones in every run.</summary>
    public static void Holds<T>(Func<T, bool> property, int cases = 100) =>
        Holds(ArbMap.Default.ArbFor<T>(), property, cases);

    public static void Holds<T>(Arbitrary<T> cases, Func<T, bool> property, int count = 100) =>
        Check.One(
            Properties.Config
                .WithQuietOnSuccess(true)
                .WithMaxTest(count),
            Prop.ForAll(cases, property));

    /// <summary>The text with one bit of one decoded part flipped.</summary>
    public static string Flip(string text, int part, int bit)
    {
        var parts = text.Split(':');
        var bytes = Convert.FromBase64String(parts[part]);
        bytes[bit / 8 % bytes.Length] ^= (byte)(1 << (bit % 8));
        parts[part] = Convert.ToBase64String(bytes);
        return string.Join(':', parts);
    }
}
