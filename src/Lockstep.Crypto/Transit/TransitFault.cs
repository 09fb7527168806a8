namespace Lockstep.Crypto.Transit;

/// <summary>What a refusal of the server means, by the documented statuses and error texts; there are no error codes.</summary>
internal static class TransitFault
{
    // 400 is the server's answer to nearly everything. These are what a changed, moved or foreign ciphertext gives.
    private static readonly string[] OfCiphertext =
        ["invalid ciphertext", "message authentication failed", "unable to decrypt", "illegal base64", "base64-decode", "ciphertext or signature"];

    // These are the operator's.
    private static readonly string[] OfKey =
        ["encryption key not found", "version is too new", "too old", "disallowed by policy", "no longer valid", "unsupported operation"];

    /// <summary>Whether the ciphertext was changed, moved, or made by another key.</summary>
    public static bool IsDamage(int status, IReadOnlyList<string> errors) => status is 400 && errors.Any(IsDamage);

    /// <summary>The text of an item of a batch, or of a whole answer.</summary>
    public static bool IsDamage(string error) =>
        !OfKey.Any(text => error.Contains(text, StringComparison.OrdinalIgnoreCase))
        && OfCiphertext.Any(text => error.Contains(text, StringComparison.OrdinalIgnoreCase));

    public static KeyTrouble Of(TransitReply reply) => reply switch
    {
        TransitReply.Nothing nothing => new KeyTrouble(KeyTroubleKind.Away, $"Transit is not there: {nothing.Reason}"),
        TransitReply.Unsigned unsigned => unsigned.Trouble,
        TransitReply.Answer answer => Of(answer),
        _ => throw new InvalidOperationException("An unknown kind of reply."),
    };

    private static KeyTrouble Of(TransitReply.Answer answer) => answer.Status switch
    {
        503 when answer.Errors.Any(error => error.Contains("sealed", StringComparison.OrdinalIgnoreCase)) =>
            new KeyTrouble(KeyTroubleKind.Away, "Transit is sealed (503).", answer.RetryAfter),
        429 => new KeyTrouble(KeyTroubleKind.Away, "Transit takes no more requests for now (429).", answer.RetryAfter),
        // 412: a standby that has not caught up yet.
        412 or >= 500 => new KeyTrouble(KeyTroubleKind.Away, $"Transit answers {answer.Status}.", answer.RetryAfter),
        403 => Refused("Transit refuses our token (403): it is expired, or its policy does not allow this key."),
        404 or 405 => Refused($"Transit does not know the path ({answer.Status}): is the mount right?"),
        413 => Refused("Transit does not take so large a request (413)."),
        >= 300 and < 400 => Refused($"Transit redirects ({answer.Status}); give the address of the active node."),
        _ => Refused($"Transit answers {answer.Status}{Known(answer.Errors)}."),
    };

    /// <summary>Only texts that we know: another could quote what we sent.</summary>
    private static string Known(IReadOnlyList<string> errors)
    {
        var known = OfKey.FirstOrDefault(text => errors.Any(error => error.Contains(text, StringComparison.OrdinalIgnoreCase)));
        return known is null ? "" : $" ({known})";
    }

    private static KeyTrouble Refused(string reason) => new(KeyTroubleKind.Refused, reason);
}
