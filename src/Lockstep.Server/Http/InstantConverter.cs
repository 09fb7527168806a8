using System.Text.Json;
using System.Text.Json.Serialization;
using NodaTime;
using NodaTime.Text;

namespace Lockstep.Server.Http;

/// <summary>An instant on the wire: RFC 3339 with any offset on the way in, in UTC on the way out.</summary>
internal sealed class InstantConverter : JsonConverter<Instant>
{
    public override Instant Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.String && Rfc3339.Read(reader.GetString()!) is { } time
            ? time
            : throw new JsonException("A time is RFC 3339 with an offset, such as 2026-03-01T09:00:00Z.");

    public override void Write(Utf8JsonWriter writer, Instant value, JsonSerializerOptions options) =>
        writer.WriteStringValue(InstantPattern.ExtendedIso.Format(value));
}
