using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using Lockstep.Crypto;

namespace Lockstep.Server.Vault.OAuth;

/// <summary>A form (application/x-www-form-urlencoded) that holds secrets: written as bytes, and cleared.</summary>
internal sealed class TokenForm : IDisposable
{
    private static readonly byte[] Hex = "0123456789ABCDEF"u8.ToArray();

    private byte[] bytes = new byte[512];
    private int length;

    public void Add(string name, string value) => Add(name, Encoding.UTF8.GetBytes(value));

    public void Add(string name, Secret value)
    {
        var plain = value.RevealBytes();
        try
        {
            Add(name, plain);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(plain);
        }
    }

    /// <summary>Reads the bytes where they lie: dispose this only when the request is over.</summary>
    public HttpContent ToContent() => new ByteArrayContent(bytes, 0, length)
    {
        Headers = { ContentType = new MediaTypeHeaderValue("application/x-www-form-urlencoded") },
    };

    public void Dispose() => CryptographicOperations.ZeroMemory(bytes);

    /// <summary>Client id and secret for the header: encoded as in a form, then joined (RFC 6749 section 2.3.1). A header is a string, which cannot be cleared.</summary>
    public static AuthenticationHeaderValue Basic(string clientId, Secret clientSecret)
    {
        using var id = new TokenForm();
        using var secret = new TokenForm();
        id.Encode(Encoding.UTF8.GetBytes(clientId));
        var plain = clientSecret.RevealBytes();
        try
        {
            secret.Encode(plain);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(plain);
        }
        byte[] both = [.. id.bytes.AsSpan(0, id.length), (byte)':', .. secret.bytes.AsSpan(0, secret.length)];
        var header = Convert.ToBase64String(both);
        CryptographicOperations.ZeroMemory(both);
        return new AuthenticationHeaderValue("Basic", header);
    }

    private void Add(string name, ReadOnlySpan<byte> value)
    {
        if (length > 0)
            Put((byte)'&');
        Encode(Encoding.ASCII.GetBytes(name));
        Put((byte)'=');
        Encode(value);
    }

    private void Encode(ReadOnlySpan<byte> value)
    {
        foreach (var one in value)
        {
            if (char.IsAsciiLetterOrDigit((char)one) || one is (byte)'-' or (byte)'.' or (byte)'_' or (byte)'*')
            {
                Put(one);
            }
            else if (one == (byte)' ')
            {
                Put((byte)'+');
            }
            else
            {
                Put((byte)'%');
                Put(Hex[one >> 4]);
                Put(Hex[one & 0xF]);
            }
        }
    }

    private void Put(byte one)
    {
        if (length == bytes.Length)
        {
            var larger = new byte[bytes.Length * 2];
            bytes.CopyTo(larger, 0);
            CryptographicOperations.ZeroMemory(bytes);
            bytes = larger;
        }
        bytes[length++] = one;
    }
}
