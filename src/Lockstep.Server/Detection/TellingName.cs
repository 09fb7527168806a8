namespace Lockstep.Server.Detection;

/// <summary>Whether a member's name says that its value is secret.</summary>
internal static class TellingName
{
    /// <summary>What names of secrets end with, without case and separators: <c>stripeApiKey</c>, <c>client-secret</c>.</summary>
    private static readonly string[] Endings =
    [
        "password", "passwd", "passwort", "passphrase", "passcode", "pwd", "pass", "pw",
        "secret", "secrets", "clientsecret", "appsecret", "sharedsecret",
        "apikey", "apikeys", "accesskey", "secretkey", "privatekey", "signingkey", "encryptionkey", "decryptionkey", "masterkey", "authkey",
        "accountkey", "sharedkey", "sessionkey", "servicekey", "servicerolekey", "adminkey", "hmackey", "storagekey", "webhookkey", "sshkey", "licensekey",
        "apisecret", "token", "tokens", "pat", "credential", "credentials", "authorization", "connectionstring", "bearer",
    ];

    /// <summary>Tokens, and words that end alike, that are no secrets.</summary>
    private static readonly string[] Harmless =
    [
        "synctoken", "pagetoken", "nexttoken", "cursortoken", "continuationtoken", "changetoken", "idempotencytoken", "previoustoken", "resumetoken",
        "maxtokens", "mintokens", "prompttokens", "completiontokens", "totaltokens", "inputtokens", "outputtokens", "numtokens", "bypass", "compass",
        "hidepassword", "showpassword", "forgotpassword", "haspassword", "requirepassword", "format", "repeat", "spat", "compat", "whatsapp",
    ];

    public static bool Is(string name)
    {
        Span<char> compact = stackalloc char[64];
        var length = 0;
        // The end decides; a longer name keeps its end.
        for (var i = name.Length - 1; i >= 0 && length < compact.Length; i--)
        {
            if (char.IsAsciiLetter(name[i]))
                compact[compact.Length - ++length] = char.ToLowerInvariant(name[i]);
        }
        var word = compact[^length..];
        foreach (var harmless in Harmless)
        {
            if (word.EndsWith(harmless, StringComparison.Ordinal))
                return false;
        }
        foreach (var ending in Endings)
        {
            if (word.EndsWith(ending, StringComparison.Ordinal) && (ending.Length > 4 || StandsAlone(name, ending, word)))
                return true;
        }
        return false;
    }

    /// <summary>A short ending is a word of its own: <c>user_pw</c>, <c>dbPass</c>, not <c>compass</c>.</summary>
    private static bool StandsAlone(string name, string ending, ReadOnlySpan<char> word)
    {
        if (word.Length == ending.Length)
            return true;
        var start = name.TrimEnd().Length - ending.Length;
        return start > 0
            && name.AsSpan(start).StartsWith(ending, StringComparison.OrdinalIgnoreCase)
            && (!char.IsAsciiLetter(name[start - 1]) || (char.IsUpper(name[start]) && char.IsLower(name[start - 1])));
    }
}
