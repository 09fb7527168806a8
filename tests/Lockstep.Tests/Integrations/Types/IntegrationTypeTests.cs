using System.Net;
using System.Text.Json.Nodes;
using Lockstep.Server.Integrations;
using Lockstep.Server.Integrations.Caldav;
using Lockstep.Server.Integrations.Types;
using Lockstep.Tests.Booking;
using Lockstep.Tests.Support;
using Npgsql;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Integrations.Types;

/// <summary>Each type takes its own members and nothing else, on either way in; and a row that nobody can read harms no neighbour.</summary>
public sealed class IntegrationTypeTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    private const string Account = """{"url":"https://cal.example.com/","username":"ada","calendarPath":"","selectedCalendarIds":[]}""";

    private CancellationToken Ct { get; } = TestContext.Current.CancellationToken;

    public static TheoryData<string, string, string, string> Connections { get; } = new()
    {
        { "icloud", """{"username":"ada@example.com"}""", "pw", """{"url":"https://caldav.icloud.com/","username":"ada@example.com","calendarPath":"","selectedCalendarIds":[]}""" },
        { "fastmail", """{"username":"ada@example.com"}""", "pw", """{"url":"https://caldav.fastmail.com/","username":"ada@example.com","calendarPath":"","selectedCalendarIds":[]}""" },
        { "google", """{"username":"ada@example.com"}""", "token", """{"url":"https://apidata.googleusercontent.com/caldav/v2/ada%40example.com/user","username":"ada@example.com","calendarPath":"","selectedCalendarIds":[],"auth":"bearer"}""" },
        { "nextcloud", """{"url":"https://cloud.example.com/remote.php/dav","username":"ada"}""", "pw", """{"url":"https://cloud.example.com/remote.php/dav","username":"ada","calendarPath":"","selectedCalendarIds":[]}""" },
        { "ics", """{"url":"webcal://example.com/holidays.ics"}""", "", """{"url":"https://example.com/holidays.ics"}""" },
        { "api_key", """{"service":"stripe","baseUrl":"https://api.stripe.com/v1","header":"Authorization","prefix":"Bearer"}""", "key", """{"service":"stripe","baseUrl":"https://api.stripe.com/v1","header":"Authorization","prefix":"Bearer"}""" },
        { "webhook", """{"url":"https://example.com/hook","events":["paid"]}""", "", """{"url":"https://example.com/hook","events":["paid"]}""" },
    };

    [Theory]
    [MemberData(nameof(Connections))]
    public async Task Every_type_is_connected_with_what_it_needs(string type, string config, string secret, string stored)
    {
        var owner = app.As("typed");
        var made = await owner.PostAsync("/v1/integrations", new JsonObject
        {
            ["integrationType"] = type,
            ["config"] = JsonNode.Parse(config),
            ["secret"] = secret.Length == 0 ? null : secret,
            ["syncSchedule"] = new JsonObject { ["intervalSeconds"] = 86_400 },
        }).ShouldBeAsync(HttpStatusCode.Created);

        made["config"]!.ToJsonString().ShouldBe(JsonNode.Parse(stored)!.ToJsonString());
        made["hasSecret"]!.GetValue<bool>().ShouldBe(secret.Length > 0);
        (await app.ScalarAsync<bool>("SELECT config = $2::text::jsonb AND config_format = 1 FROM lockstep.integrations WHERE id = $1", made.Id(), stored)).ShouldBeTrue();
        var kept = type is "api_key" or "webhook";
        (made["nextSyncAt"] is null).ShouldBe(kept);
        if (!kept)
            return;
        await owner.SyncAsync(made.Id()).ShouldBeProblemAsync(409, "nothing_to_sync");
        var changed = await owner.PatchAsync(made.Id(), """{"label":"Ours"}""").ShouldBeAsync(HttpStatusCode.OK);
        changed["nextSyncAt"].ShouldBeNull();
        changed.Text("status").ShouldBe("active");
    }

    [Theory]
    [InlineData("icloud", """{"username":"a","url":"https://caldav.fastmail.com/"}""", "pw", "config.url")]
    [InlineData("icloud", """{"username":"a","service":"x"}""", "pw", "config.service")]
    [InlineData("nextcloud", """{"username":"a"}""", "pw", "config.url")]
    [InlineData("fastmail", """{"username":"a"}""", null, "secret")]
    [InlineData("ics", """{"url":"https://example.com/a.ics","username":"a"}""", null, "config.username")]
    [InlineData("ics", """{"url":"https://example.com/a.ics"}""", "https://example.com/b.ics", "secret")]
    [InlineData("ics", """{"url":"http://10.0.0.1/a.ics"}""", null, "config.url")]
    [InlineData("ics", "{}", null, "config.url")]
    [InlineData("ics", "{}", "no address", "secret")]
    [InlineData("api_key", """{"username":"a"}""", "key", "config.service")]
    [InlineData("api_key", """{"service":"s","header":"two words"}""", "key", "config.header")]
    [InlineData("api_key", """{"service":"s","calendarPath":"/a"}""", "key", "config.calendarPath")]
    [InlineData("webhook", """{"url":"example.com"}""", null, "config.url")]
    [InlineData("webhook", """{"url":"https://example.com/","events":[""]}""", null, "config.events")]
    public async Task What_a_type_does_not_take_is_refused_by_name(string type, string config, string? secret, string field)
    {
        var problem = await app.As("refused").PostAsync("/v1/integrations", new JsonObject { ["integrationType"] = type, ["config"] = JsonNode.Parse(config), ["secret"] = secret })
            .ShouldBeProblemAsync(422, "invalid_request");
        problem["errors"]!.AsObject().Select(error => error.Key).ShouldContain(field);
    }

    [Fact]
    public async Task The_catalogue_names_every_type_with_what_it_takes()
    {
        var items = (await app.As("typed").GetAsync("/v1/integration-types").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray();
        items.Select(item => item!.Text("type")).ShouldBe(["caldav", "icloud", "google", "fastmail", "nextcloud", "ics", "api_key", "webhook"]);
        items.ShouldAllBe(item => item!["configMembers"]!.AsArray().Count > 0);
    }

    [Theory]
    [InlineData("caldav", "{}")]
    [InlineData("caldav", """{"url":"https://cal.example.com/","username":"ada","calendarPath":"","selectedCalendarIds":[],"more":1}""")]
    [InlineData("caldav", """{"url":"ftp://cal.example.com/","username":"ada","calendarPath":"","selectedCalendarIds":[]}""")]
    [InlineData("caldav", """{"url":"https://cal.example.com/","username":7,"calendarPath":"","selectedCalendarIds":[]}""")]
    [InlineData("caldav", """{"url":"https://cal.example.com/","username":"ada","calendarPath":"","selectedCalendarIds":"all"}""")]
    [InlineData("caldav", """{"url":"https://cal.example.com/","username":"ada","calendarPath":null,"selectedCalendarIds":[]}""")]
    [InlineData("caldav", """{"url":"https://cal.example.com/","username":"ada","calendarPath":"","selectedCalendarIds":[],"auth":"basic"}""")]
    [InlineData("ics", """{"url":"https://cal.example.com/a.ics","private":true}""")]
    [InlineData("ics", """{"url":"https://cal.example.com/a.ics","fingerprint":"0123456789ab"}""")]
    [InlineData("api_key", """{"baseUrl":"https://api.example.com/"}""")]
    [InlineData("webhook", """{"url":"https://example.com/"}""")]
    [InlineData("fax", "{}")]
    public async Task The_database_refuses_what_the_server_could_not_read(string type, string config)
    {
        ConfigReader.Default.Read(type, ConfigReader.Newest, config).ShouldBeNull();
        (await Refusal(type, config, Mappings, Schedule)).ShouldBe("integrations_config_check");
    }

    [Theory]
    [InlineData("""{"version":0,"mappings":[]}""", Schedule)]
    [InlineData("""{"version":1}""", Schedule)]
    [InlineData("""{"version":1,"mappings":[{"from":"a"}]}""", Schedule)]
    [InlineData("""{"version":1,"mappings":[{"from":"a","to":"b","by":"c"}]}""", Schedule)]
    [InlineData("""{"version":1,"mappings":[],"more":[]}""", Schedule)]
    [InlineData(Mappings, """{"intervalSeconds":14}""")]
    [InlineData(Mappings, """{"intervalSeconds":"60"}""")]
    [InlineData(Mappings, """{"intervalSeconds":60.5}""")]
    [InlineData(Mappings, """{"intervalSeconds":60,"cron":"* * * * *"}""")]
    public async Task The_database_refuses_mappings_and_schedules_that_are_none(string mappings, string schedule) =>
        (await Refusal("caldav", Account, mappings, schedule)).ShouldBe("integrations_config_check");

    [Fact]
    public void A_config_of_an_earlier_format_is_lifted_and_one_of_a_later_format_is_left_alone()
    {
        var reader = new ConfigReader(3,
        [
            new ConfigStep("caldav", 1, config => { config["url"] = config["server"]?.DeepClone(); config.Remove("server"); return config; }),
            new ConfigStep("caldav", 2, config => { config["selectedCalendarIds"] = new JsonArray(config["calendar"]?.DeepClone()); config.Remove("calendar"); return config; }),
        ]);
        var lifted = reader.Read("caldav", 1, """{"server":"https://cal.example.com/","username":"ada","calendarPath":"","calendar":"https://cal.example.com/a/"}""").ShouldBeOfType<CaldavConfig>();
        (lifted.Url, lifted.SelectedCalendarIds.Single()).ShouldBe(("https://cal.example.com/", "https://cal.example.com/a/"));
        reader.Read("caldav", 2, """{"url":"https://cal.example.com/","username":"ada","calendarPath":"","calendar":"https://cal.example.com/a/"}""").ShouldBeOfType<CaldavConfig>();
        reader.Read("caldav", 3, Account).ShouldBeOfType<CaldavConfig>();
        // A type whose shape did not change has no step.
        reader.Read("webhook", 1, """{"url":"https://example.com/","events":[]}""").ShouldBeOfType<WebhookConfig>();
        reader.Read("caldav", 4, Account).ShouldBeNull();
        reader.Read("caldav", 1, Account).ShouldBeNull();
    }

    [Fact]
    public async Task A_row_that_cannot_be_read_is_an_error_of_its_own_and_no_fault_of_its_list()
    {
        var owner = app.As("spoilt");
        await owner.PublishAsync("spoilt");
        var good = await owner.PostAsync("/v1/integrations", new { integrationType = "ics", config = new { url = "https://example.com/a.ics" }, syncSchedule = new { intervalSeconds = 86_400 } }).ShouldBeAsync(HttpStatusCode.Created);
        var bad = (await owner.PostAsync("/v1/integrations", new { integrationType = "caldav", config = JsonNode.Parse(Account), secret = "pw", syncSchedule = new { intervalSeconds = 86_400 } }).ShouldBeAsync(HttpStatusCode.Created)).Id();
        foreach (var (column, broken) in new[] { ("config", """["not", "an", "object"]"""), ("field_mappings", """{"version":"one"}"""), ("sync_schedule", "17") })
        {
            await Spoil(bad, column, broken);
            var items = (await owner.GetAsync("/v1/integrations").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray();
            items.Select(item => item!.Id()).ShouldBe([good.Id(), bad], ignoreOrder: true);
            var told = items.Single(item => item!.Id() == bad)!;
            told.Text("status").ShouldBe("error");
            told.Text("lastSyncErrorCode").ShouldBe("config_unreadable");
            told.Text("lastSyncError").ShouldContain($"cannot be read ({column})");
            told["config"]!.ToJsonString().ShouldBe("{}");
            await owner.GetAsync($"/v1/integrations/{bad}").ShouldBeAsync(HttpStatusCode.OK);
            await owner.SyncAsync(bad).ShouldBeProblemAsync(409, "nothing_to_sync");
            await owner.PatchAsync(bad, """{"label":"Other"}""").ShouldBeProblemAsync(422, "invalid_request");
            (await app.Anonymous().GetAsync("/c/spoilt/slots").ShouldBeAsync(HttpStatusCode.OK))["unconfirmed"]!.GetValue<bool>().ShouldBeTrue();
            using var page = await app.Anonymous().GetAsync("/c/spoilt", Ct);
            page.StatusCode.ShouldBe(HttpStatusCode.OK);
            await owner.GetAsync("/v1/provider").ShouldBeAsync(HttpStatusCode.OK);
            using (var console = await ConsolePages.ConsoleVisitor.SignInAsync(app, "spoilt"))
            {
                (await console.PageAsync("/console/connections")).Body!.TextContent.ShouldContain("cannot be read");
                await console.PageAsync($"/console/connections/{bad}");
                await console.PageAsync("/console");
            }
            var mended = await owner.PatchAsync(bad, $$$"""{"config":{{{Account}}},"fieldMappings":{"version":1,"mappings":[]},"syncSchedule":{"intervalSeconds":86400},"secret":"pw"}""").ShouldBeAsync(HttpStatusCode.OK);
            mended["config"]!.ToJsonString().ShouldBe(Account);
        }
    }

    private const string Mappings = """{"version":1,"mappings":[]}""";
    private const string Schedule = """{"intervalSeconds":60}""";

    private async Task Spoil(Guid id, string column, string value)
    {
        await using var connection = await app.ConnectAsync();
#pragma warning disable CA2100 // Written in this test.
        await using var command = new NpgsqlCommand($"SET session_replication_role = replica; UPDATE lockstep.integrations SET {column} = '{value}' WHERE id = '{id}'", connection);
#pragma warning restore CA2100
        await command.ExecuteNonQueryAsync(Ct);
    }

    private async Task<string?> Refusal(string type, string config, string mappings, string schedule)
    {
        await app.As("typed").GetAsync("/v1/integrations").ShouldBeAsync(HttpStatusCode.OK);
        await using var connection = await app.ConnectAsync();
        await using var command = new NpgsqlCommand(
            "INSERT INTO lockstep.integrations (id, user_id, integration_type, label, config, field_mappings, sync_schedule) VALUES (gen_random_uuid(), $1, $2, 'l', $3::jsonb, $4::jsonb, $5::jsonb)", connection)
        {
            Parameters = { new() { Value = app.UserId("typed") }, new() { Value = type }, new() { Value = config }, new() { Value = mappings }, new() { Value = schedule } },
        };
        return (await Record.ExceptionAsync(() => command.ExecuteNonQueryAsync(Ct))).ShouldBeOfType<PostgresException>().ConstraintName;
    }
}
