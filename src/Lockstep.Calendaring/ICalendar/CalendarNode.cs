using System.Buffers;

namespace Lockstep.Calendaring.ICalendar;

/// <summary>A piece of a calendar text: a content line or a component.</summary>
public abstract class CalendarNode
{
    private protected CalendarNode() { }

    /// <summary>The physical line on which it begins, from 1; 0 for what was made here.</summary>
    public abstract int LineNumber { get; }

    /// <summary>Null at the top of a document.</summary>
    public CalendarComponent? Parent { get; internal set; }

    /// <summary>Its bytes as they stand in the text.</summary>
    public byte[] ToBytes()
    {
        var output = new ArrayBufferWriter<byte>(256);
        WriteTo(output);
        return output.WrittenSpan.ToArray();
    }

    internal abstract void WriteTo(IBufferWriter<byte> output);

    /// <summary>Whether the last byte ends a line; what follows must begin on a line of its own.</summary>
    internal abstract bool EndsLine { get; }
}
