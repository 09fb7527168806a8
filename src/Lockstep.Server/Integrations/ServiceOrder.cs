using Lockstep.Server.Outbound.Names;

namespace Lockstep.Server.Integrations;

/// <summary>In which order the servers of a service are tried (RFC 2782): the lowest priority first, within it drawn by weight.</summary>
internal static class ServiceOrder
{
    /// <param name="draw">A number from 0 up to its argument, included.</param>
    public static IReadOnlyList<SrvRecord> Of(IEnumerable<SrvRecord> records, Func<int, int> draw)
    {
        var ordered = new List<SrvRecord>();
        foreach (var priority in records.GroupBy(record => record.Priority).OrderBy(group => group.Key))
        {
            // Those without weight stand first, so that they are drawn when the number is 0, and seldom else.
            var left = priority.OrderBy(record => record.Weight > 0).ToList();
            while (left.Count > 0)
            {
                var point = draw(left.Sum(record => record.Weight));
                var sum = 0;
                var chosen = left.First(record => (sum += record.Weight) >= point);
                left.Remove(chosen);
                ordered.Add(chosen);
            }
        }
        return ordered;
    }
}
