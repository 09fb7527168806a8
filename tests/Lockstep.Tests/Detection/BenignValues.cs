using System.Globalization;
using System.Text.Json;

namespace Lockstep.Tests.Detection;

/// <summary>Draws what stands in configurations, mappings, titles and metadata without being secret, the lookalikes of secrets first.</summary>
internal sealed class BenignValues(Random random)
{
    private const string Lower = "abcdefghijklmnopqrstuvwxyz";
    private const string Digits = "0123456789";
    private const string Hex = Digits + "abcdef";
    private const string Alnum = "ABCDEFGHIJKLMNOPQRSTUVWXYZ" + Lower + Digits;

    private static readonly string[] Words =
    [
        "the", "password", "of", "this", "account", "is", "kept", "in", "vault", "ask", "an", "admin", "for", "access", "token", "meeting", "with", "client", "about",
        "secret", "project", "key", "results", "and", "basic", "settings", "bearer", "of", "news", "API", "documentation", "rotated", "monthly", "call", "before",
        "Tuesday", "invoice", "please", "bring", "passport", "review", "sign", "contract", "Müller", "école", "اجتماع", "会議", "sk", "live", "test", "data",
    ];

    private static readonly string[] Locales = ["de-DE", "en-US", "fr-CH", "ar-AE", "zh-Hans-CN", "sr-Latn-RS", "pt_BR.UTF-8", "C.UTF-8"];

