using Lockstep.Tests.Postgres;
using Lockstep.Tests.Support;
using Npgsql;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Vault.Attacks;

/// <summary>The tests of the catalogue find what they look for: each is run on a database in which somebody forgot it.</summary>
public sealed class CatalogueFaultTests(PostgresServer postgres)
{
    private const string Table = "SET ROLE lockstep_owner; CREATE TABLE lockstep.forgotten (id uuid CONSTRAINT forgotten_pkey PRIMARY KEY, user_id uuid); COMMENT ON TABLE lockstep.forgotten IS 'x'; ";
    private const string Maintained = "CREATE POLICY owner_maintenance ON lockstep.forgotten FOR ALL TO lockstep_owner USING (true) WITH CHECK (true); ";
    private const string Function = "SET ROLE lockstep_owner; CREATE FUNCTION lockstep.record_activity(text) RETURNS text LANGUAGE sql ";

    public static TheoryData<string, string, string> Faults => new()
    {
        { "a new table without row-level security", Table + Maintained, nameof(CatalogueTests.Every_table_and_partition_has_forced_row_level_security) },
        { "a new table without FORCE", Table + Maintained + "ALTER TABLE lockstep.forgotten ENABLE ROW LEVEL SECURITY", nameof(CatalogueTests.Every_table_and_partition_has_forced_row_level_security) },
        {
            "a partition whose parent alone has it",
            "SET ROLE lockstep_owner; CREATE TABLE lockstep.parted (id uuid) PARTITION BY HASH (id); ALTER TABLE lockstep.parted ENABLE ROW LEVEL SECURITY; ALTER TABLE lockstep.parted FORCE ROW LEVEL SECURITY; CREATE TABLE lockstep.parted_0 PARTITION OF lockstep.parted FOR VALUES WITH (MODULUS 1, REMAINDER 0)",
            nameof(CatalogueTests.Every_table_and_partition_has_forced_row_level_security)
        },
        { "a new table without a policy", Table + "ALTER TABLE lockstep.forgotten ENABLE ROW LEVEL SECURITY; ALTER TABLE lockstep.forgotten FORCE ROW LEVEL SECURITY", nameof(CatalogueTests.Every_table_has_the_owner_maintenance_policy) },
        { "a policy for everybody", Table + Maintained + "CREATE POLICY all_of_it ON lockstep.forgotten FOR ALL TO public USING (true)", nameof(CatalogueTests.Nobody_but_the_owner_has_a_policy_that_lets_every_row_be_written) },
        { "a view with its owner's rights", "SET ROLE lockstep_owner; CREATE VIEW lockstep.seen AS SELECT id FROM lockstep.credentials", nameof(CatalogueTests.No_view_shows_rows_with_its_owners_rights) },
        { "EXECUTE by PUBLIC on another overload", Function + "SET search_path = pg_catalog, pg_temp AS $$ SELECT 'x' $$", nameof(CatalogueTests.No_function_is_executable_by_everybody) },
        { "a function whose search_path the caller sets", Function + "AS $$ SELECT 'x' $$", nameof(CatalogueTests.Every_function_pins_its_search_path_with_pg_temp_last) },
        { "a search_path with pg_temp before the end", Function + "SET search_path = pg_temp, pg_catalog AS $$ SELECT 'x' $$", nameof(CatalogueTests.Every_function_pins_its_search_path_with_pg_temp_last) },
        { "a role that makes objects in our schema", "GRANT CREATE ON SCHEMA lockstep TO authenticated", nameof(CatalogueTests.Nobody_truncates_or_makes_objects_in_our_schemas) },
        { "a role that truncates", "GRANT TRUNCATE ON lockstep.credentials TO lockstep_app", nameof(CatalogueTests.Nobody_truncates_or_makes_objects_in_our_schemas) },
        { "a role that changes the audit", "GRANT UPDATE ON lockstep.activity_log TO lockstep_service", nameof(CatalogueTests.The_audit_cannot_be_changed_by_any_login) },
        { "authenticated writes", "GRANT INSERT ON lockstep.credentials TO authenticated", nameof(CatalogueTests.Authenticated_reads_and_never_writes) },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task What_the_catalogue_must_not_hold_is_found(string what, string made, string test)
    {
        await using var catalogue = new Faulty(postgres, made);
        await catalogue.InitializeAsync();
        (await Record.ExceptionAsync(() => (Task)typeof(CatalogueTests).GetMethod(test)!.Invoke(catalogue, null)!)).ShouldBeOfType<ShouldAssertException>(what);
    }

    private sealed class Faulty(PostgresServer postgres, string made) : CatalogueTests(postgres)
    {
        protected override async Task PrepareAsync(NpgsqlConnection superuser)
        {
#pragma warning disable CA2100 // Written above.
            await using var command = new NpgsqlCommand(made + "; RESET ROLE", superuser);
#pragma warning restore CA2100
            await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        }
    }
}
