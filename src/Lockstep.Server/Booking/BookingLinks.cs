using System.Buffers.Text;
using System.Security.Cryptography;
using NodaTime;

namespace Lockstep.Server.Booking;

/// <summary>What a visitor holds instead of an account: signed links to bookings, and signed keys of forms.</summary>
/// <remarks>
/// Both are base64url of an id and HMAC-SHA256 over purpose and id, cut to 16 bytes, under the owner's key. Who has the link has the booking, as with any
/// link in an invitation; who only knows an id has nothing.
/// </remarks>
internal static class BookingLinks
{
    /// <summary>A form that was fetched longer ago than this is drawn anew before it is taken.</summary>
    public static readonly Duration FormLife = Duration.FromHours(12);

    private const int IdSize = 16;
    private const int TagSize = 16;

    public static string Link(Guid booking, byte[] key) => Write("lockstep/booking/link/v1"u8, booking, key);

    public static string Form(byte[] key, DateTimeOffset now) => Write("lockstep/booking/form/v1"u8, Guid.CreateVersion7(now), key);

    /// <summary>Whose link this claims to be; not to be believed before <see cref="IsLink"/>.</summary>
    public static Guid? Id(string text) => text.Length == 43 && Base64Url.IsValid(text) && Base64Url.DecodeFromChars(text) is { Length: IdSize + TagSize } bytes
        ? new Guid(bytes.AsSpan(0, IdSize), bigEndian: true)
        : null;

    public static bool IsLink(string text, byte[] key) => Is("lockstep/booking/link/v1"u8, text, key);

    /// <returns>The form's id; null for one that was not made here, or too long ago.</returns>
    public static Guid? ReadForm(string text, byte[] key, Instant now)
    {
        if (Id(text) is not { } id || !Is("lockstep/booking/form/v1"u8, text, key))
            return null;
        // RFC 9562 section 5.7: the first 48 bits are the milliseconds at which it was made.
        Span<byte> bytes = stackalloc byte[IdSize];
        id.TryWriteBytes(bytes, bigEndian: true, out _);
        long milliseconds = 0;
        for (var i = 0; i < 6; i++)
            milliseconds = (milliseconds << 8) | bytes[i];
        return now - Instant.FromUnixTimeMilliseconds(milliseconds) <= FormLife ? id : null;
    }

    private static string Write(ReadOnlySpan<byte> purpose, Guid id, byte[] key)
    {
        var bytes = id.ToByteArray(bigEndian: true);
        return Base64Url.EncodeToString([.. bytes, .. Tag(purpose, bytes, key)]);
    }

    private static bool Is(ReadOnlySpan<byte> purpose, string text, byte[] key)
    {
        if (Id(text) is null)
            return false;
        var bytes = Base64Url.DecodeFromChars(text);
        return CryptographicOperations.FixedTimeEquals(Tag(purpose, bytes.AsSpan(0, IdSize), key), bytes.AsSpan(IdSize));
    }

    private static byte[] Tag(ReadOnlySpan<byte> purpose, ReadOnlySpan<byte> id, byte[] key)
    {
        byte[] signed = [.. purpose, 0, .. id];
        return HMACSHA256.HashData(key, signed)[..TagSize];
    }
}
