using System.Text;
using System.Text.Json;

namespace Lockstep.Tests.Detection;

/// <summary>Draws keys in the shapes that the providers' documents describe, piece by piece and not from the detector's patterns, and puts them where
/// people put them. Nothing here is or was anybody's key.</summary>
internal sealed class SyntheticSecrets(Random random)
{
    private const string Lower = "abcdefghijklmnopqrstuvwxyz";
    private const string Upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    private const string Digits = "0123456789";
    private const string Alnum = Upper + Lower + Digits;
    private const string Url64 = Alnum + "-_";
    private const string Hex = Digits + "abcdef";
    private const string Base32 = Upper + "234567";

    /// <summary>The rows of the table of formats, and the function that draws one of each.</summary>
    public static readonly (string Kind, Func<SyntheticSecrets, string> Draw)[] Structured =
    [
        ("aws", s => s.One("AKIA", "ASIA", "ABIA", "ACCA") + s.Of(Base32, 16)),
        ("github", s => s.One("ghp", "gho", "ghu", "ghs", "ghr") + "_" + s.Of(Alnum, 36)),
        ("github fine-grained", s => "github" + "_pat_" + s.Of(Alnum, 22) + "_" + s.Of(Alnum, 59)),
        ("gitlab", s => "glpat" + "-" + s.Of(Url64, 20)),
        ("stripe", s => s.One("sk", "rk") + "_" + s.One("test", "live", "prod") + "_" + s.Of(Alnum, s.Between(10, 99))),
        ("stripe webhook", s => "whsec" + "_" + s.Of(Alnum, 32)),
        ("openai project", s => "sk-" + s.One("proj", "svcacct", "admin") + "-" + s.Of(Url64, 74) + "T3Blbk" + "FJ" + s.Of(Url64, 74)),
        ("openai", s => "sk-" + s.Of(Alnum, 20) + "T3Blbk" + "FJ" + s.Of(Alnum, 20)),
        ("anthropic", s => "sk-ant" + "-api03-" + s.Of(Url64, 93) + "AA"),
        ("google", s => "AI" + "za" + s.Of(Url64, 35)),
        ("google client", s => "GOCSPX" + "-" + s.Of(Url64, 28)),
        ("google access", s => "ya29" + ".a0" + s.Of(Url64, s.Between(60, 200))),
        ("slack bot", s => "xoxb" + "-" + s.Of(Digits, 12) + "-" + s.Of(Digits, 13) + "-" + s.Of(Alnum, 24)),
        ("slack user", s => "xoxp" + "-" + s.Of(Digits, 12) + "-" + s.Of(Digits, 12) + "-" + s.Of(Digits, 13) + "-" + s.Of(Hex, 32)),
        ("slack refresh", s => "xoxe" + "-1-" + s.Of(Alnum, 146)),
        ("slack app", s => "xapp" + "-1-A" + s.Of(Upper + Digits, 10) + "-" + s.Of(Digits, 13) + "-" + s.Of(Hex, 64)),
        ("slack hook", s => "https://hooks.slack" + ".com/services/T" + s.Of(Upper + Digits, 8) + "/B" + s.Of(Upper + Digits, 10) + "/" + s.Of(Alnum, 24)),
        ("sendgrid", s => "SG" + "." + s.Of(Url64, 22) + "." + s.Of(Url64, 43)),
        ("mailgun", s => "key" + "-" + s.Of(Hex, 32)),
        ("mailchimp", s => s.Of(Hex, 32) + "-us" + s.Between(1, 21)),
        ("twilio", s => "SK" + s.Of(Hex, 32)),
        ("shopify", s => s.One("shpat", "shpca", "shppa", "shpss") + "_" + s.Of(Hex, 32)),
        ("square", s => "sq0atp" + "-" + s.Of(Url64, 22)),
        ("npm", s => "npm" + "_" + s.Of(Alnum, 36)),
        ("pypi", s => "pypi" + "-AgEIcHlwaS5vcmc" + s.Of(Url64, s.Between(50, 150))),
        ("rubygems", s => "rubygems" + "_" + s.Of(Hex, 48)),
        ("databricks", s => "dapi" + s.Of(Hex, 32)),
        ("digitalocean", s => "dop_v1" + "_" + s.Of(Hex, 64)),
        ("doppler", s => "dp.pt" + "." + s.Of(Alnum, 43)),
        ("grafana", s => "glsa" + "_" + s.Of(Alnum, 32) + "_" + s.Of(Hex, 8)),
        ("hugging face", s => "hf" + "_" + s.Of(Upper + Lower, 34)),
        ("linear", s => "lin_api" + "_" + s.Of(Alnum, 40)),
        ("notion", s => "ntn" + "_" + s.Of(Digits, 11) + s.Of(Alnum, 35)),
        ("heroku", s => "HRKU" + "-AA" + s.Of(Url64, 58)),
        ("fly", s => "fo1" + "_" + s.Of(Url64, 43)),
        ("pulumi", s => "pul" + "-" + s.Of(Hex, 40)),
        ("planetscale", s => "pscale" + "_tkn_" + s.Of(Url64, s.Between(32, 64))),
        ("postman", s => "PMAK" + "-" + s.Of(Hex, 24) + "-" + s.Of(Hex, 34)),
        ("sentry", s => "sntryu" + "_" + s.Of(Hex, 64)),
        ("new relic", s => "NRAK" + "-" + s.Of(Upper + Digits, 27)),
        ("vault", s => "hvs" + "." + s.Of(Url64, s.Between(90, 120))),
        ("azure ad", s => s.Of(Alnum, 3) + s.Of(Digits, 1) + "Q" + "~" + s.Of(Alnum + "_.-", s.Between(31, 34))),
        ("supabase", s => "sb_secret" + "_" + s.Of(Url64, 22) + "_" + s.Of(Url64, 8)),
        ("supabase access", s => "sbp" + "_" + s.Of(Hex, 40)),
        ("1password", s => "ops" + "_eyJ" + s.Of(Alnum, s.Between(250, 600))),
        ("age", s => "AGE-SECRET" + "-KEY-1" + s.Of("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58)),
        ("jwt", s => s.Jwt()),
        ("pem", s => "-----BEGIN " + s.One("", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED ") + "PRIVATE" + " KEY-----\n" + s.Of(Alnum + "+/", 64) + "\n"),
        ("url", s => s.One("https", "postgres", "redis", "amqp") + "://" + s.Of(Lower, 6) + ":" + s.Of(Alnum, 14) + "@" + s.Of(Lower, 8) + ".example.com/x"),
        ("basic", s => "Basic " + Base64(s.Of(Lower, 6) + ":" + s.Of(Alnum, 14))),
        ("bearer", s => "Bearer " + s.Of(Alnum, 40)),
    ];

    private static readonly string[] Words = ["stripe", "mail", "prod", "legacy", "sync", "billing", "calendar", "partner", "internal", "smtp"];

    private static readonly string[] TellingNames =
    [
        "password", "passwd", "pwd", "smtpPassword", "db_password", "APP_PASSWORD", "passphrase", "secret", "client_secret", "clientSecret", "appSecret",
        "webhook-secret", "SHARED_SECRET", "apiKey", "api_key", "API-KEY", "apikey", "stripeApiKey", "accessKey", "secret_access_key", "privateKey",
        "signing_key", "encryptionKey", "masterKey", "account_key", "token", "accessToken", "refresh_token", "AUTH_TOKEN", "bot-token", "bearerToken",
        "credential", "credentials", "authorization", "xApiKey", "authToken", "sessionKey", "service_role_key", "hmac_key", "caldavPassword",
    ];

    /// <summary>A known format in a place of its own.</summary>
    /// <returns>A JSON document, as it is scanned.</returns>
    public string Placed(string secret)
    {
        var word = One(Words);
        return random.Next(12) switch
        {
            0 => Json(new { note = secret }),
            1 => Json(new { headers = new { value = secret } }),
            2 => Json(new object[] { word, new object[] { 1, secret } }),
            3 => $$"""{{{Json(secret)}}: true}""",
            4 => Json(new { description = $"The {word} key is {secret}, ask before use." }),
            5 => Json(new { raw = Json(new { inner = new[] { secret } }) }),
            6 => Json(new { env = $"A=1\n{word.ToUpperInvariant()}_VALUE={secret}\nB=2" }),
            7 => Json(new { blob = Base64(secret) }),
            8 => Json(new { blob = Base64($"{word} {secret}\n").TrimEnd('=').Replace('+', '-').Replace('/', '_') }),
            9 => Json(new { note = Hidden(secret) }),
            10 => Json(new { note = FullWidth(secret) }),
            _ => Json(new { html = $"<b>{secret}</b>" }),
        };
    }

    /// <summary>A random value under a name that says secret, or in a sentence that says so.</summary>
    public string PlacedGeneric()
    {
        var value = Generic();
        var name = One(TellingNames);
        return random.Next(8) switch
        {
            0 => Json(new Dictionary<string, object> { ["outer"] = new Dictionary<string, string> { [name] = value } }),
            1 => Json(new Dictionary<string, object> { [name] = new[] { value } }),
            2 => Json(new { text = $"{name}={value}" }),
            3 => Json(new { text = $"Use the account of {One(Words)}, password: {value}" }),
            4 => Json(new { text = Json(new Dictionary<string, string> { [name] = value }) }),
            5 => Json(new Dictionary<string, string> { [name] = Hidden(value) }),
            _ => Json(new Dictionary<string, string> { [name] = value }),
        };
    }

    private string Generic() => random.Next(9) switch
    {
        0 => Of(Hex, 32),
        1 => Of(Hex, Between(20, 64)),
        2 => Of(Alnum, Between(16, 48)),
        3 => Of(Url64, 43),
        4 => Base64(Bytes(Between(16, 48))),
        5 => Of(Alnum + "!#$%&*+-=?@^_", Between(10, 20)),
        6 => new Guid(Bytes(16)).ToString(),
        7 => string.Join('-', Enumerable.Range(0, 4).Select(_ => Of(Lower, 4))),
        _ => char.ToUpperInvariant(Of(Lower, 1)[0]) + Of(Lower, 6) + Of(Digits, 2) + One("!", "#", "$", "?") + Of(Alnum, 3),
    };

    private string Jwt() => string.Join('.',
        Url(Json(new { alg = "HS256", typ = "JWT" })), Url(Json(new { sub = Of(Digits, 10), name = One(Words), iat = Between(1, 2_000_000_000) })), Of(Url64, 43));

    /// <summary>A zero-width character or two somewhere inside.</summary>
    private string Hidden(string secret)
    {
        for (var i = random.Next(1, 3); i > 0; i--)
            secret = secret.Insert(random.Next(1, secret.Length), One("\u200B", "\u200C", "\u200D", "\u2060", "\uFEFF", "\u00AD"));
        return secret;
    }

    private static string FullWidth(string secret) => string.Concat(secret.Select(c => c is > ' ' and < '\u007F' ? (char)(c + 0xFEE0) : c));

    private string Of(string alphabet, int length) => new([.. Enumerable.Range(0, length).Select(_ => alphabet[random.Next(alphabet.Length)])]);

    private int Between(int least, int most) => random.Next(least, most + 1);

    private string One(params string[] texts) => texts[random.Next(texts.Length)];

    private byte[] Bytes(int length)
    {
        var bytes = new byte[length];
        random.NextBytes(bytes);
        return bytes;
    }

    private static string Base64(string text) => Base64(Encoding.UTF8.GetBytes(text));

    private static string Base64(byte[] bytes) => Convert.ToBase64String(bytes);

    private static string Url(string text) => Base64(text).TrimEnd('=').Replace('+', '-').Replace('/', '_');

    private static string Json<T>(T value) => JsonSerializer.Serialize(value);
}
