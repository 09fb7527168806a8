using Lockstep.Crypto;
using Lockstep.Crypto.Pkcs11;
using Lockstep.Crypto.Transit;
using Lockstep.Server.Postgres;
using Lockstep.Server.Vault;
using Lockstep.Server.Vault.Keys;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Lockstep.Server.Hosting.Doctor;

/// <summary>The keys that were given, beside those that the database was sealed with.</summary>
internal static class KeyCheck
{
    private const string Area = "keys";

    /// <param name="connection">Null: there is no database to compare with.</param>
    public static async Task<IReadOnlyList<Diagnosis>> Look(Settings settings, NpgsqlConnection? connection, TimeProvider time, CancellationToken ct)
    {
        var found = new List<Diagnosis>();
        var uses = connection is null ? [] : await InUse(connection, ct);
        Given(settings, uses, found);
        Needed(settings, uses, found);
        await Provider(settings, time, found, ct);
        if (found.Count == 0)
            found.Add(Diagnosis.Well(Area, "keys", uses.Count == 0
                ? settings.Keys is null && settings.KeyProviders is { Transit: null, Pkcs11: null } ? "The first start makes a key." : "Keys are given; nothing is sealed yet."
                : $"Every key that {uses.Sum(use => use.DataKeys)} data keys need is given."));
        return found;
    }

    private static void Given(Settings settings, List<Use> uses, List<Diagnosis> found)
    {
        if (settings.Keys?.Newest is not null || settings.KeyProviders.Transit is not null || settings.KeyProviders.Pkcs11 is not null)
            return;
        // The first start of an installation with its own database makes one.
        if (settings.Database is null && !Directory.Exists(Path.Combine(settings.DataDirectory, "postgres")))
            return;
        found.Add(Diagnosis.Fault(Area, "key_none", $"No master key is given: the vault is locked{(uses.Count > 0 ? $", with {uses.Sum(use => use.DataKeys)} data keys in it" : "")}.",
            uses.Count > 0
                ? $"Give the one that the database was sealed with in LOCKSTEP_MASTER_KEYS, or put it back into {Path.Combine(settings.DataDirectory, DataDirectoryFiles.MasterKeysFile)}."
                : "Make one and set it: LOCKSTEP_MASTER_KEYS=\"k1:$(openssl rand -base64 32)\". Keep it outside of the database's backups."));
    }

    private static void Needed(Settings settings, List<Use> uses, List<Diagnosis> found)
    {
        if (settings.Keys?.Newest is null)
            return;
        foreach (var use in uses.Where(use => use.Provider == LocalKeyWrapper.Provider && settings.Keys.Find(use.Key) is null))
        {
            found.Add(use.Newest
                ? Diagnosis.Fault(Area, "key_wrong", $"The master key is a wrong one: this database was sealed with key {use.Key}, and {settings.KeyProviders.KeysFrom} holds {settings.Keys}. The server refuses to start.",
                    "Give the key with the first fingerprint in LOCKSTEP_MASTER_KEYS, behind a newer one if you have one.")
                : Diagnosis.Fault(Area, "key_missing", $"{use.DataKeys} data keys are under master key {use.Key}, which is not given: what they seal cannot be read.",
                    "Give it in LOCKSTEP_MASTER_KEYS behind the newest; 'lockstep rekey' makes it unnecessary. If it is lost for good, see 'lockstep rekey --give-up-lost'."));
        }
        foreach (var use in uses.Where(use => use.Provider == TransitKeyWrapper.Provider && settings.KeyProviders.Transit is null
                                           || use.Provider == Pkcs11KeyWrapper.Provider && settings.KeyProviders.Pkcs11 is null))
            found.Add(Diagnosis.Fault(Area, "key_provider_missing", $"{use.DataKeys} data keys are wrapped by {use.Provider}, which the settings do not name.", "Give the settings of that key provider again (docs/operations.md)."));
    }

    private static async Task Provider(Settings settings, TimeProvider time, List<Diagnosis> found, CancellationToken ct)
    {
        if (settings.KeyProviders.Transit is null && settings.KeyProviders.Pkcs11 is null)
            return;
        using var providers = new KeyProviders(new VaultOptions(settings.Keys, settings.RevealLimit) { Providers = settings.KeyProviders }, time, NullLogger<KeyProviders>.Instance);
        if (await providers.CheckAtStart(ct) is { } trouble)
            found.Add(Diagnosis.Fault(Area, "key_provider", trouble.Reason, "See that the key provider runs, is unsealed, knows the key and takes this login."));
        if (settings.KeyProviders.Transit is { Address: { Scheme: "http", IsLoopback: false } })
            found.Add(Diagnosis.Warning(Area, "key_provider_in_clear", "LOCKSTEP_TRANSIT_ADDR is http: its token and data keys travel in clear.", "Use https."));
    }

    private static async Task<List<Use>> InUse(NpgsqlConnection connection, CancellationToken ct)
    {
        await using (var there = new NpgsqlCommand("SELECT to_regclass('lockstep.data_keys') IS NOT NULL", connection))
        {
            if (await there.ExecuteScalarAsync(ct) is not true)
                return [];
        }
        await DatabaseUnderCheck.As(connection, owner: true, ct);
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(new Statement(
            """
            SELECT k.provider, k.key_version, count(*),
                   (k.provider, k.key_version) = (SELECT n.provider, n.key_version FROM lockstep.data_keys n ORDER BY n.created_at DESC, n.id DESC LIMIT 1)
            FROM   lockstep.data_keys k
            GROUP  BY 1, 2
            ORDER  BY 1, 2
            """).ToCommand());
        await using var reader = await batch.ExecuteReaderAsync(ct);
        var uses = new List<Use>();
        while (await reader.ReadAsync(ct))
            uses.Add(new Use(reader.GetString(0), reader.GetString(1), reader.GetInt64(2), reader.GetBoolean(3)));
        return uses;
    }

    /// <param name="Newest">Whether it wraps the newest data key: the one by which a start judges.</param>
    private sealed record Use(string Provider, string Key, long DataKeys, bool Newest);
}
