using System.Buffers;
using System.Security.Cryptography;
using System.Text;

namespace Lockstep.Server.Tenancy.ApiTokens;

/// <summary>How an API token is written.</summary>
/// <remarks>
/// <code>
/// lks_ + 43 characters of 62 (256 bits) + 6 characters of 62 (the first 32 bits of SHA-256 of what stands before)
/// </code>
/// The prefix lets scanners find one that leaked; the check tells a mistyped one without asking the database. SHA-256 of the whole is what is
/// stored: passwords need a slow hash since people choose them, 256 random bits do not.
/// </remarks>
internal static class ApiTokenText
{
    public const string Prefix = "lks_";
    public const int HintLength = 4;

    private const string Alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    private const int RandomLength = 43;
    private const int CheckLength = 6;
    private const int Length = 4 + RandomLength + CheckLength;

    private static readonly SearchValues<char> Letters = SearchValues.Create(Alphabet);

    public static string New()
    {
        var body = Prefix + RandomNumberGenerator.GetString(Alphabet, RandomLength);
        return body + Check(body);
    }

    /// <summary>Whether it is one, by its looks: says nothing of whether it was ever made here.</summary>
    public static bool IsWellFormed(string token) =>
        token.Length == Length
        && token.StartsWith(Prefix, StringComparison.Ordinal)
        && !token.AsSpan(Prefix.Length).ContainsAnyExcept(Letters)
        && Check(token[..^CheckLength]) == token[^CheckLength..];

    public static byte[] Hash(string token) => SHA256.HashData(Encoding.UTF8.GetBytes(token));

    private static string Check(string body)
    {
        var number = BitConverter.ToUInt32(Hash(body).AsSpan(0, 4));
        return string.Create(CheckLength, number, static (text, rest) =>
        {
            for (var i = text.Length - 1; i >= 0; i--, rest /= 62)
                text[i] = Alphabet[(int)(rest % 62)];
        });
    }
}
