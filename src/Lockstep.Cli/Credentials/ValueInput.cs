using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Lockstep.Cli.Credentials;

/// <summary>Values come from standard input, never from the command line: that is in the shell's history and in every process list.</summary>
internal static class ValueInput
{
    private const int MaxBytes = 1 << 20;

    /// <summary>Builds a JSON body around a value that is read now, without a string of it in between.</summary>
    /// <param name="raw">Keeps the line feed at the end; without it, one that <c>echo</c> put there is taken off.</param>
    public static byte[] Body(string member, bool raw, Action<Utf8JsonWriter> others)
    {
        var value = Console.IsInputRedirected ? ReadAll() : Ask("Value");
        try
        {
            var text = value.AsSpan();
            if (!raw && text.EndsWith("\n"u8))
                text = text[..^(text.EndsWith("\r\n"u8) ? 2 : 1)];
            using var buffer = new MemoryStream();
            using (var json = new Utf8JsonWriter(buffer))
            {
                json.WriteStartObject();
                json.WriteString(member, text);
                others(json);
                json.WriteEndObject();
            }
            var body = buffer.ToArray();
            CryptographicOperations.ZeroMemory(buffer.GetBuffer());
            return body;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(value);
        }
    }

    public static byte[] Body(Action<Utf8JsonWriter> members)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            members(json);
            json.WriteEndObject();
        }
        return buffer.ToArray();
    }

    private static byte[] ReadAll()
    {
        using var input = Console.OpenStandardInput();
        var buffer = new byte[MaxBytes + 1];
        var length = input.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
        var value = buffer[..length];
        CryptographicOperations.ZeroMemory(buffer);
        return length <= MaxBytes ? value : throw new IOException($"The value on standard input is longer than {MaxBytes} bytes");
    }

    /// <summary>At a terminal, without showing what is typed.</summary>
    public static byte[] Ask(string what)
    {
        Console.Error.Write($"{what} (not shown): ");
        var text = new StringBuilder();
        while (Console.ReadKey(intercept: true) is { Key: not ConsoleKey.Enter } key)
        {
            if (key.Key != ConsoleKey.Backspace)
                text.Append(key.KeyChar);
            else if (text.Length > 0)
                text.Length--;
        }
        Console.Error.WriteLine();
        return Encoding.UTF8.GetBytes(text.ToString());
    }
}
