using System.Runtime.InteropServices;

namespace Lockstep.Crypto.Pkcs11;

/// <summary>The calls of PKCS #11 2.40 (OASIS) that we make, through the module's function list. Codes are the standard's.</summary>
/// <remarks>
/// Layouts are those of 64-bit Unix, where CK_ULONG is the machine word. A module is initialized once in a process and never ended: other parts of
/// the process may use it too.
/// </remarks>
internal sealed unsafe class Cryptoki
{
    public const nuint Ok = 0;
    public const nuint GeneralError = 0x05;
    public const nuint FunctionFailed = 0x06;
    public const nuint EncryptedDataInvalid = 0x40;
    public const nuint EncryptedDataLengthRange = 0x41;
    public const nuint PinIncorrect = 0xA0;
    public const nuint PinLocked = 0xA4;
    public const nuint UserAlreadyLoggedIn = 0x100;

    private const nuint AlreadyInitialized = 0x191;
    private const nuint OsLocking = 2;
    private const nuint SerialSession = 4;
    private const nuint User = 1;
    private const nuint AesGcm = 0x1087;
    private const nuint AttributeClass = 0x000;
    private const nuint AttributeLabel = 0x003;
    private const nuint AttributeKeyType = 0x100;
    private const nuint SecretKey = 4;
    private const nuint AesKey = 0x1F;

    /// <summary>CK_VERSION, padded to a word, and then the functions in the order of the standard.</summary>
    private readonly nint* functions;

    private Cryptoki(nint* functions) => this.functions = functions;

    /// <returns>Null when the library cannot be loaded or is no PKCS #11 module.</returns>
    public static Cryptoki? Load(string path)
    {
        if (!NativeLibrary.TryLoad(path, out var library) || !NativeLibrary.TryGetExport(library, "C_GetFunctionList", out var entry))
            return null;
        nint* list;
        if (((delegate* unmanaged<nint**, nuint>)entry)(&list) != Ok || list is null)
            return null;
        var module = new Cryptoki(list + 1);
        var arguments = stackalloc nuint[6];
        arguments[4] = OsLocking;
        var result = ((delegate* unmanaged<nuint*, nuint>)module.functions[0])(arguments);
        return result is Ok or AlreadyInitialized ? module : null;
    }

    /// <summary>The slot whose token has this label (32 bytes, padded with blanks); null without one.</summary>
    public nuint? Slot(string label)
    {
        nuint count = 0;
        var list = (delegate* unmanaged<byte, nuint*, nuint*, nuint>)functions[4];
        if (list(1, null, &count) != Ok || count == 0)
            return null;
        var slots = new nuint[count];
        fixed (nuint* first = slots)
        {
            if (list(1, first, &count) != Ok)
                return null;
        }
        // CK_TOKEN_INFO begins with the label and is well below this size.
        var info = stackalloc byte[512];
        foreach (var slot in slots.AsSpan(0, (int)Math.Min(count, (nuint)slots.Length)))
        {
            if (((delegate* unmanaged<nuint, byte*, nuint>)functions[6])(slot, info) == Ok
                && System.Text.Encoding.UTF8.GetString(info, 32).TrimEnd(' ') == label)
                return slot;
        }
        return null;
    }

    public nuint OpenSession(nuint slot, out nuint session)
    {
        nuint opened = 0;
        var result = ((delegate* unmanaged<nuint, nuint, void*, void*, nuint*, nuint>)functions[12])(slot, SerialSession, null, null, &opened);
        session = opened;
        return result;
    }

    public void CloseSession(nuint session) => ((delegate* unmanaged<nuint, nuint>)functions[13])(session);

    public nuint Login(nuint session, ReadOnlySpan<byte> pin)
    {
        fixed (byte* text = pin)
            return ((delegate* unmanaged<nuint, nuint, byte*, nuint, nuint>)functions[18])(session, User, text, (nuint)pin.Length);
    }

