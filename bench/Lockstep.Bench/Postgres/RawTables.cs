namespace Lockstep.Bench.Postgres;

/// <summary>Plain tables without policies, triggers or audit: what this PostgreSQL can do on this disk.</summary>
internal static class RawTables
{
    /// <summary>About as long as a stored credential or change.</summary>
    private const string Body = "repeat('x', 400)";

    public static Task Create(House house, CancellationToken ct) => house.Administer(
        $"""
        CREATE SCHEMA bench;
        CREATE TABLE bench.written (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
        CREATE TABLE bench.keyed (id bigint PRIMARY KEY, body text NOT NULL);
        INSERT INTO bench.keyed SELECT g, {Body} FROM generate_series(1, 100000) g;
        CREATE FUNCTION bench.uuid7() RETURNS uuid LANGUAGE sql VOLATILE AS $$
            SELECT (lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || '7000' || '8' || substr(md5(random()::text), 1, 15))::uuid
        $$;
        GRANT USAGE ON SCHEMA bench TO lockstep_app;
        GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA bench TO lockstep_app;
        GRANT EXECUTE ON FUNCTION bench.uuid7() TO lockstep_app;
        ANALYZE bench.keyed;
        """,
        ct);
}

/// <summary>The raw limit that an operation is compared with.</summary>
internal sealed record RawLimit(string Name, string Script)
{
    public static readonly RawLimit Insert = new("INSERT", $"INSERT INTO bench.written (body) VALUES ('{new string('x', 400)}');\n");

    public static readonly RawLimit InsertFifty = new(
        "INSERT of 50 rows", $"INSERT INTO bench.written (body) SELECT '{new string('x', 400)}' FROM generate_series(1, 50);\n");

    public static readonly RawLimit Select = new("SELECT by key", "\\set n random(1, 100000)\nSELECT body FROM bench.keyed WHERE id = :n;\n");
}
