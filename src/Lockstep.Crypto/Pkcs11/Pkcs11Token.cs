using System.Collections.Concurrent;
using System.Globalization;
using System.Text;

namespace Lockstep.Crypto.Pkcs11;

/// <summary>A token that we are logged in to: its sessions and keys. A session serves one thread at a time, so there is a pool of them.</summary>
/// <remarks>A wrong PIN is tried once in the life of the process: a token locks itself after a few.</remarks>
internal sealed class Pkcs11Token(Pkcs11Options options)
{
    private readonly Lock gate = new();
    private readonly ConcurrentBag<Session> idle = [];
    private Cryptoki? module;
    private KeyTrouble? wrongPin;

    /// <summary>Runs one operation in a session of its own.</summary>
    /// <param name="label">Of the key.</param>
    /// <returns>The module's code, or why it could not be asked.</returns>
    public (nuint Code, KeyTrouble? Trouble) Use(string label, Func<Cryptoki, nuint, nuint, nuint> operation)
    {
        if (!idle.TryTake(out var session))
        {
            lock (gate)
            {
                (session, var trouble) = Open();
                if (trouble is not null)
                    return (0, trouble);
            }
        }
        if (Key(session!, label) is not { } key)
        {
            idle.Add(session!);
            return (0, Refused($"The token has no AES key, or several, with the label '{label}'. Make one there, or name another in LOCKSTEP_PKCS11_KEY."));
        }
        var code = operation(module!, session!.Handle, key);
        if (code is Cryptoki.Ok or Cryptoki.EncryptedDataInvalid or Cryptoki.EncryptedDataLengthRange or Cryptoki.GeneralError or Cryptoki.FunctionFailed)
            idle.Add(session);
        else
            Forget(session);
        return (code, null);
    }

    public static KeyTrouble Away(nuint code) => new(KeyTroubleKind.Away, string.Create(CultureInfo.InvariantCulture, $"The hardware module answers code 0x{(ulong)code:X}."));

    private static KeyTrouble Refused(string reason) => new(KeyTroubleKind.Refused, reason);

    private (Session?, KeyTrouble?) Open()
    {
        if (wrongPin is not null)
            return (null, wrongPin);
        module ??= Cryptoki.Load(options.Module);
        if (module is null)
            return (null, Refused("LOCKSTEP_PKCS11_MODULE names no library that can be loaded as a PKCS #11 module."));
        if (module.Slot(options.Token) is not { } slot)
            return (null, Refused($"The hardware module has no token with the label '{options.Token}'. Put it in, or name another in LOCKSTEP_PKCS11_TOKEN."));
        var code = module.OpenSession(slot, out var handle);
        if (code != Cryptoki.Ok)
            return (null, Away(code));
        var pin = options.Pin.RevealBytes();
        try
        {
            code = module.Login(handle, pin);
        }
        finally
        {
            Primitives.Clear(pin);
        }
        if (code is Cryptoki.Ok or Cryptoki.UserAlreadyLoggedIn)
            return (new Session(handle), null);
        module.CloseSession(handle);
        if (code is not (Cryptoki.PinIncorrect or Cryptoki.PinLocked))
            return (null, Away(code));
        wrongPin = Refused(code == Cryptoki.PinLocked
            ? "The token is locked after too many wrong PINs; its security officer unlocks it."
            : "The token refuses the PIN of LOCKSTEP_PKCS11_PIN. It is not tried again before a restart, so that the token does not lock itself.");
        return (null, wrongPin);
    }

    private nuint? Key(Session session, string label)
    {
        if (!session.Keys.TryGetValue(label, out var key) && module!.FindKey(session.Handle, Encoding.UTF8.GetBytes(label)) is { } found)
            session.Keys[label] = key = found;
        return key == 0 ? null : key;
    }

    private void Forget(Session session)
    {
        module!.CloseSession(session.Handle);
        // A token that was taken out ends all its sessions.
        while (idle.TryTake(out var other))
            module.CloseSession(other.Handle);
    }

    private sealed class Session(nuint handle)
    {
        public nuint Handle => handle;

        /// <summary>Handles by label; 0 is none (PKCS #11, section 3.2).</summary>
        public Dictionary<string, nuint> Keys { get; } = [];
    }
}
