namespace Lockstep.Crypto;

/// <summary>
/// Seals one value to one place (<see cref="SealContext"/>) under the data key of its tenant. The text is <c>iv:authTag:encrypted</c>;
/// <see cref="CommittingAead"/> draws the layout. The length of the value can be read off the text; nothing else can.
/// </summary>
public static class SealedValue
{
    /// <summary>The name of this format, authenticated with every value; a change of layout gets another.</summary>
    public const string Format = "lockstep/sealed-value/v1";

    /// <summary>1 MiB: what a credential may measure at most, in bytes.</summary>
    public const int MaxBytes = 1 << 20;

    /// <summary>Sealing one value twice gives two texts.</summary>
    /// <exception cref="ArgumentException">The context names another tenant than the key does, or the value is longer than <see cref="MaxBytes"/>.</exception>
    public static string Seal(DataKey key, SealContext context, Secret value)
    {
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(value);
        if (key.Tenant != context.Tenant)
            throw new ArgumentException("The data key belongs to another tenant than the value.", nameof(key));
        if (value.Length > MaxBytes)
            throw new ArgumentException($"The value has {value.Length} bytes; at most {MaxBytes} can be sealed.", nameof(value));

        var plaintext = Secret.NewBuffer(value.Length);
        try
        {
            value.RevealTo(plaintext);
            return CommittingAead.Seal(key.Key, Bind(context), plaintext);
        }
        finally
        {
            Primitives.Clear(plaintext);
        }
    }

    /// <returns>The value, which the caller disposes; or null. Why it does not open is not told, so that nobody can learn from trying.</returns>
    public static Secret? Open(DataKey key, SealContext context, string text)
    {
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(text);
        return key.Tenant == context.Tenant ? CommittingAead.Open(key.Key, Bind(context), text) : null;
    }

    internal static Binding Bind(SealContext context) =>
        new Binding(Format).Add(context.Tenant).Add(context.EntityId).Add(context.Field).Add(context.Version);
}
