namespace Lockstep.Server.Hosting;

/// <summary>The names of all settings. One that is mistyped would be left out without a word, and the default taken in its place.</summary>
internal static class SettingNames
{
    private const string Prefix = "LOCKSTEP_";

    /// <summary>What server and commands read.</summary>
    public static IReadOnlySet<string> Known { get; } = new HashSet<string>(StringComparer.Ordinal)
    {
        "LOCKSTEP_URLS", "LOCKSTEP_DATABASE_URL", "LOCKSTEP_APP_DATABASE_URL", "LOCKSTEP_SERVICE_DATABASE_URL", "LOCKSTEP_DIRECT_DATABASE_URL",
        "LOCKSTEP_POSTGRES_BIN", "LOCKSTEP_MASTER_KEYS", "LOCKSTEP_SQL_VAULT_KEY", "LOCKSTEP_SEALING",
        "LOCKSTEP_TRANSIT_ADDR", "LOCKSTEP_TRANSIT_KEY", "LOCKSTEP_TRANSIT_MOUNT", "LOCKSTEP_TRANSIT_NAMESPACE", "LOCKSTEP_TRANSIT_TOKEN", "LOCKSTEP_TRANSIT_TOKEN_FILE",
        "LOCKSTEP_TRANSIT_ROLE_ID", "LOCKSTEP_TRANSIT_SECRET_ID", "LOCKSTEP_TRANSIT_SECRET_ID_FILE", "LOCKSTEP_TRANSIT_AUTH_MOUNT", "LOCKSTEP_TRANSIT_K8S_ROLE",
        "LOCKSTEP_TRANSIT_K8S_TOKEN_FILE", "LOCKSTEP_TRANSIT_TIMEOUT", "LOCKSTEP_TRANSIT_FALLBACK", "LOCKSTEP_TRANSIT_FALLBACK_WRITES", "LOCKSTEP_TRANSIT_FALLBACK_MINUTES",
        "LOCKSTEP_PKCS11_MODULE", "LOCKSTEP_PKCS11_TOKEN", "LOCKSTEP_PKCS11_PIN", "LOCKSTEP_PKCS11_PIN_FILE", "LOCKSTEP_PKCS11_KEY",
        "LOCKSTEP_JWT_SECRET", "LOCKSTEP_JWKS_URL", "LOCKSTEP_JWT_ISSUER", "LOCKSTEP_JWT_AUDIENCE",
        "LOCKSTEP_OUTBOUND_ALLOW", "LOCKSTEP_CORS_ORIGINS", "LOCKSTEP_CONNECT_RETURN", "LOCKSTEP_CONNECT_FRAME", "LOCKSTEP_PUBLIC_URL",
        "LOCKSTEP_RATE_LIMIT", "LOCKSTEP_REVEAL_LIMIT", "LOCKSTEP_BULK_READ_LIMIT", "LOCKSTEP_BULK_READ_WINDOW", "LOCKSTEP_BULK_READ_BLOCK", "LOCKSTEP_REMIND_BEFORE",
        "LOCKSTEP_BOOKING_LIMIT", "LOCKSTEP_PUSH_DELAY", "LOCKSTEP_SYNC_KEEP_DAYS",
        "LOCKSTEP_SYNC_USER_RECORDS", "LOCKSTEP_SYNC_USER_MB", "LOCKSTEP_SYNC_SPACE_RECORDS", "LOCKSTEP_SYNC_SPACE_MB",
        "LOCKSTEP_SERVICE_KEY", "LOCKSTEP_MEMBERSHIPS_URL",
        "LOCKSTEP_URL", "LOCKSTEP_TOKEN", "LOCKSTEP_IMPORT_KEY", "LOCKSTEP_SOURCE_DATABASE_URL",
    };

    /// <summary>Of the variables of an environment, a sentence for each that looks like a setting and is none, in the order of their names.</summary>
    public static IEnumerable<(string Name, string What)> Unknown(IEnumerable<string> environment)
    {
        foreach (var name in environment.Where(IsMeantForUs).Order(StringComparer.Ordinal))
        {
            var near = Known.Select(known => (Known: known, Distance: Distance(name, known))).MinBy(each => each.Distance);
            yield return (name, near.Distance <= 4 ? $"{name} is no setting, and nothing reads it. Is {near.Known} meant?" : $"{name} is no setting, and nothing reads it.");
        }
    }

    /// <summary>Kubernetes gives every container the addresses of its services: LOCKSTEP_SERVICE_HOST and so on, for one called lockstep.</summary>
    private static bool IsMeantForUs(string name) =>
        name.StartsWith(Prefix, StringComparison.Ordinal) && !Known.Contains(name) && !name.StartsWith("LOCKSTEP_TEST_", StringComparison.Ordinal)
        && name is not ("LOCKSTEP_DATA" or "LOCKSTEP_PORT" or "LOCKSTEP_SERVICE_HOST")
        && !name.StartsWith("LOCKSTEP_PORT_", StringComparison.Ordinal) && !name.StartsWith("LOCKSTEP_SERVICE_PORT", StringComparison.Ordinal);

    /// <summary>How many letters have to be put in, taken out or changed (Levenshtein).</summary>
    private static int Distance(string one, string other)
    {
        var row = Enumerable.Range(0, other.Length + 1).ToArray();
        for (var i = 1; i <= one.Length; i++)
        {
            var before = row[0];
            row[0] = i;
            for (var j = 1; j <= other.Length; j++)
            {
                var change = before + (one[i - 1] == other[j - 1] ? 0 : 1);
                before = row[j];
                row[j] = Math.Min(change, Math.Min(row[j], row[j - 1]) + 1);
            }
        }
        return row[^1];
    }
}