    /// <summary>The AES key of this label; null when there is none, or several.</summary>
    public nuint? FindKey(nuint session, ReadOnlySpan<byte> label)
    {
        nuint type = SecretKey, kind = AesKey;
        fixed (byte* text = label)
        {
            var template = stackalloc Attribute[3];
            template[0] = new(AttributeClass, &type, (nuint)sizeof(nuint));
            template[1] = new(AttributeKeyType, &kind, (nuint)sizeof(nuint));
            template[2] = new(AttributeLabel, text, (nuint)label.Length);
            if (((delegate* unmanaged<nuint, Attribute*, nuint, nuint>)functions[26])(session, template, 3) != Ok)
                return null;
        }
        var found = stackalloc nuint[2];
        nuint count = 0;
        var result = ((delegate* unmanaged<nuint, nuint*, nuint, nuint*, nuint>)functions[27])(session, found, 2, &count);
        ((delegate* unmanaged<nuint, nuint>)functions[28])(session);
        return result == Ok && count == 1 ? found[0] : null;
    }

    /// <param name="nonce">Ours; a module that insists on its own writes it here.</param>
    /// <param name="output">Ciphertext and tag.</param>
    public nuint Encrypt(nuint session, nuint key, Span<byte> nonce, ReadOnlySpan<byte> associated, ReadOnlySpan<byte> input, Span<byte> output) =>
        Run(29, session, key, nonce, associated, input, output);

    /// <param name="input">Ciphertext and tag.</param>
    public nuint Decrypt(nuint session, nuint key, Span<byte> nonce, ReadOnlySpan<byte> associated, ReadOnlySpan<byte> input, Span<byte> output) =>
        Run(33, session, key, nonce, associated, input, output);

    /// <summary>...Init, and then the single-part function that follows it in the list.</summary>
    private nuint Run(int init, nuint session, nuint key, Span<byte> nonce, ReadOnlySpan<byte> associated, ReadOnlySpan<byte> input, Span<byte> output)
    {
        // Some modules write a little more than they report, though never more than the input and a block.
        Span<byte> room = stackalloc byte[input.Length + 32];
        try
        {
            fixed (byte* iv = nonce, aad = associated, data = input, result = room)
            {
                var parameters = new GcmParameters(iv, (nuint)nonce.Length, (nuint)nonce.Length * 8, aad, (nuint)associated.Length, Primitives.TagBytes * 8);
                var mechanism = new Mechanism(AesGcm, &parameters, (nuint)sizeof(GcmParameters));
                var code = ((delegate* unmanaged<nuint, Mechanism*, nuint, nuint>)functions[init])(session, &mechanism, key);
                if (code != Ok)
                    return code;
                var length = (nuint)room.Length;
                code = ((delegate* unmanaged<nuint, byte*, nuint, byte*, nuint*, nuint>)functions[init + 1])(session, data, (nuint)input.Length, result, &length);
                if (code == Ok && length != (nuint)output.Length)
                    return FunctionFailed;
                if (code == Ok)
                    room[..output.Length].CopyTo(output);
                return code;
            }
        }
        finally
        {
            Primitives.Clear(room);
        }
    }

    private readonly struct Attribute(nuint type, void* value, nuint length)
    {
        public readonly nuint Type = type;
        public readonly void* Value = value;
        public readonly nuint Length = length;
    }

    private readonly struct Mechanism(nuint type, void* parameter, nuint length)
    {
        public readonly nuint Type = type;
        public readonly void* Parameter = parameter;
        public readonly nuint Length = length;
    }

    private readonly struct GcmParameters(byte* iv, nuint ivLength, nuint ivBits, byte* aad, nuint aadLength, nuint tagBits)
    {
        public readonly byte* Iv = iv;
        public readonly nuint IvLength = ivLength;
        public readonly nuint IvBits = ivBits;
        public readonly byte* Aad = aad;
        public readonly nuint AadLength = aadLength;
        public readonly nuint TagBits = tagBits;
    }
}
