using Lockstep.Server.Integrations;
using Lockstep.Tests.Support;
using Microsoft.Extensions.Logging;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Integrations;

/// <summary>A worker that looks every second says once a minute that it cannot.</summary>
public sealed class DatabaseTroubleTests
{
    private readonly FakeTime time = new();
    private readonly FakeLogger log = new();

    [Fact]
    public void It_is_said_at_once_then_once_a_minute_and_when_it_is_over()
    {
        var trouble = new DatabaseTrouble(time, log);
        trouble.Back();
        for (var second = 0; second < 150; second++)
        {
            trouble.Away("57P01");
            time.Advance(TimeSpan.FromSeconds(1));
        }
        trouble.Back();
        trouble.Back();

        log.Lines.ShouldBe(
        [
            "4004 The worker cannot reach the database (57P01, for 0 s); it goes on trying",
            "4004 The worker cannot reach the database (57P01, for 60 s); it goes on trying",
            "4004 The worker cannot reach the database (57P01, for 120 s); it goes on trying",
            "4006 The worker reaches the database again, after 150 s",
        ]);
    }

    [Fact]
    public void The_next_time_it_is_said_at_once_again()
    {
        var trouble = new DatabaseTrouble(time, log);
        trouble.Away("a");
        trouble.Back();
        trouble.Away("b");

        log.Lines.Select(line => line[..4]).ShouldBe(["4004", "4006", "4004"]);
    }

    private sealed class FakeLogger : ILogger
    {
        public List<string> Lines { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Add($"{eventId.Id} {formatter(state, exception)}");
    }
}
