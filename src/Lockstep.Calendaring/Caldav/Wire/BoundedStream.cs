namespace Lockstep.Calendaring.Caldav.Wire;

/// <summary>The server sent more than <see cref="CaldavOptions.MaxResponseBytes"/>.</summary>
internal sealed class AnswerTooLargeException : Exception;

/// <summary>Reads at most so many bytes, each read within the idle time.</summary>
internal sealed class BoundedStream(Stream inner, CallDeadline deadline, long maxBytes) : Stream
{
    private long left = maxBytes;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        deadline.Extend();
        var read = await inner.ReadAsync(buffer, deadline.Token).ConfigureAwait(false);
        deadline.Pause();
        left -= read;
        return left < 0 ? throw new AnswerTooLargeException() : read;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("Read asynchronously.");

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            inner.Dispose();
        base.Dispose(disposing);
    }
}
