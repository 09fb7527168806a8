namespace Lockstep.Tests.Isolation;

/// <summary>One row for a user and one for a workspace in every table: who adds a table names it here, or the test fails.</summary>
/// <remarks>
/// $1 the user, $2 the workspace, $3 'user' or 'workspace': whose row it is. Every id is made of $3, so that tables can refer to each other
/// and the order is the order of foreign keys.
/// </remarks>
internal static class TenantRows
{
    public static readonly (string Table, string Insert)[] All =
    [
        ("auth.users", "INSERT INTO auth.users (id, email) VALUES ($1, 'victim@example.com') ON CONFLICT DO NOTHING"),
        ("lockstep.auth_identities", "INSERT INTO lockstep.auth_identities (issuer, subject, user_id) VALUES ('', 'victim', $1) ON CONFLICT DO NOTHING"),
        ("lockstep.accounts", "INSERT INTO lockstep.accounts (user_id, email, password_hash) VALUES ($1, 'victim@example.com', 'hash') ON CONFLICT DO NOTHING"),
        ("lockstep.workspaces", "INSERT INTO lockstep.workspaces (id, name, slug) VALUES ($2, 'Victims', 'victims') ON CONFLICT DO NOTHING"),
        ("lockstep.workspace_members", "INSERT INTO lockstep.workspace_members (workspace_id, user_id, role) VALUES ($2, $1, 'owner') ON CONFLICT DO NOTHING"),
        ("lockstep.workspace_invitations", "INSERT INTO lockstep.workspace_invitations (id, workspace_id, email, role, invited_by) VALUES (gen_random_uuid(), $2, 'guest@example.com', 'member', $1) ON CONFLICT DO NOTHING"),
        ("lockstep.membership_leases", "INSERT INTO lockstep.membership_leases (user_id) VALUES ($1) ON CONFLICT DO NOTHING"),
        ("lockstep.api_tokens", $"INSERT INTO lockstep.api_tokens (id, {Owner}, name, hash, hint, scopes) VALUES ({Id}, {Owned}, 'ci', sha256(convert_to($3, 'UTF8')), 'abcd', '{{sync}}')"),
        ("lockstep.console_sessions", "INSERT INTO lockstep.console_sessions (id, user_id, hash, expires_at) VALUES (gen_random_uuid(), $1, sha256(convert_to($3, 'UTF8')), now() + interval '1 hour')"),
        ("lockstep.console_handoffs", "INSERT INTO lockstep.console_handoffs (hash, user_id, expires_at) VALUES (sha256(convert_to($3, 'UTF8')), $1, now() + interval '1 hour')"),
        ("lockstep.connect_sessions", "INSERT INTO lockstep.connect_sessions (id, user_id, workspace_id, link_hash, integration_types, return_url, expires_at) VALUES (gen_random_uuid(), $1, CASE WHEN $3 = 'workspace' THEN $2 END, sha256(convert_to($3, 'UTF8')), '{caldav}', 'https://example.com/', now() + interval '1 hour')"),
        ("lockstep.activity_log", $"INSERT INTO lockstep.activity_log ({Owner}, actor, action, entity_type) VALUES ({Owned}, 'user', 'CREDENTIAL_CREATED', 'credential')"),
        ("lockstep.data_keys", $"INSERT INTO lockstep.data_keys (id, {Owner}, version, provider, key_version, wrapped_key) VALUES ({Id}, {Owned}, 1, 'local', 'k', 'w')"),
        ("lockstep.credentials", $"INSERT INTO lockstep.credentials (id, {Owner}, scope, name, provider, type, encrypted_value, key_provider, data_key_id, key_version, format, masked_value) VALUES ({Id}, {Owned}, upper($3), 'n', 'p', 'API_KEY', 'a:b:c', 'data_key', {Id}, 1, 'v1', '***')"),
        ("lockstep.webhooks", $"INSERT INTO lockstep.webhooks (id, {Owner}, url, events) VALUES ({Id}, {Owned}, 'https://example.com/', '{{}}')"),
        ("lockstep.webhook_secrets", $"INSERT INTO lockstep.webhook_secrets (webhook_id, version, encrypted_value, key_provider, data_key_id, key_version, format) VALUES ({Id}, 1, 'a:b:c', 'data_key', {Id}, 1, 'v1')"),
        ("lockstep.webhook_deliveries", $"INSERT INTO lockstep.webhook_deliveries (id, webhook_id, event, body) VALUES ({Id}, {Id}, 'credential.created', '{{}}')"),
        ("lockstep.reveal_marks", $"INSERT INTO lockstep.reveal_marks (actor, tenant, credential_id, {Owner}, at, behind) VALUES ('user', $3, {Id}, {Owned}, now(), 'user')"),
        ("lockstep.reveal_blocks", $"INSERT INTO lockstep.reveal_blocks (id, actor, behind, {Owner}, credentials, blocked_until) VALUES ({Id}, 'user', 'user', {Owned}, 1, now())"),
        ("lockstep.credential_reminders", $"INSERT INTO lockstep.credential_reminders (credential_id, expires_at, lead_seconds) VALUES ({Id}, now(), 1)"),
        ("lockstep.credential_versions", $"INSERT INTO lockstep.credential_versions (credential_id, version, encrypted_value, key_provider, data_key_id, key_version, format, masked_value, valid_from) VALUES ({Id}, 1, 'a:b:c', 'data_key', {Id}, 1, 'v1', '***', now())"),
        ("lockstep.oauth_grants", $"INSERT INTO lockstep.oauth_grants (credential_id, version, has_refresh_token) VALUES ({Id}, 1, false)"),
        ("lockstep.sync_scopes", $"INSERT INTO lockstep.sync_scopes (scope_id, {Owner}) VALUES ({Id}, {Owned})"),
        ("lockstep.sync_changes", $$"""INSERT INTO lockstep.sync_changes (scope_id, seq, event_id, app, table_name, record_id, op, data, field_times, user_id, client_id, schema_version, bytes, created_at) VALUES ({{Id}}, 1, gen_random_uuid(), 'a', 't', 'r', 'insert', '{}', '{}', $1, 'c', 1, 2, now())"""),
        ("lockstep.sync_records", $$"""INSERT INTO lockstep.sync_records (scope_id, app, table_name, record_id, data, field_times, field_seq, deleted, last_seq, user_id, schema_version) VALUES ({{Id}}, 'a', 't', 'r', '{}', '{}', '{}', false, 1, $1, 1)"""),
        ("lockstep.sync_clients", "INSERT INTO lockstep.sync_clients (user_id, app, client_id) VALUES ($1, 'a', $3)"),
        ("lockstep.sync_receipts", "INSERT INTO lockstep.sync_receipts (user_id, app, client_id, last_mutation, first_mutation, results) VALUES ($1, 'a', $3, 1, 1, '[]')"),
        ("lockstep.adopted_changes", $"INSERT INTO lockstep.adopted_changes (event_id, in_scope, seq, digest) VALUES ({Id}, {Id}, 1, sha256(convert_to($3, 'UTF8')))"),
        ("lockstep.integrations", $"INSERT INTO lockstep.integrations (id, {Owner}, integration_type, label, external_username, credential_id, config) VALUES ({Id}, {Owned}, 'caldav', 'Mine', 'me', {Id}, jsonb_build_object('url', 'https://example.com/', 'username', 'me', 'calendarPath', '', 'selectedCalendarIds', '[]'::jsonb))"),
        ("lockstep.sync_log", $"INSERT INTO lockstep.sync_log (id, integration_id, {Owner}, direction, items_pushed, items_pulled, duration_ms) VALUES ({Id}, {Id}, {Owned}, 'both', 0, 0, 1)"),
        ("lockstep.calendars", $"INSERT INTO lockstep.calendars (id, integration_id, {Owner}, href) VALUES ({Id}, {Id}, {Owned}, 'https://example.com/c/')"),
        ("lockstep.matters", $"INSERT INTO lockstep.matters (id, {Owner}, title) VALUES ({Id}, {Owned}, 'A case')"),
        ("lockstep.events", $"INSERT INTO lockstep.events (id, {Owner}, calendar_id, matter_id, uid, ics, starts_at, ends_at, range_start, range_end, changed_at) VALUES ({Id}, {Owned}, {Id}, {Id}, 'u', 'BEGIN:VCALENDAR', now(), now(), now(), now(), now())"),
        ("lockstep.calendar_objects", $"INSERT INTO lockstep.calendar_objects (id, calendar_id, {Owner}, event_id, href, state) VALUES ({Id}, {Id}, {Owned}, {Id}, 'https://example.com/c/1.ics', 'clean')"),
        ("lockstep.sync_conflicts", $"INSERT INTO lockstep.sync_conflicts (id, integration_id, calendar_id, event_id, {Owner}, href, summary, local_at, remote_at, winner) VALUES ({Id}, {Id}, {Id}, {Id}, {Owned}, 'h', 's', now(), now(), 'local')"),
        ("lockstep.matter_events", $"INSERT INTO lockstep.matter_events (matter_id, {Owner}, event_id, kind, summary) VALUES ({Id}, {Owned}, {Id}, 'added', 's')"),
        ("lockstep.providers", "INSERT INTO lockstep.providers (id, owner_user_id, public_slug) VALUES (gen_random_uuid(), $1, 'victim') ON CONFLICT DO NOTHING"),
        ("lockstep.bookings", "INSERT INTO lockstep.bookings (id, user_id, form_key, starts_at, ends_at, visitor_name, visitor_contact, visitor_zone) VALUES (gen_random_uuid(), $1, gen_random_uuid(), now(), now() + interval '1 hour', 'Sam', 'sam@example.com', 'Etc/UTC') ON CONFLICT DO NOTHING"),
        ("vault.secrets", $"INSERT INTO vault.secrets (id, name, format, key_fingerprint, sealed) VALUES ({Id}, 'mail', 'pgcrypto-1', 'f', '')"),
        ("vault.secret_owners", $"INSERT INTO vault.secret_owners (secret_id, {Owner}, stored_for) VALUES ({Id}, {Owned}, true)"),
        ("vault.vault_access_log", $"INSERT INTO vault.vault_access_log (secret_id, role) VALUES ({Id}, 'service_role')"),
    ];

    /// <summary>Tables without tenants, and why they may be.</summary>
    public static readonly string[] WithoutTenants =
    [
        "lockstep.schema_migrations", // No login but the migrator sees it.
        "lockstep.reveal_limits", // Three numbers for all; no login reads the table.
        "lockstep.activity_seals", "lockstep.activity_checkpoints", "lockstep.audit_keys", // Hashes and signatures; the service login reads them.
        "lockstep.sync_schemas", // What the operator's software declares of tables; the service login reads it.
        "lockstep.activity_sealer", // No login but the migrator sees it.
        "lockstep.nodes", "lockstep.sync_lag", // Processes and counts; the service login reads them.
    ];

    private const string Owner = "user_id, workspace_id";
    private const string Owned = "CASE WHEN $3 = 'user' THEN $1 END, CASE WHEN $3 = 'workspace' THEN $2 END";
    private const string Id = "md5($3)::uuid";
}
