using Lockstep.Crypto;
using Lockstep.Server.Tenancy;
using Npgsql;

namespace Lockstep.Server.Vault;

/// <summary>A row of <c>data_keys</c>: a tenant's key, wrapped.</summary>
internal sealed record DataKeyRow(Guid Id, int Version, WrappedKey Wrapped)
{
    public DataKeyName Name(Tenant tenant) => new(tenant.ToString(), Id, Version);

    /// <summary>Reads id, version, provider, key_version and wrapped_key from <paramref name="first"/> on; null when the join found none.</summary>
    public static DataKeyRow? Read(NpgsqlDataReader row, int first) => row.IsDBNull(first)
        ? null
        : new(row.GetGuid(first), row.GetInt32(first + 1), new WrappedKey(row.GetString(first + 2), row.GetString(first + 3), row.GetString(first + 4)));
}
