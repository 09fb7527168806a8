using Lockstep.Crypto;
using Lockstep.Server.Activity.Chain;
using Lockstep.Tests.Support;
using NodaTime;
using Npgsql;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Activity.Chain;

/// <summary>What somebody with every right in the database can do to the audit, and what is found.</summary>
public sealed class AuditTamperingTests(PostgresServer postgres)
{
    [Fact]
    public async Task An_untouched_audit_is_whole()
    {
        await using var audit = await AuditBench.CreateAsync(postgres);
        (await audit.VerifyAsync()).ShouldSatisfyAllConditions(report => report.Faults.ShouldBeEmpty(), report => report.Lines.ShouldBe(0));
        await audit.RecordAsync(5);
        var checkpoint = (await audit.SignAsync()).ShouldNotBeNull();
        await audit.RecordAsync(5);
        var report = await audit.VerifyAsync(checkpoint);
        report.Faults.ShouldBeEmpty();
        (report.Lines, report.First, report.Last, report.Checkpoints).ShouldBe((10, 1, 10, 1));
        report.Notes.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("details = jsonb_set(details, '{purpose}', '\"another\"')")]
    [InlineData("actor = 'user:somebody-else'")]
    [InlineData("address = '192.0.2.1'")]
    [InlineData("occurred_at = occurred_at + interval '1 microsecond'")]
    [InlineData("user_id = gen_random_uuid()")]
    [InlineData("request_id = NULL")]
    [InlineData("entity_id = NULL")]
    public async Task A_changed_line_is_named_and_hides_no_later_one(string change)
    {
        await using var audit = await AuditBench.CreateAsync(postgres);
        await audit.RecordAsync(10);
        await audit.SealAsync();
        (await audit.TamperAsync($"UPDATE lockstep.activity_log SET {change} WHERE id IN (SELECT activity_id FROM lockstep.activity_seals WHERE position IN (4, 8))")).ShouldBe(2);
        var faults = (await audit.VerifyAsync()).Faults;
        faults.Select(fault => (fault.Kind, fault.Position)).ShouldBe([("changed", 4L), ("changed", 8L)]);
        faults[0].Activity.ShouldBe(await audit.ScalarAsync<Guid>("SELECT activity_id FROM lockstep.activity_seals WHERE position = 4"));
    }

    [Fact]
    public async Task A_line_that_was_taken_out_is_missing_and_with_its_seal_it_is_a_gap()
    {
        await using var audit = await AuditBench.CreateAsync(postgres);
        await audit.RecordAsync(10);
        await audit.SealAsync();
        await audit.TamperAsync("DELETE FROM lockstep.activity_log WHERE id = (SELECT activity_id FROM lockstep.activity_seals WHERE position = 3)");
        await audit.TamperAsync("DELETE FROM lockstep.activity_seals WHERE position IN (6, 7)");
        await audit.TamperAsync("DELETE FROM lockstep.activity_log a WHERE NOT EXISTS (SELECT 1 FROM lockstep.activity_seals s WHERE s.activity_id = a.id)");
        (await audit.VerifyAsync()).Faults.Select(fault => (fault.Kind, fault.Position)).ShouldBe([("missing", 3L), ("gap", 6L)]);
    }

    [Fact]
    public async Task A_line_put_in_behind_the_sealer_is_found()
    {
        await using var audit = await AuditBench.CreateAsync(postgres);
        await audit.RecordAsync(3);
        await audit.SealAsync();
        await audit.TamperAsync(
            "INSERT INTO lockstep.activity_log (actor, action, entity_type, occurred_at, xact) VALUES ('user:framed', 'CREDENTIAL_ACCESSED', 'credential', now() - interval '1 hour', '3')");
        (await audit.VerifyAsync()).Faults.Single().Kind.ShouldBe("unsealed");
    }

    [Fact]
    public async Task A_missing_end_is_told_by_the_checkpoint_in_the_database_and_when_that_went_too_by_the_one_kept_elsewhere()
    {
        await using var audit = await AuditBench.CreateAsync(postgres);
        await audit.RecordAsync(10);
        var kept = (await audit.SignAsync()).ShouldNotBeNull();
        await audit.TamperAsync(
            """
            DELETE FROM lockstep.activity_log WHERE id IN (SELECT activity_id FROM lockstep.activity_seals WHERE position > 7);
            DELETE FROM lockstep.activity_seals WHERE position > 7
            """);
        var fault = (await audit.VerifyAsync()).Faults.Single();
        (fault.Kind, fault.Position).ShouldBe(("missing_tail", 8L));
        fault.What.ShouldContain("10");

        await audit.TamperAsync("DELETE FROM lockstep.activity_checkpoints");
        var report = await audit.VerifyAsync();
        report.Faults.ShouldBeEmpty();
        report.Notes.ShouldContain(note => note.StartsWith("3 numbers"));
        (await audit.VerifyAsync(kept)).Faults.Single().Kind.ShouldBe("missing_tail");

        await audit.TamperAsync("DELETE FROM lockstep.activity_log; DELETE FROM lockstep.activity_seals");
        (await audit.VerifyAsync(kept)).Faults.Single().Kind.ShouldBe("missing_tail");
    }

