using Lockstep.Tests.Scenarios;
using Npgsql;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Cli.Scan;

/// <summary>The commands <c>scan</c> and <c>sql-vault</c>, as processes.</summary>
public sealed class ScanCommandTests
{
    private static readonly string Stripe = "sk_" + "live_" + "4eC39HqLyjWDarjtT1zdp7dc";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Files_are_looked_through_by_path_or_line_and_no_value_is_shown()
    {
        await using var installation = new Installation();
        var json = Path.Combine(installation.Folder, "a.json");
        var env = Path.Combine(installation.Folder, ".env");
        var clean = Path.Combine(installation.Folder, "clean.txt");
        await File.WriteAllTextAsync(json, $$"""{"stripe": {"keys": ["{{Stripe}}"]}, "smtpPassword": "gT7#kkq2!xw"}""", Ct);
        await File.WriteAllTextAsync(env, $"A=1\nSTRIPE={Stripe}\n", Ct);
        await File.WriteAllTextAsync(clean, "the password is in the safe\n", Ct);

        var found = await installation.RunAsync("scan", json, env, clean);
        (await found.Ended).ShouldBe(5);
        found.Output.Trim().Split('\n').ShouldBe([$"{json}: stripe.keys[0]: stripe key", $"{json}: smtpPassword: generic secret", $"{env}:2: stripe key"]);
        found.Errors.ShouldNotContain(Stripe);

        (await (await installation.RunAsync("scan", clean)).Ended).ShouldBe(0);
        (await (await installation.RunAsync("scan", Path.Combine(installation.Folder, "none"))).Ended).ShouldBe(1);
        (await (await installation.RunAsync("scan")).Ended).ShouldBe(2);
    }

    [Fact]
    public async Task Tables_are_looked_through_beside_the_running_program_and_the_sql_vault_gets_a_new_key()
    {
        await using var installation = new Installation();
        await installation.ServeAsync();
        (await (await installation.RunAsync("scan", "--tables", "--data-dir", installation.Data)).Ended).ShouldBe(0);
        await installation.ScalarAsync<object>(
            $"""
            CREATE SCHEMA imported;
            CREATE TABLE imported."Old settings" (id int PRIMARY KEY, "Notes" text);
            INSERT INTO imported."Old settings" VALUES (1, 'nothing'), (2, 'use {Stripe} here');
            ALTER TABLE lockstep.matters DISABLE TRIGGER refuse_plaintext;
            INSERT INTO auth.users (id) VALUES ('00000000-0000-0000-0000-000000000001');
            INSERT INTO lockstep.matters (id, user_id, title) VALUES ('00000000-0000-0000-0000-000000000002', '00000000-0000-0000-0000-000000000001', '{Stripe}');
            SELECT 1
            """);
        var found = await installation.RunAsync("scan", "--tables", "--schema", "lockstep", "--schema", "imported", "--data-dir", installation.Data);
        (await found.Ended).ShouldBe(5, found.Errors);
        found.Output.Trim().Split('\n').ShouldBe(["imported.\"Old settings\" 2: Notes: stripe key", "lockstep.matters 00000000-0000-0000-0000-000000000002: title: stripe key"]);

        var key = Path.Combine(installation.Data, "postgres", "vault-root-key");
        var before = await File.ReadAllTextAsync(key, Ct);
        var secret = await Service(installation, "SELECT vault.store_credential('n', 'a value')");
        var rekey = await installation.RunAsync("sql-vault", "rekey", "--new-key", "--prune", "--data-dir", installation.Data);
        (await rekey.Ended).ShouldBe(0, rekey.Errors);
        rekey.Output.Trim().ShouldBe("1 secrets are sealed anew.");
        var after = await File.ReadAllTextAsync(key, Ct);
        after.ShouldNotContain(before.Trim());
        after.Trim().Length.ShouldBe(44);
        (await Service(installation, $"SELECT vault.retrieve_credential('{secret}')")).ShouldBe("a value");
        var other = await installation.RunAsync("rekey", "--sql", "--to", "file", "--data-dir", installation.Data);
        (await other.Ended).ShouldBe(0, other.Errors);
        other.Output.ShouldContain("secrets are sealed anew.");
        (await installation.RunAsync("rekey", "--sql", "--dry-run", "--data-dir", installation.Data)).Output.ShouldNotContain("LOCKED");
        var status = await installation.RunAsync("sql-vault", "status", "--data-dir", installation.Data);
        (await status.Ended).ShouldBe(0, status.Errors);
        status.Output.ShouldStartWith("1 secrets");
        status.Output.ShouldNotContain("LOCKED");
        (await (await installation.RunAsync("sql-vault", "gaps", "--data-dir", installation.Data)).Ended).ShouldBe(0);
        await Service(installation, $"BEGIN; SELECT vault.retrieve_credential('{secret}'); ROLLBACK");
        var gaps = await installation.RunAsync("sql-vault", "gaps", "--data-dir", installation.Data);
        (await gaps.Ended).ShouldBe(5, gaps.Errors);
        gaps.Output.Trim().ShouldBe("2");
        var verify = await installation.RunAsync("audit", "verify", "--data-dir", installation.Data);
        (await verify.Ended).ShouldBe(0, verify.Errors);
        verify.Errors.ShouldContain("1 retrieves of the SQL vault have no row in its access log (numbers 2)");
    }

    private static async Task<object?> Service(Installation installation, string sql)
    {
        await using var connection = new NpgsqlConnection(installation.Database.ConnectionString("lockstep_service") + ";Pooling=false");
        await connection.OpenAsync(Ct);
#pragma warning disable CA2100 // Written above.
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        return await command.ExecuteScalarAsync(Ct);
    }
}
