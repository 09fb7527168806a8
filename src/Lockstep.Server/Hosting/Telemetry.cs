using Lockstep.Server.Postgres;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Lockstep.Server.Hosting;

/// <summary>Traces and metrics over OTLP, when the standard variable OTEL_EXPORTER_OTLP_ENDPOINT names a collector.</summary>
internal sealed class Telemetry : IDisposable
{
    private readonly TracerProvider traces;
    private readonly MeterProvider metrics;

    private Telemetry(TracerProvider traces, MeterProvider metrics)
    {
        this.traces = traces;
        this.metrics = metrics;
    }

    /// <returns>Null without a collector: nothing is recorded then.</returns>
    public static Telemetry? Start(Func<string, string?> environment)
    {
        if (environment("OTEL_EXPORTER_OTLP_ENDPOINT") is not { Length: > 0 })
            return null;
        var resource = ResourceBuilder.CreateDefault().AddService("lockstep");
        // Npgsql's traces carry the SQL text: constants of this program, never a value.
        return new Telemetry(
            Sdk.CreateTracerProviderBuilder().SetResourceBuilder(resource)
                .AddSource(Meters.Name, "Microsoft.AspNetCore", "Npgsql").AddOtlpExporter().Build(),
            Sdk.CreateMeterProviderBuilder().SetResourceBuilder(resource)
                .AddMeter(Meters.Name, "Microsoft.AspNetCore.Hosting", "Npgsql").AddOtlpExporter().Build());
    }

    public void Dispose()
    {
        traces.Dispose();
        metrics.Dispose();
    }
}
