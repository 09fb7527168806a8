using System.Net.Sockets;
using System.Text.Json.Nodes;
using Lockstep.Tests.Support;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Hosting;

public sealed class FailuresTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    public static TheoryData<Exception, string, string> Away => new()
    {
        { new NpgsqlException("Failed to connect", new SocketException(111)), "database_unavailable", "nothing was stored" },
        { new NpgsqlException("Exception while reading from stream", new EndOfStreamException()), "database_unavailable", "is not known" },
        { new PostgresException("the database system is in recovery mode", "FATAL", "FATAL", PostgresErrorCodes.CannotConnectNow), "database_unavailable", "nothing was stored" },
        { new PostgresException("could not extend file", "ERROR", "ERROR", PostgresErrorCodes.DiskFull), "disk_full", "nothing was stored" },
    };

    [Theory]
    [MemberData(nameof(Away), DisableDiscoveryEnumeration = true)]
    public async Task While_the_database_is_away_nobody_is_told_more_than_is_known(Exception thrown, string code, string says)
    {
        await using var scope = app.Services.CreateAsyncScope();
        using var body = new MemoryStream();
        var context = new DefaultHttpContext { RequestServices = scope.ServiceProvider, Response = { Body = body } };
        (await app.Services.GetServices<IExceptionHandler>().Single().TryHandleAsync(context, thrown, TestContext.Current.CancellationToken)).ShouldBeTrue();
        var problem = JsonNode.Parse(body.ToArray())!;
        (context.Response.StatusCode, context.Response.Headers.RetryAfter.ToString(), problem.Text("code")).ShouldBe((503, "1", code));
        problem.Text("detail").ShouldContain(says);
    }
}
