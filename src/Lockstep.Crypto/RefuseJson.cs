using System.Text.Json;
using System.Text.Json.Serialization;

namespace Lockstep.Crypto;

/// <summary>Makes writing or reading a <typeparamref name="T"/> as JSON an error, also where it is a member of something else.</summary>
internal sealed class RefuseJson<T> : JsonConverter<T>
{
    public override T Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => throw Refusal();

    public override void Write(Utf8JsonWriter writer, T value, JsonSerializerOptions options) => throw Refusal();

    private static NotSupportedException Refusal() =>
        new($"{typeof(T).Name} is not serialized: reveal it on purpose, where the answer is made.");
}
