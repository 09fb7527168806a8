using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;
using Lockstep.Server.Postgres;

namespace Lockstep.Server.Hosting;

/// <summary>This program's own instruments, and the web server's request times, in the Prometheus text format 0.0.4.</summary>
/// <remarks>Listens to <see cref="System.Diagnostics.Metrics"/>, so that an instrument is declared once for this and for OTLP.</remarks>
internal sealed class PrometheusText : IDisposable
{
    /// <summary>Upper bounds in seconds: as OpenTelemetry recommends for request times, and on to what a sync may take or wait.</summary>
    private static readonly double[] Bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];

    private readonly MeterListener listener = new();
    private readonly ConcurrentDictionary<(string Name, string Labels), double> values = new();
    private readonly ConcurrentDictionary<(string Name, string Labels), Histogram> histograms = new();
    private readonly ConcurrentDictionary<string, (string Kind, string Help)> families = new();

    public PrometheusText()
    {
        listener.InstrumentPublished = (instrument, listening) =>
        {
            if (instrument.Meter.Name == Meters.Name || instrument.Name is "http.server.request.duration" or "http.server.active_requests")
                listening.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Record(instrument, value, tags));
        listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Record(instrument, value, tags));
        listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Record(instrument, value, tags));
        listener.Start();
    }

    public string Render()
    {
        listener.RecordObservableInstruments();
        var text = new StringBuilder();
        foreach (var (name, (kind, help)) in families.OrderBy(family => family.Key, StringComparer.Ordinal))
        {
            text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {help}\n# TYPE {name} {kind}\n");
            foreach (var ((_, labels), value) in values.Where(entry => entry.Key.Name == name).OrderBy(entry => entry.Key.Labels, StringComparer.Ordinal))
                text.Append(CultureInfo.InvariantCulture, $"{name}{Braces(labels)} {value}\n");
            foreach (var ((_, labels), histogram) in histograms.Where(entry => entry.Key.Name == name).OrderBy(entry => entry.Key.Labels, StringComparer.Ordinal))
                histogram.Render(text, name, labels);
        }
        return text.ToString();
    }

    public void Dispose() => listener.Dispose();

    private static string Braces(string labels) => labels.Length == 0 ? "" : $"{{{labels}}}";

    private void Record(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var kind = instrument switch
        {
            Histogram<double> or Histogram<long> or Histogram<int> => "histogram",
            Counter<long> or Counter<int> or Counter<double> or ObservableCounter<long> or ObservableCounter<double> => "counter",
            _ => "gauge",
        };
        var name = instrument.Name.Replace('.', '_') + (kind, instrument.Unit) switch
        {
            ("counter", _) => "_total",
            (_, "s") => "_seconds",
            (_, "By") => "_bytes",
            _ => "",
        };
        families.TryAdd(name, (kind, instrument.Description ?? instrument.Name));
        var key = (name, Labels(tags));
        if (kind == "histogram")
            histograms.GetOrAdd(key, _ => new Histogram()).Record(value);
        else if (kind == "counter" && !instrument.IsObservable || instrument is UpDownCounter<long> or UpDownCounter<int>)
            values.AddOrUpdate(key, value, (_, sum) => sum + value);
        else
            values[key] = value;
    }

    private static string Labels(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if (tags.IsEmpty)
            return "";
        var labels = new List<string>(tags.Length);
        foreach (var (name, value) in tags)
            labels.Add($"{name.Replace('.', '_')}=\"{Convert.ToString(value, CultureInfo.InvariantCulture)?.Replace("\\", "\\\\").Replace("\"", "\\\"").Replace("\n", "\\n")}\"");
        labels.Sort(StringComparer.Ordinal);
        return string.Join(',', labels);
    }

    private sealed class Histogram
    {
        private readonly Lock gate = new();
        private readonly long[] counts = new long[Bounds.Length];
        private double sum;
        private long total;

        public void Record(double value)
        {
            lock (gate)
            {
                total++;
                sum += value;
                for (var i = 0; i < Bounds.Length; i++)
                    counts[i] += value <= Bounds[i] ? 1 : 0;
            }
        }

        public void Render(StringBuilder text, string name, string labels)
        {
            var prefix = labels.Length == 0 ? "" : labels + ",";
            lock (gate)
            {
                for (var i = 0; i < Bounds.Length; i++)
                    text.Append(CultureInfo.InvariantCulture, $"{name}_bucket{{{prefix}le=\"{Bounds[i]}\"}} {counts[i]}\n");
                text.Append(CultureInfo.InvariantCulture, $"{name}_bucket{{{prefix}le=\"+Inf\"}} {total}\n");
                text.Append(CultureInfo.InvariantCulture, $"{name}_sum{Braces(labels)} {sum}\n{name}_count{Braces(labels)} {total}\n");
            }
        }
    }
}
