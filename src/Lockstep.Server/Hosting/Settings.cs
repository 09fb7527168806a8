using System.Collections.Frozen;
using System.Globalization;
using System.Text;
using Lockstep.Crypto;
using Lockstep.Server.Booking;
using Lockstep.Server.ChangeSync.Keeping;
using Lockstep.Server.ChangeSync.Quotas;
using Lockstep.Server.Integrations.Connecting;
using Lockstep.Server.Outbound;
using Lockstep.Server.Tenancy.Jwt;
using Lockstep.Server.Tenancy.Memberships;
using Lockstep.Server.Vault.Reminders;
using Lockstep.Server.Vault.Reveals;
using Lockstep.Server.Vault.Keys;

namespace Lockstep.Server.Hosting;

/// <summary>Everything that the environment and the command line say, read and checked once.</summary>
/// <param name="Keys">Null: the vault starts locked.</param>
/// <param name="RateLimit">Requests a second and caller, with bursts of ten times as many.</param>
/// <param name="RevealLimit">Reveals an hour and actor.</param>
internal sealed record Settings(
    IReadOnlyList<string> Urls,
    string DataDirectory,
    DatabaseAddresses? Database,
    KeyRing? Keys,
    JwtOptions Jwt,
    IReadOnlySet<HostPort> OutboundAllow,
    int RateLimit,
    int RevealLimit)
{
    /// <summary>The root keys of the SQL vault, where they come by a setting of the transaction (docs/sql-vault.md); null otherwise.</summary>
    public string? SqlVaultKey { get; init; }

    /// <inheritdoc cref="DataDirectoryFiles.SecretReplaced"/>
    public bool SecretReplaced { get; init; }

    /// <summary>Transit and the rest; the local ring alone when nothing is set.</summary>
    public KeyProviderOptions KeyProviders { get; init; } = new();

    /// <summary>Origins whose pages may call the API from a browser; none by default.</summary>
    public IReadOnlySet<string> CorsOrigins { get; init; } = FrozenSet<string>.Empty;

    /// <summary>What other services of the operator send to ask for memberships; without one they cannot.</summary>
    public ServiceKey ServiceKey { get; init; } = new(null);

    /// <summary>The clock of this node; no outcome of the change sync hangs on it.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>How long the log of the change sync keeps what was written over and what was deleted.</summary>
    public int SyncKeepDays { get; init; } = KeepingOptions.StandardDays;

    /// <summary>How much each user and each space may hold in the change sync.</summary>
    public QuotaOptions SyncQuotas { get; init; } =
        QuotaOptions.Of(QuotaOptions.StandardUserRecords, QuotaOptions.StandardUserMegabytes, QuotaOptions.StandardSpaceRecords, QuotaOptions.StandardSpaceMegabytes);

    /// <summary>Who says who is in which workspace; null: our own tables.</summary>
    public Uri? MembershipsUrl { get; init; }

    /// <summary>How long an edit waits for others before it is written to its calendar.</summary>
    public TimeSpan PushDelay { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How many forms somebody may send in ten minutes to book, move or cancel, by address.</summary>
    public int BookingLimit { get; init; } = BookingOptions.Standard;

    /// <summary>What other products may do with links to connect an account; nothing by default.</summary>
    public ConnectOptions Connect { get; init; } = new();

    /// <summary>How many different credentials of one owner an actor may reveal in a while.</summary>
    public BulkReadOptions BulkReads { get; init; } = new();

    /// <summary>How many seconds before expiry is reminded.</summary>
    public IReadOnlyList<int> RemindBefore { get; init; } = LeadTime.ParseList(ReminderOptions.Default)!;

    /// <summary>For the server itself: also a token secret that was lost is made anew.</summary>
    /// <exception cref="StartRefusedException">Lists every fault at once, and no value: one may be a secret.</exception>
    public static Settings Load(ServeOptions options, Func<string, string?> environment) => Load(options, environment, Making.Anew);

    /// <summary>For a command beside it: a new installation gets its secrets, and nothing that was lost is replaced.</summary>
    /// <exception cref="StartRefusedException">As for <see cref="Load(ServeOptions, Func{string, string})"/>, or there is no token secret beside a database that was set up with one.</exception>
    public static Settings LoadBeside(ServeOptions options, Func<string, string?> environment) => Load(options, environment, Making.New);

    private static Settings Load(ServeOptions options, Func<string, string?> environment, Making making)
    {
        var faults = new List<string>();
        var settings = Read(options, environment, making, faults);
        return faults.Count == 0
            ? settings
            : throw new StartRefusedException("These settings are wrong:\n" + string.Join("\n", faults.Select(fault => $"  - {fault}")));
    }

    /// <param name="faults">Gets one sentence for each thing that is wrong; what is returned has the default there.</param>
    /// <exception cref="StartRefusedException">The data directory cannot be used.</exception>
    public static Settings Read(ServeOptions options, Func<string, string?> environment, Making making, List<string> faults)
    {
        var directory = Path.GetFullPath(options.DataDirectory ?? ServeOptions.DefaultDataDirectory);
        var database = ReadDatabase(options, environment, faults);
        var files = DataDirectoryFiles.Open(directory, owned: making != Making.Nothing && database is null && faults.Count == 0, replaces: making == Making.Anew);
        if (making == Making.New && database is null && files.SecretLost && environment("LOCKSTEP_JWT_SECRET") is not { Length: > 0 })
            throw new StartRefusedException(SecretLost(directory));
        var settings = new Settings(
            ReadUrls(options.Urls ?? environment("LOCKSTEP_URLS") ?? ServeOptions.DefaultUrl, faults),
            directory,
            database,
            ReadKeys(environment, files, directory, faults),
            ReadJwt(environment, files),
            OutboundAllowList.Parse(environment(OutboundAllowList.Setting), faults),
            ReadNumber(environment, "LOCKSTEP_RATE_LIMIT", 200, 1, 1_000_000, faults),
            ReadNumber(environment, "LOCKSTEP_REVEAL_LIMIT", 600, 1, 10_000_000, faults))
        {
            SqlVaultKey = ReadSqlVaultKey(environment, faults),
            SecretReplaced = files.SecretReplaced && environment("LOCKSTEP_JWT_SECRET") is null,
            BulkReads = new BulkReadOptions(
                ReadNumber(environment, "LOCKSTEP_BULK_READ_LIMIT", 100, 0, 100_000, faults),
                ReadNumber(environment, "LOCKSTEP_BULK_READ_WINDOW", 600, 10, 86_400, faults),
                ReadNumber(environment, "LOCKSTEP_BULK_READ_BLOCK", 3600, 10, 604_800, faults)),
            RemindBefore = ReadReminders(environment, faults),
            ServiceKey = ReadServiceKey(environment, faults),
            SyncKeepDays = ReadNumber(environment, KeepingOptions.Setting, KeepingOptions.StandardDays, 1, 36_500, faults),
            SyncQuotas = QuotaOptions.Of(
                ReadNumber(environment, QuotaOptions.UserRecords, QuotaOptions.StandardUserRecords, 0, 1_000_000_000, faults),
                ReadNumber(environment, QuotaOptions.UserMegabytes, QuotaOptions.StandardUserMegabytes, 0, 1_000_000_000, faults),
                ReadNumber(environment, QuotaOptions.SpaceRecords, QuotaOptions.StandardSpaceRecords, 0, 1_000_000_000, faults),
                ReadNumber(environment, QuotaOptions.SpaceMegabytes, QuotaOptions.StandardSpaceMegabytes, 0, 1_000_000_000, faults)),
            MembershipsUrl = ReadMembershipsUrl(environment, faults),
            KeyProviders = KeyProviderSettings.Read(environment, KeysFrom(environment, directory), faults),
            BookingLimit = ReadNumber(environment, "LOCKSTEP_BOOKING_LIMIT", BookingOptions.Standard, 1, 1_000_000, faults),
            CorsOrigins = Origins.Parse(environment(Origins.Setting), faults),
            Connect = new ConnectOptions
            {
                Return = ReturnAddresses.Parse(environment(ConnectOptions.ReturnSetting), faults),
                FrameOrigins = Origins.Parse(environment(ConnectOptions.FrameSetting), faults, ConnectOptions.FrameSetting),
                PublicUrl = ReadPublicUrl(environment, faults),
            },
            PushDelay = TimeSpan.FromSeconds(ReadNumber(environment, "LOCKSTEP_PUSH_DELAY", 1, 0, 86_400, faults)),
        };
        faults.AddRange(settings.Jwt.Validate());
        return settings;
    }

    /// <summary>What <c>lockstep token</c> needs, without touching anything else.</summary>
    /// <exception cref="StartRefusedException">There is no secret to sign with.</exception>
    public static JwtOptions LoadTokenSettings(string? dataDirectory, Func<string, string?> environment)
    {
        var directory = Path.GetFullPath(dataDirectory ?? ServeOptions.DefaultDataDirectory);
        var files = DataDirectoryFiles.Open(directory, owned: false);
        var jwt = ReadJwt(environment, files);
        if (jwt.Secret is null)
            throw new StartRefusedException(files.SecretLost ? SecretLost(directory) :
                $"There is no token secret in {directory}. Start './lockstep serve' there first, name its directory with --data-dir, or set LOCKSTEP_JWT_SECRET.");
        var faults = jwt.Validate();
        return faults.Count == 0 ? jwt : throw new StartRefusedException(string.Join("\n", faults));
    }

    private static string SecretLost(string directory) =>
        $"There is no {DataDirectoryFiles.JwtSecretFile} in {directory}, beside a database that was set up with one. Put it back, or set LOCKSTEP_JWT_SECRET. "
        + "Where it is lost for good, the next './lockstep serve' makes another: every token that was signed with the former one is refused from then on.";

    private static DatabaseAddresses? ReadDatabase(ServeOptions options, Func<string, string?> environment, List<string> faults)
    {
        try
        {
            return DatabaseAddresses.Read(options.Database, environment);
        }
        catch (StartRefusedException e)
        {
            faults.Add(e.Message);
            return null;
        }
    }

    private static JwtOptions ReadJwt(Func<string, string?> environment, DataDirectoryFiles files) => new(
        (environment("LOCKSTEP_JWT_SECRET") ?? files.JwtSecret) is { } secret ? (ReadOnlyMemory<byte>?)Encoding.UTF8.GetBytes(secret) : null,
        environment("LOCKSTEP_JWKS_URL"),
        environment("LOCKSTEP_JWT_ISSUER"),
        environment("LOCKSTEP_JWT_AUDIENCE"));

    private static KeyRing? ReadKeys(Func<string, string?> environment, DataDirectoryFiles files, string directory, List<string> faults)
    {
        switch (KeyRing.Parse(environment("LOCKSTEP_MASTER_KEYS") is { Length: > 0 } given ? given : files.MasterKeys, environment("CALDAV_ENCRYPTION_KEY"), KeysFrom(environment, directory)))
        {
            case KeyRingOutcome.Loaded(var ring) when ring.Newest is not null:
                return ring;
            case KeyRingOutcome.Refused(var errors):
                faults.AddRange(errors);
                return null;
            default:
                return null;
        }
    }

    private static string? ReadSqlVaultKey(Func<string, string?> environment, List<string> faults)
    {
        const string Name = "LOCKSTEP_SQL_VAULT_KEY";
        if (environment(Name) is not { Length: > 0 } keys)
            return null;
        var bytes = new byte[48];
        if (!keys.Split(',', StringSplitOptions.TrimEntries).All(key => Convert.TryFromBase64String(key, bytes, out var length) && length == 32))
            faults.Add($"{Name} is the base64 of 32 bytes; several are separated by commas, newest first.");
        return keys;
    }

    private static ServiceKey ReadServiceKey(Func<string, string?> environment, List<string> faults)
    {
        if (environment("LOCKSTEP_SERVICE_KEY") is not { Length: > 0 } key)
            return new ServiceKey(null);
        if (key.Length < 16)
            faults.Add("LOCKSTEP_SERVICE_KEY has 16 characters at least; 'openssl rand -hex 32' makes one.");
        return new ServiceKey(key);
    }

    private static Uri? ReadMembershipsUrl(Func<string, string?> environment, List<string> faults)
    {
        if (environment("LOCKSTEP_MEMBERSHIPS_URL") is not { Length: > 0 } text)
            return null;
        if (Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme is ("http" or "https") && url.Query.Length == 0)
            return url;
        faults.Add("LOCKSTEP_MEMBERSHIPS_URL is the http or https address before /api/v1/internal/users/..., without a query.");
        return null;
    }

    private static string? ReadPublicUrl(Func<string, string?> environment, List<string> faults)
    {
        if (environment("LOCKSTEP_PUBLIC_URL") is not { Length: > 0 } text)
            return null;
        if (Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme is ("http" or "https") && url.Query.Length + url.Fragment.Length + url.UserInfo.Length == 0)
            return url.AbsoluteUri.TrimEnd('/');
        faults.Add("LOCKSTEP_PUBLIC_URL is the http or https address at which browsers reach this server, without a query.");
        return null;
    }

    private static string KeysFrom(Func<string, string?> environment, string directory) => environment("LOCKSTEP_MASTER_KEYS") is { Length: > 0 }
        ? "LOCKSTEP_MASTER_KEYS"
        : Path.Combine(directory, DataDirectoryFiles.MasterKeysFile);

    private static IReadOnlyList<int> ReadReminders(Func<string, string?> environment, List<string> faults)
    {
        if (LeadTime.ParseList(environment("LOCKSTEP_REMIND_BEFORE") ?? ReminderOptions.Default) is { } before)
            return before;
        faults.Add($"LOCKSTEP_REMIND_BEFORE is at most {LeadTime.Most} times from 1h to 365d by ',', such as {ReminderOptions.Default}; empty for none.");
        return [];
    }

    private static List<string> ReadUrls(string urls, List<string> faults)
    {
        var list = urls.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).ToList();
        foreach (var url in list.Where(url => !Uri.TryCreate(url.Replace("*", "any", StringComparison.Ordinal), UriKind.Absolute, out var uri)
                                              || uri.Scheme is not ("http" or "https")))
            faults.Add($"--urls: '{url}' is not an http or https address. Write http://127.0.0.1:5080, several separated by ';'.");
        if (list.Count == 0)
            faults.Add("--urls: give at least one address, such as http://127.0.0.1:5080.");
        return list;
    }

    internal static int ReadNumber(Func<string, string?> environment, string name, int standard, int least, int most, List<string> faults)
    {
        if (environment(name) is not { Length: > 0 } text)
            return standard;
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most)
            return number;
        faults.Add($"{name} is a whole number from {least} to {most}.");
        return standard;
    }
}
