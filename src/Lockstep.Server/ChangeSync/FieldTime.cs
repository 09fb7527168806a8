using System.Globalization;
using Lockstep.Server.Http;
using NodaTime;
using NodaTime.Text;

namespace Lockstep.Server.ChangeSync;

/// <summary>When a field was written: a hybrid logical clock (Kulkarni et al., 2014), and the client that breaks a tie.</summary>
/// <param name="Clock">48 bits of milliseconds since 1970, then a counter of 16 bits.</param>
/// <param name="ClientId">Compared by UTF-16 code unit, as JavaScript compares strings.</param>
/// <remarks>Text form: RFC 3339 with milliseconds, and when the counter is not 0, <c>-</c> and four hex digits of it.</remarks>
internal readonly record struct FieldTime(ulong Clock, string ClientId) : IComparable<FieldTime>
{
    /// <summary>Everything else is later.</summary>
    public static readonly FieldTime Beginning = new(0, "");

    /// <summary>How far ahead of the server a clock may be before what it stamps is refused.</summary>
    public static readonly Duration LargestLead = Duration.FromMinutes(5);

    private const long LargestMilliseconds = (1L << 48) - 1;

    private static readonly InstantPattern Text = InstantPattern.CreateWithInvariantCulture("uuuu-MM-ddTHH:mm:ss.fff'Z'");

    public long Milliseconds => (long)(Clock >> 16);

    public int Counter => (int)(Clock & 0xFFFF);

    /// <summary>Before 1970 counts as 1970: the past is always accepted.</summary>
    public static FieldTime Of(long milliseconds, int counter, string clientId) =>
        new(((ulong)Math.Clamp(milliseconds, 0, LargestMilliseconds) << 16) | (ushort)counter, clientId);

    public static FieldTime Of(Instant at, string clientId) => Of(at.ToUnixTimeMilliseconds(), 0, clientId);

    /// <returns>Null when the text is neither RFC 3339 nor our form.</returns>
    public static FieldTime? Parse(string text, string clientId)
    {
        var counter = 0;
        var dash = text.LastIndexOf("Z-", StringComparison.Ordinal);
        if (dash >= 0)
        {
            if (text.Length - dash != 6 || !int.TryParse(text.AsSpan(dash + 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out counter))
                return null;
            text = text[..(dash + 1)];
        }
        return Rfc3339.Read(text) is { } at ? Of(at.ToUnixTimeMilliseconds(), counter, clientId) : null;
    }

    /// <summary>Too far ahead of <paramref name="now"/> to be a clock that merely runs fast.</summary>
    public bool IsAheadOf(Instant now) => Milliseconds > (now + LargestLead).ToUnixTimeMilliseconds();

    public int CompareTo(FieldTime other) =>
        Clock != other.Clock ? Clock.CompareTo(other.Clock) : string.CompareOrdinal(ClientId, other.ClientId);

    public static bool operator <(FieldTime left, FieldTime right) => left.CompareTo(right) < 0;

    public static bool operator >(FieldTime left, FieldTime right) => left.CompareTo(right) > 0;

    public static bool operator <=(FieldTime left, FieldTime right) => left.CompareTo(right) <= 0;

    public static bool operator >=(FieldTime left, FieldTime right) => left.CompareTo(right) >= 0;

    /// <summary>Without the counter, for clients that know RFC 3339 only.</summary>
    public string ToRfc3339() => Milliseconds <= 253402300799999
        ? Text.Format(Instant.FromUnixTimeMilliseconds(Milliseconds))
        : "9999-12-31T23:59:59.999Z";

    public override string ToString() => Counter == 0 ? ToRfc3339() : ToRfc3339() + "-" + Counter.ToString("x4", CultureInfo.InvariantCulture);
}
