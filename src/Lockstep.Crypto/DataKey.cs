namespace Lockstep.Crypto;

/// <summary>
/// The 32-byte key under which the values of one tenant are sealed. It is stored only wrapped (<see cref="WrappedKey"/>); destroying every
/// wrapped copy shreds the tenant's values. May be cached and used by several threads; using it after <see cref="Dispose"/> throws.
/// </summary>
public sealed class DataKey : IDisposable
{
    internal DataKey(DataKeyName name, Secret key)
    {
        Name = name;
        Key = key;
    }

    public DataKeyName Name { get; }

    /// <summary>As in <see cref="SealContext.Tenant"/>.</summary>
    public string Tenant => Name.Tenant;

    internal Secret Key { get; }

    /// <summary>A new random key. Wrap and store it before anything is sealed with it.</summary>
    public static DataKey Generate(DataKeyName name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return new DataKey(name, Secret.Random(Primitives.KeyBytes));
    }

    public void Dispose() => Key.Dispose();
}
