using System.Globalization;
using System.Text;
using Lockstep.Crypto;
using Lockstep.Server.Postgres;
using NodaTime;
using Npgsql;

namespace Lockstep.Server.Activity.Chain;

/// <summary>Where the chain stood and when, signed. Enough by itself to be kept elsewhere and to be checked there.</summary>
/// <param name="Position">The last line that it vouches for, and by its hash all before.</param>
/// <param name="Hash">Hexadecimal, small letters.</param>
/// <param name="MadeAt">To the microsecond.</param>
/// <param name="KeyId">Says which key signed.</param>
/// <param name="PublicKey">SubjectPublicKeyInfo, base64. Believe it only if it is the one you kept.</param>
/// <param name="Signature">ECDSA P-256 with SHA-256 over <see cref="Message"/>, r and s, base64.</param>
internal sealed record Checkpoint(long Position, string Hash, Instant MadeAt, string KeyId, string PublicKey, string Signature)
{
    /// <summary>What the keys of checkpoints are derived for.</summary>
    public const string Purpose = "audit-checkpoint";

    public static Checkpoint Sign(SigningKey key, long position, byte[] hash, Instant at)
    {
        // As the database keeps it.
        var made = Instant.FromUnixTimeTicks(at.ToUnixTimeTicks() / 10 * 10);
        var text = Convert.ToHexStringLower(hash);
        return new(
            position, text, made, key.KeyId, Convert.ToBase64String(key.PublicKey),
            Convert.ToBase64String(key.Sign(Message(position, text, made, key.KeyId))));
    }

    /// <summary>Whether the key it names has signed it. Whose key that is, is another question.</summary>
    public bool IsSigned()
    {
        try
        {
            var key = Convert.FromBase64String(PublicKey);
            return SigningKey.IdOf(key) == KeyId
                && SigningKey.Verify(key, Message(Position, Hash, MadeAt, KeyId), Convert.FromBase64String(Signature));
        }
        catch (FormatException)
        {
            return false;
        }
    }

    /// <summary>Five lines, each ended by a line feed: format, position, hash, microseconds since 1970, key id.</summary>
    private static byte[] Message(long position, string hash, Instant at, string keyId) => Encoding.UTF8.GetBytes(string.Create(
        CultureInfo.InvariantCulture, $"lockstep/audit-checkpoint/v1\n{position}\n{hash}\n{at.ToUnixTimeTicks() / 10}\n{keyId}\n"));

    public static readonly Func<NpgsqlDataReader, Checkpoint> Read = row => new(
        row.GetInt64(0), Convert.ToHexStringLower(row.GetBytes(1)), row.GetInstant(2), row.GetString(3),
        Convert.ToBase64String(row.GetBytes(4)), Convert.ToBase64String(row.GetBytes(5)));

    /// <summary>Oldest first.</summary>
    /// <param name="after">A position; 0 for all.</param>
    public static Statement List(long after, int limit) => new(
        """
        SELECT c.position, c.hash, c.made_at, c.key_id, k.public_key, c.signature
        FROM   lockstep.activity_checkpoints c
        JOIN   lockstep.audit_keys k ON k.key_id = c.key_id
        WHERE  c.position > $1
        ORDER  BY c.position
        LIMIT  $2
        """,
        after, limit);

    public static Statement Newest() => new(
        """
        SELECT c.position, c.hash, c.made_at, c.key_id, k.public_key, c.signature
        FROM   lockstep.activity_checkpoints c
        JOIN   lockstep.audit_keys k ON k.key_id = c.key_id
        ORDER  BY c.position DESC
        LIMIT  1
        """);
}
