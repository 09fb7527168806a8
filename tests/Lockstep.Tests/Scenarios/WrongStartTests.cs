using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Lockstep.Crypto;
using Lockstep.Server.Postgres.Embedded;
using Lockstep.Tests.Support;
using Lockstep.Tests.Vault;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Scenarios;

/// <summary>Starts that cannot be: one clear sentence on standard error, an exit code other than 0, no stack trace, nothing left running.</summary>
public sealed class WrongStartTests
{
    private const UnixFileMode Everybody = (UnixFileMode)0b111_101_101;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Without_its_key_it_starts_locked_and_with_a_wrong_one_not_at_all()
    {
        await using var installation = new Installation();
        var program = await installation.ServeAsync();
        var token = await installation.TokenAsync("you@example.com");
        var id = (await program.Client(token).StoreAsync("mail", "a-secret-value")).Id();
        await program.StopAsync();
        var right = await File.ReadAllTextAsync(installation.MasterKeys, Ct);
        File.Delete(installation.MasterKeys);

        program = await installation.ServeAsync();
        program.Output.ShouldContain("LOCKED");
        File.Exists(installation.MasterKeys).ShouldBeFalse();
        var client = program.Client(token);
        var health = await client.GetAsync("/health", Ct).ShouldBeAsync(HttpStatusCode.OK);
        health.Text("status").ShouldBe("degraded");
        health["checks"]!.Text("keys").ShouldContain("no master key");
        await client.RevealAsync(id).ShouldBeProblemAsync(503, "vault_locked");
        await client.PostAsync("/v1/credentials", new { name = "n", provider = "p", type = "SECRET", value = "v" }).ShouldBeProblemAsync(503, "vault_locked");
        await program.StopAsync();

        var wrong = $"other:{Convert.ToBase64String(RandomNumberGenerator.GetBytes(32))}";
        await File.WriteAllTextAsync(installation.MasterKeys, wrong, Ct);
        var refused = await RefusedAsync(installation);
        refused.Errors.ShouldContain(FingerprintOf(right));
        refused.Errors.ShouldContain(FingerprintOf(wrong));

        await File.WriteAllTextAsync(installation.MasterKeys, right, Ct);
        program = await installation.ServeAsync();
        (await program.Client(token).ValueAsync(id)).ShouldBe("a-secret-value");
    }

    [Fact]
    public async Task A_taken_port_and_a_taken_data_directory_are_named()
    {
        await using var installation = new Installation();
        using (var taken = new TcpListener(IPAddress.Loopback, 0))
        {
            taken.Start();
            var url = $"http://127.0.0.1:{((IPEndPoint)taken.LocalEndpoint).Port}";
            var port = await RefusedAsync(installation, "--urls", url);
            port.Errors.ShouldContain($"Cannot listen on {url}: another program uses that port.");
            await installation.NothingRunsAsync();
        }

        await installation.ServeAsync();
        (await RefusedAsync(installation)).Errors.ShouldContain("in use by another Lockstep");
    }

    [Theory]
    [InlineData("file")]
    [InlineData("/proc/lockstep")] // Nobody may make a directory there, root included.
    public async Task A_data_directory_that_cannot_be_written_is_named(string place)
    {
        await using var installation = new Installation();
        var path = Path.Combine(installation.Folder, place);
        if (place == "file")
            await File.WriteAllTextAsync(path, "", Ct);
        var refused = await RefusedAsync(installation, "--data-dir", path);
        refused.Errors.ShouldContain($"Cannot use the data directory {path}");
        refused.Errors.ShouldContain("--data-dir");
    }

