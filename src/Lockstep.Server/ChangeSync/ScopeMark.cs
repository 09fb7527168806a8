using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Lockstep.Server.ChangeSync;

/// <summary>Which scopes there are and how far they are, as one number: what <c>lockstep.scope_marks</c> says of a user is the same when a read has seen all that there is.</summary>
internal static class ScopeMark
{
    /// <param name="cursor">Of a page after which there was no more.</param>
    public static long Of(SyncCursor cursor)
    {
        if (cursor.Scopes.Count == 0)
            return 0;
        var scopes = cursor.Scopes.Select(scope => (Id: scope.Key.ToString(), scope.Value)).OrderBy(scope => scope.Id, StringComparer.Ordinal)
            .Select(scope => string.Create(CultureInfo.InvariantCulture, $"{scope.Id} {scope.Value.Seq} {scope.Value.Epoch}"));
        return BinaryPrimitives.ReadInt64BigEndian(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join(',', scopes))));
    }
}