    private static readonly string[] Zones = ["Asia/Dubai", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+3", "UTC"];

    private static readonly string[] Hosts = ["caldav.example.com", "p34-caldav.icloud.com", "calendar.google.com", "dav.mailbox.org", "cloud.example.net:8443"];

    public static readonly (string Kind, Func<BenignValues, string> Draw)[] All =
    [
        ("uuid", b => b.Named(["id", "userId", "calendarId", "credentialId", "keyId", "apiKeyId", "tokenId", "secretId", "requestId"], b.Uuid())),
        ("uuid without hyphens", b => b.Named(["id", "uid", "traceId", "tenant", "objectId"], b.Uuid().Replace("-", "", StringComparison.Ordinal))),
        ("hash", b => b.Named(["sha256", "sha1", "md5", "etag", "checksum", "passwordHash", "tokenHash", "fingerprint", "commit", "digest"], b.Of(Hex, b.One(32, 40, 64, 128)))),
        ("base64 hash", b => b.Named(["integrity", "digest", "hash", "etag"], b.One("sha256-", "sha512-", "") + Convert.ToBase64String(b.Bytes(b.One(20, 32, 64))))),
        ("ulid", b => b.Named(["id", "ulid", "eventId", "cursor"], "01" + b.Of("0123456789ABCDEFGHJKMNPQRSTVWXYZ", 24))),
        ("short id", b => b.Named(["id", "nanoid", "slug", "videoId", "ref"], b.Of(Alnum + "-_", b.One(11, 16, 20, 21)))),
        ("public key", b => b.Named(["publicKey", "sshPublicKey", "verifyKey", "pub"], b.One("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA", "ssh-rsa AAAAB3NzaC1yc2EAAAADAQAB") + b.Of(Alnum + "+/", b.One(43, 300)) + " me@host")),
        ("public pem", b => b.Named(["publicKey", "certificate", "ca"], $"-----BEGIN {b.Pick("PUBLIC KEY", "CERTIFICATE")}-----\n{Convert.ToBase64String(b.Bytes(90))}\n-----END")),
        ("jwk", b => $$"""{"kty":"EC","crv":"P-256","x":"{{b.Of(Alnum + "-_", 43)}}","y":"{{b.Of(Alnum + "-_", 43)}}","kid":"{{b.Of(Hex, 16)}}"}"""),
        ("client id", b => b.Named(["clientId", "client_id", "appId", "publishableKey", "accessKeyId"], b.One(
            b.Of(Digits, 12) + "-" + b.Of(Lower + Digits, 32) + ".apps.googleusercontent.com", "pk_live_" + b.Of(Alnum, 24), "ca_" + b.Of(Alnum, 32), "Iv1." + b.Of(Hex, 16), b.Of(Lower + Digits, 20)))),
        ("url", b => b.Named(["url", "href", "tokenUrl", "redirectUri", "webhook", "logo", "authorization_endpoint"], $"https://{b.Pick(Hosts)}/{b.Pick("dav", "remote.php/dav", "oauth/token", "a")}/{b.Of(Lower, 7)}/{b.Uuid()}?v={b.Of(Digits, 4)}&state={b.Of(Alnum, 22)}")),
        ("url with user", b => b.Named(["url", "repository"], b.One($"ssh://git@{b.Pick(Hosts)}/a.git", $"https://me@{b.Pick(Hosts)}/x", $"https://{b.Pick(Hosts)}/a:b@c", "postgres://user:${PASSWORD}@db/x"))),
        ("calendar id", b => b.Named(["calendarPath", "calendarId", "selectedCalendarIds"], b.One("/dav/calendars/user/" + b.Of(Lower, 5) + "/" + b.Uuid() + "/", b.Of(Lower + Digits, 26) + "@group.calendar.google.com", "https://" + b.Pick(Hosts) + "/" + b.Of(Digits, 10) + "/calendars/" + b.Uuid()))),
        ("sync token", b => b.Named(["syncToken", "nextPageToken", "ctag", "sync_token"], b.One("http://sabre.io/ns/sync/" + b.Of(Digits, 6), "data:," + b.Of(Digits, 4), "FT=-@RU=" + b.Uuid() + "@S=" + b.Of(Digits, 4), b.Of(Hex, 64)))),
        ("event uid", b => b.Named(["uid", "iCalUID"], b.One(b.Uuid() + "@example.com", b.Of(Lower + Digits, 26) + "@google.com", "040000008200E00074C5B7101A82E008" + b.Of(Digits + "ABCDEF", 80)))),
        ("locale", b => b.Named(["locale", "language", "timezone", "timeZone"], b.Pick([.. Locales, .. Zones]))),
        ("image", b => b.Named(["avatar", "logo", "image"], $"data:image/{b.Pick("png", "jpeg")};base64,{Convert.ToBase64String(b.Bytes(b.One(200, 800, 2000)))}")),
        ("bare image", b => b.Named(["photo", "data", "content"], Convert.ToBase64String(b.Bytes(b.One(60, 300, 1500))))),
        ("our ciphertext", b => b.Named(["value", "encrypted", "sealed"], b.One(
            string.Join(':', Convert.ToBase64String(b.Bytes(12)), Convert.ToBase64String(b.Bytes(16)), Convert.ToBase64String(b.Bytes(b.One(40, 200)))),
            "vault:v1:" + Convert.ToBase64String(b.Bytes(60))))),
        ("bcrypt", b => b.Named(["passwordHash", "password_hash", "hash"], "$2b$12$" + b.Of(Alnum + "./", 53))),
        ("masked", b => b.Named(["maskedValue", "hint", "last4"], b.One("sk_live_********" + b.Of(Alnum, 4), "****" + b.Of(Digits, 4), "xoxb-********"))),
        ("reference", b => b.Named(["password", "token", "secret", "apiKey", "clientSecret"], b.One("vault:secret/data/" + b.Pick(Words) + "#v", "${SMTP_PASSWORD}", "{{ secrets.TOKEN }}", "<your key here>", "changeme", "", "env:API_KEY", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:x-a1b2c3", "op://vault/item/field", "required", "null", "********", "YOUR_API_KEY", "stored elsewhere"))),
        ("about secrets", b => b.Named(["tokenType", "secretName", "passwordPolicy", "tokenEndpointAuthMethod", "authorizationHeader", "keyUsage", "secretRef", "apiKeyHeader", "passwordExpiresAt", "tokenTtl"], b.One("bearer", "Bearer", "stripe-prod", "min-length-12", "client_secret_basic", "X-Api-Key", "digitalSignature", "2026-03-01T10:00:00Z", "3600", "kv/prod/stripe"))),
        ("field mapping", b => $$"""{"version":1,"mappings":[{"from":"{{b.Pick("password", "token", "customField_10020", "properties.api_key", "X-SECRET-NOTE")}}","to":"{{b.Pick("summary", "notes", "secretField", "external_id")}}","transform":"{{b.Pick("trim", "lowercase", "regex:^(.{8})", "join:, ")}}"}]}"""),
        ("prose", b => b.Named(["description", "title", "notes", "about", "message"], b.Prose())),
        ("sentence about secrets", b => b.Named(["description", "notes"], b.One(
            "Password is stored in the company vault.", "The token expires monthly; secret: see vault.", "Reset password: click the link.", "API key is rotated by Ops.", "token = bearer", "Secret Santa: Thursday 18:00", "password: required, token: optional",
            "Basic authentication is used.", "Bearer authentication as in RFC 6750.", "Ask for the access key: reception@example.com", "credentials: none-needed"))),
        ("e-mail", b => b.Named(["email", "username", "contact", "externalUsername"], $"{b.Of(Lower, 6)}.{b.Of(Lower, 8)}{b.Of(Digits, 2)}@{b.Pick("example.com", "mail.example.org")}")),
        ("phone", b => b.Named(["phoneE164", "phone", "fax"], "+" + b.Of("123456789", 1) + b.Of(Digits, 11))),
        ("time", b => b.Named(["expiresAt", "start", "createdAt"], new DateTime(2020, 1, 1, 0, 0, 0, DateTimeKind.Utc).AddMinutes(b.Between(4_000_000)).ToString("O", CultureInfo.InvariantCulture))),
        ("version", b => b.Named(["version", "userAgent", "product"], b.One($"{b.Between(30)}.{b.Between(30)}.{b.Between(999)}", $"Mozilla/5.0 (X11; Linux x86_64) Firefox/{b.Between(140)}.0", "-//Example Corp.//CalDAV Client//EN"))),
        ("identifier", b => b.Named(["type", "scope", "role", "kind", "provider"], b.One("https://www.googleapis.com/auth/calendar.readonly", "openid profile offline_access", "urn:ietf:params:oauth:grant-type:device_code", "CREDENTIAL_CREATED", "serviceAccountTokenCreator", "application/vnd.api+json"))),
        ("number", b => $$"""{"{{b.Pick("maxTokens", "total_tokens", "passwordLength", "pin_count")}}":{{b.Between(1_000_000)}},"ratio":0.{{b.Of(Digits, 12)}}}"""),
        ("color and css", b => b.Named(["color", "style"], b.One("#" + b.Of(Hex, 6), "rgba(1,2,3,.4)", "linear-gradient(90deg,#" + b.Of(Hex, 6) + ",#" + b.Of(Hex, 6) + ")"))),
        ("file name", b => b.Named(["file", "path", "attachment"], b.One($"/home/{b.Of(Lower, 5)}/.ssh/id_ed25519.pub", $"invoice-{b.Of(Digits, 8)}.pdf", $"C:\\Users\\{b.Of(Lower, 5)}\\key-{b.Of(Lower, 4)}.txt", $"IMG_{b.Of(Digits, 8)}_{b.Of(Digits, 6)}.jpg"))),
        ("iban and numbers", b => b.Named(["iban", "reference", "invoice", "trackingNumber"], b.One("AE" + b.Of(Digits, 21), "DE" + b.Of(Digits, 20), "RF" + b.Of(Digits, 14), "1Z" + b.Of("ABCDEFGHJK" + Digits, 16)))),
    ];

    private string Named(string[] names, string value) => JsonSerializer.Serialize(new Dictionary<string, string> { [names[random.Next(names.Length)]] = value });

    private string Prose() => string.Join(' ', Enumerable.Range(0, Between(30) + 2).Select(_ => Words[random.Next(Words.Length)])) + ".";

    private string Uuid() => new Guid(Bytes(16)).ToString();

    private string Of(string alphabet, int length) => new([.. Enumerable.Range(0, length).Select(_ => alphabet[random.Next(alphabet.Length)])]);

    private int Between(int most) => random.Next(most);

    private T One<T>(params T[] values) => values[random.Next(values.Length)];

    private string Pick(params string[] values) => values[random.Next(values.Length)];

    private byte[] Bytes(int length)
    {
        var bytes = new byte[length];
        random.NextBytes(bytes);
        return bytes;
    }
}
