using System.CommandLine;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using Lockstep.Cli.Credentials;

namespace Lockstep.Cli.Records;

/// <summary><c>lockstep export</c> and <c>import</c>: a user's synced records, out and in again.</summary>
internal static class RecordCommands
{
    public static Command Export()
    {
        var file = new Argument<FileInfo>("file") { Description = "Is written anew; '-.part' stands beside it until all of it has come and its hash fits" };
        return Call.Create("export", "Write every record that a user may see to a file, one JSON object a line, with a hash at its end.",
            "lockstep export notes.ndjson --user you@example.com", [file],
            async (call, ct) =>
            {
                var target = call.Value(file)!;
                var part = target.FullName + ".part";
                await using (var output = new FileStream(part, new FileStreamOptions
                {
                    Mode = FileMode.Create,
                    Access = FileAccess.ReadWrite,
                    UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
                }))
                {
                    await call.Fetch("/v1/export", output, ct);
                    output.Position = 0;
                    var read = await RecordFile.Check(output, ct);
                    if (read.Problem is { } problem)
                        throw new ApiRefusedException(ExitCode.Failed, $"What came is not whole, and stays in {part}. {problem} Run it again.");
                    call.Print(new JsonObject { ["file"] = target.FullName, ["records"] = read.Records }, said => $"{said["records"]} records in {said["file"]}.");
                }
                File.Move(part, target.FullName, overwrite: true);
            });
    }

    public static Command Import()
    {
        var file = new Argument<FileInfo>("file") { Description = "As 'lockstep export' writes it" };
        var partial = new Option<bool>("--partial") { Description = "Also when it was cut off or changed" };
        return Call.Create("import", "Merge a file of records into a user's, by the time of each field. Again, it changes nothing more. From tables of other software: lockstep adopt.",
            "lockstep import notes.ndjson --user you@example.com", [file, partial],
            async (call, ct) =>
            {
                var source = call.Value(file)!;
                await using var input = source.OpenRead();
                if ((await RecordFile.Check(input, ct)).Problem is { } problem && !call.Value(partial))
                    throw new ApiRefusedException(ExitCode.Failed, $"{problem} Nothing was sent. --partial imports what there is.");
                input.Position = 0;
                var content = new StreamContent(input);
                content.Headers.ContentType = new MediaTypeHeaderValue("application/x-ndjson");
                var answer = await call.Upload("/v1/import", content, ct);
                call.Print(answer, Tell);
                if (answer["rejected"]!.AsArray().Count > 0)
                    throw new ApiRefusedException(ExitCode.Failed, "Some records were not taken; the lines above say which and why. The others are stored.");
            });
    }

    private static string Tell(JsonNode answer) => string.Join('\n',
    [
        $"{answer["records"]} records: {answer["applied"]} changes applied, {answer["superseded"]} were there already or are older.",
        .. answer["notes"]!.AsArray().Select(note => $"{note!["count"]} {note["code"]}, the first on line {note["line"]}: {note["detail"]}"),
        .. answer["rejected"]!.AsArray().Select(rejected => $"line {rejected!["line"]}: {rejected["code"]}: {rejected["detail"]}"),
    ]);
}
