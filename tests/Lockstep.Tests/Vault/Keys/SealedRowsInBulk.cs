using Lockstep.Crypto;
using Lockstep.Server.Vault.Keys;
using Lockstep.Server.Tenancy;
using Npgsql;
using NpgsqlTypes;

namespace Lockstep.Tests.Vault.Keys;

/// <summary>Many tenants and credentials at once, sealed as the vault seals them and copied in past it.</summary>
internal static class SealedRowsInBulk
{
    public static async Task FillAsync(SealedWorld world, MasterKey master, int tenants, int credentialsEach)
    {
        var wrapper = new LocalKeyWrapper(new KeyRing(master));
        var made = Enumerable.Range(0, tenants).Select(_ => new UserId(Guid.CreateVersion7())).ToList();
        var keys = made.Select(user => DataKey.Generate(new DataKeyName(Tenant.Of(user).ToString(), Guid.CreateVersion7(), 1))).ToList();
        await using var connection = await world.OpenAsync();
        await using (var users = await connection.BeginBinaryImportAsync("COPY auth.users (id) FROM STDIN BINARY"))
        {
            foreach (var user in made)
                await users.WriteRowAsync(default, user.Value);
            await users.CompleteAsync();
        }
        await using (var rows = await connection.BeginBinaryImportAsync("COPY lockstep.data_keys (id, user_id, version, provider, key_version, wrapped_key) FROM STDIN BINARY"))
        {
            for (var i = 0; i < tenants; i++)
            {
                var wrapped = wrapper.Wrap(keys[i])!;
                await rows.WriteRowAsync(default, keys[i].Name.Id, made[i].Value, 1, wrapped.Provider, wrapped.KeyVersion, wrapped.Text);
            }
            await rows.CompleteAsync();
        }
        await using var values = await connection.BeginBinaryImportAsync(
            "COPY lockstep.credentials (id, user_id, scope, name, provider, type, encrypted_value, key_provider, data_key_id, key_version, format, masked_value, metadata) FROM STDIN BINARY");
        for (var i = 0; i < tenants; i++)
        {
            for (var j = 0; j < credentialsEach; j++)
            {
                var id = CredentialId.New();
                using var value = Secret.FromText(ValueOf(id));
                var text = SealedValue.Seal(keys[i], ValueSealer.Place(Tenant.Of(made[i]), id, 1), value);
                await values.StartRowAsync();
                await values.WriteAsync(id.Value);
                await values.WriteAsync(made[i].Value);
                foreach (var column in new[] { "USER", $"k{j}", "p", "SECRET", text, "data_key" })
                    await values.WriteAsync(column);
                await values.WriteAsync(keys[i].Name.Id);
                await values.WriteAsync(1);
                await values.WriteAsync(SealedValue.Format);
                await values.WriteAsync("********");
                await values.WriteAsync("{}", NpgsqlDbType.Jsonb);
            }
            keys[i].Dispose();
        }
        await values.CompleteAsync();
    }

    public static string ValueOf(CredentialId id) => $"the value of {id}";
}
