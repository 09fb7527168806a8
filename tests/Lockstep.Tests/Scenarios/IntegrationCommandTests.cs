using System.Text.Json.Nodes;
using Lockstep.Tests.Calendaring.Caldav;
using Lockstep.Tests.Integrations;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Scenarios;

public sealed class IntegrationCommandTests(FakeCaldavServer fake) : IClassFixture<FakeCaldavServer>
{
    [Fact]
    public async Task Commands_say_how_accounts_stand_and_what_was_set_aside_of_them()
    {
        var calendar = new FakeCalendar(fake, "/cal/shell/");
        calendar.Members["good.ics"] = ("\"1\"", DavProbe.Event("good@shell", "Good"));
        calendar.Members["odd.ics"] = ("\"2\"", DavProbe.Event("odd@shell", "Odd").Replace("UID:", "UIX:", StringComparison.Ordinal));
        await using var installation = new Installation();
        installation.Environment["LOCKSTEP_OUTBOUND_ALLOW"] = fake.Url.Authority;
        var server = await installation.ServeAsync();
        async Task<LockstepProcess> Command(params string[] arguments)
        {
            var program = await installation.RunAsync(["integrations", .. arguments, "--url", server.Url.ToString(), "--user", "you@example.com", "--data-dir", installation.Data]);
            (await program.Ended).ShouldBe(0, $"{program.Output} {program.Errors}");
            return program;
        }

        (await Command("quarantine")).Output.ShouldBe("Nothing is set aside.");
        var client = server.Client(await installation.TokenAsync("you@example.com"));
        var id = (await client.ConnectAsync(calendar.Url, calendar.Path)).Id();
        await client.SyncAsync(id);

        var listed = JsonNode.Parse((await Command("list", "--json")).Output)!.AsArray().ShouldHaveSingleItem()!;
        listed.Text("id").ShouldBe(id.ToString());
        var aside = (await Command("quarantine", "--integration", id.ToString())).Output;
        aside.ShouldContain("/cal/shell/odd.ics\t");
        aside.ShouldNotContain("good.ics");
    }
}