    [Fact]
    public async Task A_rewritten_chain_fits_itself_and_no_checkpoint()
    {
        await using var audit = await AuditBench.CreateAsync(postgres);
        await audit.RecordAsync(3);
        await audit.SignAsync();
        await audit.RecordAsync(3);
        await audit.SignAsync();
        await audit.RecordAsync(3);
        await audit.SealAsync();
        // The sealer itself seals again what the superuser has changed: every hash fits.
        await audit.TamperAsync(
            """
            DELETE FROM lockstep.activity_seals WHERE position > 4;
            UPDATE lockstep.activity_log SET actor = 'user:framed' WHERE seq = 5;
            UPDATE lockstep.activity_sealer SET xact = '0', seq = 0
            """);
        var report = await audit.VerifyAsync();
        report.Lines.ShouldBe(9);
        var fault = report.Faults.Single();
        (fault.Kind, fault.Position).ShouldBe(("rewritten", 4L));
        fault.What.ShouldContain("4 and 6");
    }

    [Fact]
    public async Task A_checkpoint_of_another_key_or_with_another_text_is_none()
    {
        await using var audit = await AuditBench.CreateAsync(postgres);
        await audit.RecordAsync(3);
        var checkpoint = (await audit.SignAsync()).ShouldNotBeNull();
        (checkpoint with { Position = 2 }).IsSigned().ShouldBeFalse();
        (checkpoint with { Hash = new string('0', 64) }).IsSigned().ShouldBeFalse();
        (checkpoint with { MadeAt = checkpoint.MadeAt + Duration.FromMilliseconds(1) }).IsSigned().ShouldBeFalse();
        (checkpoint with { PublicKey = "no key" }).IsSigned().ShouldBeFalse();
        (await audit.VerifyAsync(checkpoint with { Position = 2 })).Faults.Single().Kind.ShouldBe("bad_checkpoint");

        // A superuser has a key pair of his own and puts it beside ours.
        using var data = DataKey.Generate(new DataKeyName("system", Guid.CreateVersion7(), 1));
        using var forger = SigningKey.Derive(data, Checkpoint.Purpose);
        await audit.TamperAsync(
            $"""
            INSERT INTO lockstep.audit_keys (key_id, public_key, data_key_id) SELECT '{forger.KeyId}', '\x{Convert.ToHexString(forger.PublicKey)}', data_key_id FROM lockstep.audit_keys;
            DELETE FROM lockstep.activity_checkpoints
            """);
        var forged = Checkpoint.Sign(forger, 3, Convert.FromHexString(checkpoint.Hash), checkpoint.MadeAt);
        forged.IsSigned().ShouldBeTrue();
        (await audit.VerifyAsync(forged)).Faults.Single().What.ShouldContain("not this installation's");
    }

    [Fact]
    public async Task No_login_and_not_even_the_owner_changes_the_chain()
    {
        await using var audit = await AuditBench.CreateAsync(postgres);
        await audit.RecordAsync(2);
        await audit.SignAsync();
        foreach (var role in new[] { "lockstep_app", "lockstep_service", "lockstep_owner" })
            foreach (var table in new[] { "activity_log", "activity_seals", "activity_checkpoints" })
                foreach (var verb in new[] { $"UPDATE lockstep.{table} SET {(table == "activity_log" ? "actor = ''" : "hash = ''")}", $"DELETE FROM lockstep.{table}", $"TRUNCATE lockstep.{table} CASCADE" })
                {
                    await using var connection = await audit.ConnectAsync();
#pragma warning disable CA2100 // Written above.
                    await using var command = new NpgsqlCommand($"SET ROLE {role}; {verb}", connection);
#pragma warning restore CA2100
                    (await Should.ThrowAsync<PostgresException>(() => command.ExecuteNonQueryAsync())).SqlState.ShouldBe("42501", $"{role}: {verb}");
                }
        (await audit.VerifyAsync()).Faults.ShouldBeEmpty();
    }
}
