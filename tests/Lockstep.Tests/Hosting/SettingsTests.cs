using Lockstep.Server;
using Lockstep.Server.Hosting;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Hosting;

public sealed class SettingsTests : IDisposable
{
    private readonly string directory = Directory.CreateTempSubdirectory("lockstep-settings-").FullName;

    public void Dispose() => Directory.Delete(directory, recursive: true);

    [Fact]
    public void A_new_data_directory_gets_its_own_key_and_token_secret_readable_by_its_owner_alone()
    {
        var settings = Load([]);
        settings.Keys!.Newest!.Id.ShouldBe("local-1");
        foreach (var name in new[] { DataDirectoryFiles.MasterKeysFile, DataDirectoryFiles.JwtSecretFile })
            File.GetUnixFileMode(Path.Combine(directory, name)).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    [Fact]
    public void The_second_start_finds_the_same_key()
    {
        var first = Load([]).Keys!.Newest!.Fingerprint;
        Load([]).Keys!.Newest!.Fingerprint.ShouldBe(first);
        // A deployment that passes an unset variable on.
        Load(new() { ["LOCKSTEP_MASTER_KEYS"] = "" }).Keys!.Newest!.Fingerprint.ShouldBe(first);
    }

    [Fact]
    public void A_token_secret_that_is_made_beside_a_database_is_told()
    {
        Load([]).SecretReplaced.ShouldBeFalse("a new installation");
        Directory.CreateDirectory(Path.Combine(directory, "postgres"));
        File.Delete(Path.Combine(directory, DataDirectoryFiles.JwtSecretFile));
        Load([]).SecretReplaced.ShouldBeTrue();
        Load([]).SecretReplaced.ShouldBeFalse("it is there now");
    }

    [Fact]
    public void No_key_is_made_beside_an_existing_cluster()
    {
        Directory.CreateDirectory(Path.Combine(directory, "postgres"));
        Load([]).Keys.ShouldBeNull();
        File.Exists(Path.Combine(directory, DataDirectoryFiles.MasterKeysFile)).ShouldBeFalse();
    }

    [Fact]
    public void With_a_database_of_the_users_nothing_is_made()
    {
        var refused = Should.Throw<StartRefusedException>(() => Load(new() { ["LOCKSTEP_DATABASE_URL"] = "postgres://u:hunter2@db/x" }));
        refused.Message.ShouldContain("LOCKSTEP_JWT_SECRET");
        refused.Message.ShouldNotContain("hunter2");
        Directory.EnumerateFileSystemEntries(directory).ShouldBeEmpty();
    }

    [Fact]
    public void A_token_secret_that_was_lost_is_made_anew_by_a_start_alone()
    {
        Load([]).SecretReplaced.ShouldBeFalse();
        Directory.CreateDirectory(Path.Combine(directory, "postgres"));
        var file = Path.Combine(directory, DataDirectoryFiles.JwtSecretFile);
        File.Delete(file);

        foreach (var refused in new[] { Should.Throw<StartRefusedException>(() => LoadBeside([])), Should.Throw<StartRefusedException>(() => Settings.LoadTokenSettings(directory, _ => null)) })
        {
            refused.Message.ShouldContain($"no {DataDirectoryFiles.JwtSecretFile} in {directory}");
            refused.Message.ShouldContain("LOCKSTEP_JWT_SECRET");
        }
        LoadBeside(new() { ["LOCKSTEP_JWT_SECRET"] = new string('s', 48) }).Jwt.Secret.ShouldNotBeNull();
        File.Exists(file).ShouldBeFalse();

        Load([]).SecretReplaced.ShouldBeTrue();
        File.Exists(file).ShouldBeTrue();
        LoadBeside([]).SecretReplaced.ShouldBeFalse();
    }

    [Fact]
    public void A_command_makes_the_secrets_of_a_new_installation()
    {
        LoadBeside([]).Keys.ShouldNotBeNull();
        File.Exists(Path.Combine(directory, DataDirectoryFiles.JwtSecretFile)).ShouldBeTrue();
    }

    [Fact]
    public void All_faults_are_reported_at_once_and_no_value_with_them()
    {
        var refused = Should.Throw<StartRefusedException>(() => Load(new()
        {
            ["LOCKSTEP_MASTER_KEYS"] = "k1:bm90IGEga2V5IGJ1dCBhIHNlY3JldA==",
            ["LOCKSTEP_JWT_SECRET"] = "too-short-secret",
            ["LOCKSTEP_RATE_LIMIT"] = "plenty",
            ["LOCKSTEP_OUTBOUND_ALLOW"] = "no port here",
            ["LOCKSTEP_CORS_ORIGINS"] = "*",
            ["LOCKSTEP_URLS"] = "ftp://example.com",
            ["LOCKSTEP_SQL_VAULT_KEY"] = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=,dG9vIHNob3J0",
        }));
        foreach (var named in new[] { "LOCKSTEP_MASTER_KEYS", "LOCKSTEP_JWT_SECRET", "LOCKSTEP_RATE_LIMIT", "LOCKSTEP_OUTBOUND_ALLOW", "LOCKSTEP_CORS_ORIGINS", "LOCKSTEP_SQL_VAULT_KEY", "--urls" })
            refused.Message.ShouldContain(named);
        refused.Message.ShouldNotContain("bm90IGEga2V5");
        refused.Message.ShouldNotContain("too-short-secret");
    }

    [Theory]
    [InlineData("postgres://user:pa%20ss@db.example.com:5433/app?sslmode=require", "db.example.com", 5433, "app")]
    [InlineData("Host=db.example.com;Port=5433;Database=app;Username=user;Password=pa ss", "db.example.com", 5433, "app")]
    public void A_database_address_is_read_in_both_forms(string text, string host, int port, string name)
    {
        var address = DatabaseAddresses.Read(text, _ => null)!.Migrator;
        (address.Host, address.Port, address.Database, address.Username, address.Password).ShouldBe((host, port, name, "user", "pa ss"));
    }

    [Theory]
    [InlineData("postgres://user:hunter2@db/x?nonsense=1")]
    [InlineData("Hst=db;Password=hunter2")]
    [InlineData("Password=hunter2")]
    public void A_bad_database_address_is_refused_without_showing_it(string text)
    {
        var refused = Should.Throw<StartRefusedException>(() => DatabaseAddresses.Read(text, _ => null));
        refused.Message.ShouldContain("--database");
        refused.Message.ShouldNotContain("hunter2");
    }

    private Settings LoadBeside(Dictionary<string, string> environment) =>
        Settings.LoadBeside(new ServeOptions(null, directory, null), name => environment.GetValueOrDefault(name));

    private Settings Load(Dictionary<string, string> environment) =>
        Settings.Load(new ServeOptions(null, directory, null), name => environment.GetValueOrDefault(name));
}
