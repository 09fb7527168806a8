namespace Lockstep.Tests.Hosting.Adoption;

/// <summary>The tables of Supabase Vault as its documentation names them, on plain PostgreSQL: the extension itself cannot be had here. What is "decrypted" was never sealed.</summary>
internal static class FakeSupabaseVault
{
    public const string Schema =
        """
        CREATE SCHEMA vault;
        CREATE TABLE vault.secrets (
            id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text UNIQUE, description text NOT NULL DEFAULT '', secret text NOT NULL, key_id uuid, nonce bytea,
            created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());
        CREATE VIEW vault.decrypted_secrets AS
            SELECT s.id, s.name, s.description, s.secret, s.secret AS decrypted_secret, s.key_id, s.nonce, s.created_at, s.updated_at FROM vault.secrets s;
        """;
}