    [Fact]
    public async Task An_old_PostgreSQL_is_named_with_what_to_do()
    {
        await using var installation = new Installation();
        var bin = Path.Combine(installation.Folder, "bin");
        Directory.CreateDirectory(bin, Everybody);
        foreach (var program in new[] { "postgres", "initdb" })
        {
            await File.WriteAllTextAsync(Path.Combine(bin, program), "#!/bin/sh\necho 'postgres (PostgreSQL) 13.16'\n", Ct);
            File.SetUnixFileMode(Path.Combine(bin, program), Everybody);
        }
        installation.Environment[PostgresBinaries.OverrideVariable] = bin;
        var refused = await RefusedAsync(installation);
        refused.Errors.ShouldContain($"PostgreSQL 13 in {bin} is too old");
        refused.Errors.ShouldContain("--database");
    }

    [Fact]
    public async Task Settings_that_are_wrong_are_all_named_at_once_without_their_values()
    {
        await using var installation = new Installation();
        installation.Environment["LOCKSTEP_MASTER_KEYS"] = "one:c2hvcnQtc2VjcmV0";
        installation.Environment["LOCKSTEP_RATE_LIMIT"] = "many";
        installation.Environment["LOCKSTEP_OUTBOUND_ALLOW"] = "no port";
        var refused = await RefusedAsync(installation, "--urls", "ftp://here");
        foreach (var name in new[] { "LOCKSTEP_MASTER_KEYS", "LOCKSTEP_RATE_LIMIT", "LOCKSTEP_OUTBOUND_ALLOW", "--urls" })
            refused.Errors.ShouldContain(name);
        refused.Errors.ShouldNotContain("c2hvcnQtc2VjcmV0");
    }

    [Fact]
    public async Task A_database_that_cannot_be_used_is_named()
    {
        await using var cluster = await ScramCluster.StartAsync(await PostgresBinaries.FindAsync(null, _ => { }, Ct), Ct);
        await cluster.AsAdminAsync("CREATE ROLE nobody_special LOGIN PASSWORD 'of-nobody-special'");
        await using var installation = new Installation();
        installation.Environment["LOCKSTEP_JWT_SECRET"] = "a secret that signs the tokens of tests alone";

        var unreachable = await RefusedAsync(installation, "--database", $"postgres://a:of-nobody-special@127.0.0.1:{ServerProcess.FreePort()}/app");
        unreachable.Errors.ShouldContain("Cannot reach PostgreSQL at 127.0.0.1:");
        (await unreachable.Ended).ShouldBe(4, "a later start may go well");
        var stranger = await RefusedAsync(installation, "--database", cluster.Address("nobody_special", "wrong-password", "postgres"));
        stranger.Errors.ShouldContain("28P01");
        var powerless = await RefusedAsync(installation, "--database", cluster.Address("nobody_special", "of-nobody-special", "postgres"));
        powerless.Errors.ShouldContain("CREATEROLE");
        var nowhere = await RefusedAsync(installation, "--database", "somewhere");
        nowhere.Errors.ShouldContain("--database is not a database address");
        foreach (var refused in new[] { unreachable, stranger, powerless, nowhere })
        {
            refused.Errors.ShouldNotContain("of-nobody-special");
            refused.Errors.ShouldNotContain("wrong-password");
        }
        Directory.Exists(installation.Data).ShouldBeFalse("a server of the user's needs no data directory");
    }

    private static async Task<LockstepProcess> RefusedAsync(Installation installation, params string[] arguments)
    {
        string[] standard = arguments.Contains("--urls") ? [] : ["--urls", "http://127.0.0.1:0"];
        if (!arguments.Contains("--data-dir"))
            standard = [.. standard, "--data-dir", installation.Data];
        var program = await installation.RunAsync(["serve", .. standard, .. arguments]);
        (await program.Ended).ShouldBeInRange(1, 4, program.Errors);
        program.Output.ShouldBeEmpty();
        program.Errors.ShouldContain("error: ");
        program.Errors.ShouldNotContain("   at ");
        program.Errors.ShouldNotContain("Exception");
        return program;
    }

    private static string FingerprintOf(string setting) =>
        ((KeyRingOutcome.Loaded)KeyRing.Parse(setting.Trim(), null)).Ring.Newest!.Fingerprint;
}
