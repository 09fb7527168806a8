namespace Lockstep.Bench;

internal static class Statistics
{
    public static double Median(this IEnumerable<double> values) => values.ToList().Percentile(0.5);

    /// <param name="share">0 to 1. Between two values: the middle of both. NaN without any.</param>
    public static double Percentile(this List<double> values, double share)
    {
        if (values.Count == 0)
            return double.NaN;
        var sorted = values.Order().ToList();
        var middle = (sorted.Count - 1) * share;
        var (below, above) = (sorted[(int)Math.Floor(middle)], sorted[(int)Math.Ceiling(middle)]);
        return (below + above) / 2;
    }
}
