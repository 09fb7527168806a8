using System.Runtime.InteropServices;

namespace Lockstep.Server.Tenancy.Jwt;

/// <summary>The part of OpenSSL's libcrypto that checks Ed25519, which the framework does not offer (EVP_DigestVerify(3),
/// EVP_PKEY_new_raw_public_key(3), OpenSSL 1.1.1 and later).</summary>
internal sealed class Libcrypto
{
    public const int Ed25519PublicKeyBytes = 32;
    private const int Ed25519SignatureBytes = 64;
    private const int EvpPkeyEd25519 = 1087;

    private static readonly Lazy<(Libcrypto? Library, string? Problem)> Loaded = new(() => (Load(Names, out var problem), problem));

    private readonly NewRawPublicKey newRawPublicKey;
    private readonly Free freeKey;
    private readonly NewContext newContext;
    private readonly Free freeContext;
    private readonly DigestVerifyInit digestVerifyInit;
    private readonly DigestVerify digestVerify;
    private readonly ClearErrors clearErrors;

    private Libcrypto(nint library)
    {
        newRawPublicKey = Function<NewRawPublicKey>(library, "EVP_PKEY_new_raw_public_key");
        freeKey = Function<Free>(library, "EVP_PKEY_free");
        newContext = Function<NewContext>(library, "EVP_MD_CTX_new");
        freeContext = Function<Free>(library, "EVP_MD_CTX_free");
        digestVerifyInit = Function<DigestVerifyInit>(library, "EVP_DigestVerifyInit");
        digestVerify = Function<DigestVerify>(library, "EVP_DigestVerify");
        clearErrors = Function<ClearErrors>(library, "ERR_clear_error");
    }

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate nint NewRawPublicKey(int type, nint engine, byte[] key, nuint keyLength);

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate void Free(nint pointer);

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate nint NewContext();

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate int DigestVerifyInit(Handle context, nint keyContext, nint digest, nint engine, Handle key);

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate int DigestVerify(Handle context, byte[] signature, nuint signatureLength, byte[] data, nuint dataLength);

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate void ClearErrors();

    /// <summary>The library of this machine, loaded once; null when it cannot be had.</summary>
    public static Libcrypto? Shared => Loaded.Value.Library;

    /// <summary>Why <see cref="Shared"/> is null, as a sentence for the operator; null when it is there.</summary>
    public static string? Problem => Loaded.Value.Problem;

    // macOS kills a process that loads its unversioned libcrypto, so only the versioned one is asked for there.
    private static string[] Names =>
        OperatingSystem.IsMacOS() ? ["libcrypto.3.dylib"] : ["libcrypto.so.3", "libcrypto.so.1.1", "libcrypto"];

    /// <summary>Loads the first of <paramref name="names"/> that has all the functions.</summary>
    public static Libcrypto? Load(IReadOnlyList<string> names, out string? problem)
    {
        foreach (var name in names)
        {
            if (!NativeLibrary.TryLoad(name, typeof(Libcrypto).Assembly, searchPath: null, out var library))
                continue;
            try
            {
                problem = null;
                return new Libcrypto(library);
            }
            catch (EntryPointNotFoundException)
            {
                NativeLibrary.Free(library);
            }
        }

        problem = $"EdDSA tokens cannot be checked: no OpenSSL 1.1.1 or later was found (tried {string.Join(", ", names)}). "
            + "Install libssl3 and restart; RS256, ES256 and HS256 work without it.";
        return null;
    }

    /// <summary>RFC 8032 section 5.1.7, as OpenSSL does it (S must be below the group order).</summary>
    /// <param name="publicKey">The 32 bytes of RFC 8032 section 5.1.5.</param>
    public bool VerifiesEd25519(byte[] publicKey, byte[] data, byte[] signature)
    {
        // The native code believes the lengths it is told.
        ArgumentOutOfRangeException.ThrowIfNotEqual(publicKey.Length, Ed25519PublicKeyBytes);
        if (signature.Length != Ed25519SignatureBytes)
            return false;
        using var key = new Handle(newRawPublicKey(EvpPkeyEd25519, 0, publicKey, (nuint)publicKey.Length), freeKey);
        using var context = new Handle(newContext(), freeContext);
        var verified = !key.IsInvalid && !context.IsInvalid
            && digestVerifyInit(context, 0, 0, 0, key) == 1
            && digestVerify(context, signature, (nuint)signature.Length, data, (nuint)data.Length) == 1;
        // A failed check leaves its error on this thread, where the framework's own cryptography would find it.
        if (!verified)
            clearErrors();
        return verified;
    }

    private static T Function<T>(nint library, string name)
        where T : Delegate => Marshal.GetDelegateForFunctionPointer<T>(NativeLibrary.GetExport(library, name));

    private sealed class Handle : SafeHandle
    {
        private readonly Free free;

        public Handle(nint pointer, Free free)
            : base(invalidHandleValue: 0, ownsHandle: true)
        {
            this.free = free;
            SetHandle(pointer);
        }

        public override bool IsInvalid => handle == 0;

        protected override bool ReleaseHandle()
        {
            free(handle);
            return true;
        }
    }
}
