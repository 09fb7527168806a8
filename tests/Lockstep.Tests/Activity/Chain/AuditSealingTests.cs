using System.Text.Json.Nodes;
using Lockstep.Crypto;
using Lockstep.Server.Activity.Chain;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Lockstep.Tests.Support;
using NodaTime;
using Npgsql;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Activity.Chain;

public sealed class AuditSealingTests(PostgresServer postgres)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_line_that_commits_late_is_sealed_after_lines_with_higher_numbers_and_none_is_passed_over()
    {
        await using var audit = await AuditBench.CreateAsync(postgres);
        await using var slow = await audit.ConnectAsync("lockstep_service");
        await using var transaction = await slow.BeginTransactionAsync(Ct);
        await using var command = new NpgsqlCommand("SELECT lockstep.record_activity(NULL, NULL, 'CREDENTIAL_CREATED', 'credential', NULL)", slow, transaction);
        await command.ExecuteScalarAsync(Ct);
        await audit.RecordAsync(3);

        var held = await audit.Chain.SealAll(Ct);
        held.Sealed.ShouldBe(0);
        held.OldestUnsealed.ShouldNotBeNull();
        (await audit.Bench.Get<AuditVerifier>().Verify([], (_, _) => { }, Ct)).Notes.ShouldContain(note => note.StartsWith("3 lines wait"));

        await transaction.CommitAsync(Ct);
        (await audit.SealAsync()).Sealed.ShouldBe(4);
        await audit.RecordAsync(1);
        var report = await audit.VerifyAsync();
        report.Faults.ShouldBeEmpty();
        report.Lines.ShouldBe(5);
    }

    [Fact]
    public async Task Several_sealers_at_once_beside_writers_make_one_chain()
    {
        await using var audit = await AuditBench.CreateAsync(postgres);
        using var done = new CancellationTokenSource();
        var sealers = Enumerable.Range(0, 3).Select(async _ =>
        {
            while (!done.IsCancellationRequested)
                await audit.Chain.Seal(Ct);
        }).ToList();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => audit.RecordAsync(40)));
        await done.CancelAsync();
        await Task.WhenAll(sealers);
        var report = await audit.VerifyAsync();
        report.Faults.ShouldBeEmpty();
        report.Lines.ShouldBe(320);
        (await audit.TamperAsync("UPDATE lockstep.activity_log SET request_id = overlay(request_id PLACING 'x' FROM 1 FOR 1) WHERE id = (SELECT activity_id FROM lockstep.activity_seals WHERE position = 200)")).ShouldBe(1);
        var fault = (await audit.VerifyAsync()).Faults.Single();
        (fault.Kind, fault.Position).ShouldBe(("changed", 200L));
    }

    [Fact]
    public async Task A_restored_copy_whose_transactions_count_from_lower_on_is_sealed_on()
    {
        await using var audit = await AuditBench.CreateAsync(postgres);
        await audit.RecordAsync(3);
        await audit.SealAsync();
        await audit.RecordAsync(2);
        await audit.TamperAsync("UPDATE lockstep.activity_log SET xact = (xact::text::bigint + 1000000000)::text::xid8; UPDATE lockstep.activity_sealer SET xact = (xact::text::bigint + 1000000000)::text::xid8");
        await audit.RecordAsync(2);
        (await audit.SealAsync()).ShouldSatisfyAllConditions(sealing => sealing.Sealed.ShouldBe(4), sealing => sealing.OldestUnsealed.ShouldBeNull());
        (await audit.SealAsync()).Sealed.ShouldBe(0);
        await audit.RecordAsync(2);
        (await audit.SealAsync()).Sealed.ShouldBe(2);
        (await audit.VerifyAsync()).ShouldSatisfyAllConditions(report => report.Faults.ShouldBeEmpty(), report => report.Lines.ShouldBe(9));
    }

    [Fact]
    public async Task What_is_older_than_400_days_is_forgotten_up_to_a_checkpoint_and_the_rest_stays_whole()
    {
        await using var audit = await AuditBench.CreateAsync(postgres);
        var past = new FakeTime(DateTimeOffset.UnixEpoch.AddYears(50));
        var long_ago = new AuditChain(audit.Bench.Get<Database>(), audit.Bench.Get<AuditSigner>(), past);
        await audit.RecordAsync(4);
        (await long_ago.Sign(await audit.SealAsync(), Ct)).ShouldNotBeNull();
        await audit.RecordAsync(4);
        past.Advance(TimeSpan.FromDays(1));
        var second = (await long_ago.Sign(await audit.SealAsync(), Ct)).ShouldNotBeNull();
        await audit.RecordAsync(4);

        // The newest checkpoint is where the chain goes on from: it stays with its stretch.
        (await audit.Chain.Prune(Ct)).ShouldBe(4);
        await audit.SignAsync();
        (await audit.Chain.Prune(Ct)).ShouldBe(4);
        var report = await audit.VerifyAsync(second);
        report.Faults.ShouldBeEmpty();
        (report.Lines, report.First, report.Last, report.Checkpoints).ShouldBe((4, 9, 12, 3));
        report.Notes.Single().ShouldContain("1 to 8 were forgotten");

        await audit.TamperAsync("DELETE FROM lockstep.activity_log WHERE id IN (SELECT activity_id FROM lockstep.activity_seals WHERE position < 11); DELETE FROM lockstep.activity_seals WHERE position < 11");
        (await audit.VerifyAsync()).Faults.Single().Kind.ShouldBe("missing_front");
        var early = await Should.ThrowAsync<PostgresException>(() => audit.Bench.Get<Database>().For(Caller.Service).Query(
            new Statement("SELECT lockstep.prune_activity(now() - interval '399 days')"), row => row.GetInt64(0), Ct));
        early.SqlState.ShouldBe("42501");
    }

    [Fact]
    public async Task A_front_cut_off_right_after_a_young_checkpoint_is_missing()
    {
        await using var audit = await AuditBench.CreateAsync(postgres);
        await audit.RecordAsync(4);
        await audit.SignAsync();
        await audit.RecordAsync(4);
        await audit.SignAsync();
        await audit.TamperAsync("DELETE FROM lockstep.activity_log WHERE id IN (SELECT activity_id FROM lockstep.activity_seals WHERE position <= 4); DELETE FROM lockstep.activity_seals WHERE position <= 4");
        (await audit.VerifyAsync()).Faults.Single().ShouldSatisfyAllConditions(
            fault => fault.Kind.ShouldBe("missing_front"), fault => fault.What.ShouldContain("400 days"));
    }

    [Fact]
    public async Task The_export_alone_is_enough_to_check_the_chain()
    {
        await using var audit = await AuditBench.CreateAsync(postgres);
        await audit.RecordAsync(25);
        await audit.SealAsync();
        using var output = new MemoryStream();
        (await audit.Bench.Get<AuditExport>().Write(output, 0, Ct)).ShouldBe(25);
        var previous = HashChain.Start;
        var lines = System.Text.Encoding.UTF8.GetString(output.ToArray()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        foreach (var line in lines)
        {
            var json = JsonNode.Parse(line)!;
            // What stands behind the name of the details up to the end of the line, byte for byte.
            var details = line[(line.IndexOf("\"details\":", StringComparison.Ordinal) + "\"details\":".Length)..^1];
            var fields = SealedLine.Names.Select(name => name == "details" ? details : json[name]?.ToString());
            previous = HashChain.Next(previous, json["position"]!.GetValue<long>(), fields);
            Convert.ToHexStringLower(previous).ShouldBe(json.Text("hash"));
        }
        lines.Length.ShouldBe(25);
    }

    [Fact]
    public async Task Without_a_master_key_the_audit_is_sealed_and_not_signed()
    {
        await using var audit = await AuditBench.CreateAsync(postgres, locked: true);
        await audit.RecordAsync(3);
        (await audit.SignAsync()).ShouldBeNull();
        (await audit.VerifyAsync()).ShouldSatisfyAllConditions(report => report.Faults.ShouldBeEmpty(), report => report.Lines.ShouldBe(3));
    }

    [Fact]
    public void A_line_that_waits_a_minute_raises_the_alarm_until_it_is_sealed()
    {
        var time = new FakeTime();
        var watch = new SealWatch(time);
        watch.Alarm.ShouldBeNull();
        watch.Note(new Sealing(0, 7, null, Instant.FromDateTimeOffset(time.GetUtcNow())));
        watch.Alarm.ShouldBeNull();
        time.Advance(TimeSpan.FromSeconds(61));
        watch.Alarm.ShouldNotBeNull().ShouldContain("61 s");
        watch.Note(new Sealing(1, 8, null, null));
        watch.Alarm.ShouldBeNull();
        watch.NoteSigned(false);
        watch.Alarm.ShouldNotBeNull().ShouldContain("not signed");
    }
}
