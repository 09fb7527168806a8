using System.Net;
using System.Text.Json.Nodes;
using Lockstep.Tests.ChangeSync;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;
using static Lockstep.Tests.ChangeSync.SyncCalls;

namespace Lockstep.Tests.Scenarios;

public sealed class RecordCommandTests
{
    [Fact]
    public async Task Records_go_out_to_a_file_and_in_again_without_doubles_and_a_changed_file_is_noticed()
    {
        await using var installation = new Installation();
        var server = await installation.ServeAsync();
        using var from = server.Client(await installation.TokenAsync("from@example.com"));
        await from.Push("notes", "c", Mutation(1, "a", new { title = new { value = "Größe 😀" } }), Mutation(2, "b", new { title = new { value = "x" } }), Mutation(3, "b", op: "delete"));
        await from.PostAsync("/v1/events", new { summary = "Dentist", start = new { date = "2026-03-02" }, end = new { date = "2026-03-03" } }).ShouldBeAsync(HttpStatusCode.Created);
        var file = Path.Combine(installation.Folder, "notes.ndjson");
        async Task<LockstepProcess> Command(int exit, string user, params string[] arguments)
        {
            var program = await installation.RunAsync([.. arguments, "--url", server.Url.ToString(), "--user", user, "--data-dir", installation.Data]);
            (await program.Ended).ShouldBe(exit, $"{program.Output} {program.Errors}");
            return program;
        }

        (await Command(0, "from@example.com", "export", file)).Output.ShouldBe($"3 records in {file}.");
        File.GetUnixFileMode(file).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
        JsonNode.Parse((await Command(0, "to@example.com", "import", file, "--json")).Output)!["applied"]!.GetValue<int>().ShouldBe(3);
        JsonNode.Parse((await Command(0, "to@example.com", "import", file, "--json")).Output)!["applied"]!.GetValue<int>().ShouldBe(0);
        using var to = server.Client(await installation.TokenAsync("to@example.com"));
        (await to.PullAll("notes")).Changes.Count.ShouldBe(2);
        (await to.GetAsync("/v1/events?from=2026-03-01T00:00:00Z&to=2026-03-04T00:00:00Z").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray()
            .ShouldHaveSingleItem()!.Text("summary").ShouldBe("Dentist");

        var text = await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(file, text.Replace("Größe", "Grösse", StringComparison.Ordinal), TestContext.Current.CancellationToken);
        (await Command(1, "to@example.com", "import", file)).Errors.ShouldContain("Nothing was sent");
        await File.WriteAllTextAsync(file, text[..text.TrimEnd().LastIndexOf('\n')], TestContext.Current.CancellationToken);
        (await Command(1, "to@example.com", "import", file)).Errors.ShouldContain("cut off");
        (await Command(0, "to@example.com", "import", file, "--partial")).Output.ShouldContain("0 changes applied");
    }
}
