using System.Text;

namespace Lockstep.Server.Postgres.Embedded;

/// <summary>Writes what the server says to <c>postgres.log</c> and keeps two files of 10 MB at most. It also remembers the last lines,
/// for the sentence that explains why the server did not start. A full disk costs log lines, never the reading: a server
/// whose pipe is full stops.</summary>
internal sealed class ServerLog(string directory) : IDisposable
{
    private const long MaxBytes = 10 * 1024 * 1024;
    private const int MaxLine = 8 * 1024;
    private const int Remembered = 30;
    private readonly Queue<string> _last = new();
    private readonly Lock _lock = new();
    private FileStream? _file;

    public string Path => System.IO.Path.Combine(directory, "postgres.log");

    public void Write(string line)
    {
        if (line.Length > MaxLine) line = line[..MaxLine];
        lock (_lock)
        {
            _last.Enqueue(line);
            if (_last.Count > Remembered) _last.Dequeue();
            try
            {
                Append(line);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                _file?.Dispose();
                _file = null;
            }
        }
    }

    /// <summary>The last lines, oldest first.</summary>
    public IReadOnlyList<string> Last()
    {
        lock (_lock) return [.. _last];
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _file?.Dispose();
            _file = null;
        }
    }

    private void Append(string line)
    {
        _file ??= Open();
        if (_file.Length > MaxBytes)
        {
            _file.Dispose();
            _file = null;
            File.Move(Path, Path + ".1", overwrite: true);
            _file = Open();
        }
        _file.Write(Encoding.UTF8.GetBytes(line + "\n"));
        _file.Flush();
    }

    private FileStream Open() =>
        new(Path, new FileStreamOptions
        {
            Mode = FileMode.Append,
            Access = FileAccess.Write,
            Share = FileShare.ReadWrite | FileShare.Delete,
            BufferSize = 0,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
}
