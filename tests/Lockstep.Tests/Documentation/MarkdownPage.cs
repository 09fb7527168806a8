using System.Text.RegularExpressions;

namespace Lockstep.Tests.Documentation;

/// <summary>A page of the documentation: what it links to, what can be linked to, and what of it is to be run.</summary>
internal sealed partial record MarkdownPage(string Path, string Text)
{
    /// <param name="Info">What stands behind the fence, such as <c>bash run</c>.</param>
    internal sealed record Block(int Line, string Info, string Code)
    {
        public bool IsBash => Info == "bash run";

        public bool IsSql => Info.StartsWith("sql run", StringComparison.Ordinal);

        public string? Role => Word("as");

        /// <summary>The SQLSTATE with which it is to fail; null when it is to succeed.</summary>
        public string? Fails => Word("fails");

        /// <summary>What the page says that its output holds: lines <c># -> TEXT</c>.</summary>
        public IEnumerable<string> Promises => Code.Split('\n').Where(line => line.StartsWith("# -> ", StringComparison.Ordinal)).Select(line => line[5..]);

        private string? Word(string after) => Info.Split(' ') is var words && Array.IndexOf(words, after) is >= 0 and var at ? words[at + 1] : null;
    }

    public static MarkdownPage Read(string path) => new(path, File.ReadAllText(path));

    public IReadOnlyList<Block> Blocks
    {
        get
        {
            var blocks = new List<Block>();
            var lines = Text.Split('\n');
            for (var i = 0; i < lines.Length; i++)
            {
                if (!lines[i].StartsWith("```", StringComparison.Ordinal))
                    continue;
                var begin = i;
                while (++i < lines.Length && !lines[i].StartsWith("```", StringComparison.Ordinal))
                {
                }
                blocks.Add(new Block(begin + 1, lines[begin][3..].Trim(), string.Join('\n', lines[(begin + 1)..i])));
            }
            return blocks;
        }
    }

    /// <summary>Of links and pictures, outside of code.</summary>
    public IEnumerable<string> Targets => Link().Matches(Prose).Select(match => match.Groups[1].Value);

    /// <summary>As GitHub makes them of headings.</summary>
    public IReadOnlySet<string> Anchors => Heading().Matches(WithoutBlocks)
        .Select(match => NotInAnchor().Replace(LinkText().Replace(match.Groups[1].Value, "$1").Trim().ToLowerInvariant(), "").Replace(' ', '-')).ToHashSet();

    private string WithoutBlocks => Fenced().Replace(Text, "");

    private string Prose => Code().Replace(WithoutBlocks, "");

    [GeneratedRegex(@"^```[^\n]*\n.*?^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Fenced();

    [GeneratedRegex("`[^`\n]*`")]
    private static partial Regex Code();

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"^#{1,6} (.+)$", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex(@"\[([^\]]*)\]\([^)]*\)")]
    private static partial Regex LinkText();

    [GeneratedRegex(@"[^\p{L}\p{N}\- _]")]
    private static partial Regex NotInAnchor();
}
