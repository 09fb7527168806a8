using System.Text;
using System.Text.RegularExpressions;

namespace Lockstep.Server.Detection;

/// <summary>What providers' keys look like, by their own documentation and the open rules of secret scanners.</summary>
internal static partial class Formats
{
    private const string Token = "[A-Za-z0-9_-]";

    public static readonly Format[] All =
    [
        new("aws_access_key", ["AKIA", "ASIA", "ABIA", "ACCA"], 0, "(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}"),
        new("github_token", ["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], 0, "gh[pousr]_[A-Za-z0-9]{36,255}"),
        new("github_token", ["github_pat_"], 0, "github_pat_[A-Za-z0-9_]{82,255}"),
        new("gitlab_token", ["glpat-", "gldt-", "glrt-", "glptt-"], 0, $"gl(?:pat|dt|rt|ptt)-{Token}{{20,}}(?:\\.[a-z0-9.]+)?"),
        new("stripe_key", ["sk_live_", "sk_test_", "sk_prod_", "rk_live_", "rk_test_", "rk_prod_"], 0, "[sr]k_(?:live|test|prod)_[A-Za-z0-9]{10,}"),
        new("webhook_secret", ["whsec_"], 0, "whsec_[A-Za-z0-9+/=]{24,}"),
        new("openai_key", ["sk-"], 0, "sk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}"),
        new("openai_key", ["sk-proj-", "sk-svcacct-", "sk-admin-"], 0, $"sk-(?:proj|svcacct|admin)-{Token}{{40,}}"),
        new("anthropic_key", ["sk-ant-"], 0, $"sk-ant-[a-z]+[0-9]{{2}}-{Token}{{93}}AA"),
        new("google_key", ["AIza"], 0, $"AIza{Token}{{35}}"),
        new("google_client_secret", ["GOCSPX-"], 0, $"GOCSPX-{Token}{{24,}}"),
        new("google_access_token", ["ya29."], 0, $"ya29\\.{Token}{{20,}}"),
        new("slack_token", ["xoxb-", "xoxp-", "xoxe-", "xoxe.", "xoxa-", "xoxs-", "xoxr-"], 0, "xox[bpears][-.][A-Za-z0-9.-]{10,}"),
        new("slack_token", ["xapp-"], 0, "xapp-[0-9]-[A-Za-z0-9-]{20,}"),
        new("slack_webhook", ["hooks.slack.com/"], 0, "hooks\\.slack\\.com/(?:services|workflows|triggers)/[A-Za-z0-9_]{6,}/[A-Za-z0-9_/]{10,}"),
        new("sendgrid_key", ["SG."], 0, $"SG\\.{Token}{{22}}\\.{Token}{{43}}"),
        new("mailgun_key", ["key-"], 0, "key-[0-9a-f]{32}"),
        new("mailchimp_key", ["-us"], 32, "[0-9a-f]{32}-us[0-9]{1,2}"),
        new("twilio_key", ["SK"], 0, "SK[0-9a-fA-F]{32}"),
        new("shopify_token", ["shpat_", "shpca_", "shppa_", "shpss_"], 0, "shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"),
        new("square_token", ["sq0atp-", "sq0csp-"], 0, $"sq0(?:atp-{Token}{{22}}|csp-{Token}{{43}})"),
        new("npm_token", ["npm_"], 0, "npm_[A-Za-z0-9]{36}"),
        new("pypi_token", ["pypi-AgEIcHlwaS5vcmc"], 0, $"pypi-AgEIcHlwaS5vcmc{Token}{{50,}}"),
        new("rubygems_token", ["rubygems_"], 0, "rubygems_[0-9a-f]{48}"),
        new("databricks_token", ["dapi"], 0, "dapi[0-9a-f]{32}(?:-[0-9])?"),
        new("digitalocean_token", ["dop_v1_", "doo_v1_", "dor_v1_"], 0, "do[por]_v1_[0-9a-f]{64}"),
        new("doppler_token", ["dp.pt.", "dp.st.", "dp.ct.", "dp.sa."], 0, "dp\\.(?:pt|st|ct|sa)\\.(?:[a-z0-9_-]{2,35}\\.)?[A-Za-z0-9]{40,44}"),
        new("grafana_token", ["glsa_"], 0, "glsa_[A-Za-z0-9]{32}_[0-9a-fA-F]{8}"),
        new("huggingface_token", ["hf_"], 0, "hf_[A-Za-z0-9]{34}"),
        new("linear_key", ["lin_api_"], 0, "lin_api_[A-Za-z0-9]{40}"),
        new("notion_token", ["ntn_"], 0, "ntn_[0-9]{11}[A-Za-z0-9]{35}"),
        new("heroku_key", ["HRKU-AA"], 0, $"HRKU-AA{Token}{{58}}"),
        new("fly_token", ["fo1_"], 0, $"fo1_{Token}{{43}}"),
        new("pulumi_token", ["pul-"], 0, "pul-[0-9a-f]{40}"),
        new("planetscale_token", ["pscale_tkn_", "pscale_pw_", "pscale_oauth_"], 0, "pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_=.-]{32,}"),
        new("postman_key", ["PMAK-"], 0, "PMAK-[0-9a-f]{24}-[0-9a-f]{34}"),
        new("sentry_token", ["sntryu_"], 0, "sntryu_[0-9a-f]{64}"),
        new("sentry_token", ["sntrys_eyJ"], 0, "sntrys_eyJ[A-Za-z0-9+/=_-]{40,}"),
        new("newrelic_key", ["NRAK-"], 0, "NRAK-[A-Z0-9]{27}"),
        new("vault_token", ["hvs.", "hvb."], 0, $"hv[sb]\\.{Token}{{24,}}"),
        new("azure_client_secret", ["Q~"], 4, "[A-Za-z0-9_~.-]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34}"),
        new("supabase_key", ["sb_secret_"], 0, $"sb_secret_{Token}{{20,}}"),
        new("supabase_key", ["sbp_"], 0, "sbp_(?:oauth_|v0_)?[0-9a-f]{40}"),
        new("onepassword_token", ["ops_eyJ"], 0, "ops_eyJ[A-Za-z0-9+/=_-]{250,}"),
        new("age_key", ["AGE-SECRET-KEY-1"], 0, "AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}"),
        new("jwt", ["eyJ"], 0, $"eyJ{Token}{{8,}}\\.eyJ{Token}{{4,}}\\.{Token}*"),
        new("private_key", ["-----BEGIN "], 0, "-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"),
        new("url_with_password", ["://"], 0, "://[^\\s/?#@:\"']*:[^\\s/?#@\"']{3,}@", IsPassword),
        new("basic_authorization", ["asic "], 1, "[Bb]asic [A-Za-z0-9+/]{8,}={0,2}", IsBasic),
        new("bearer_authorization", ["earer "], 1, "[Bb]earer [A-Za-z0-9+/._~=-]{16,}", text => text.AsSpan(7).ContainsAnyInRange('0', '9')),
    ];

    /// <summary>Not a placeholder, as documentation has it: <c>://user:PASSWORD@</c>, <c>://user:${PW}@</c>.</summary>
    private static bool IsPassword(string text)
    {
        var password = text[(text.IndexOf(':', 3) + 1)..^1];
        return !Placeholder().IsMatch(password);
    }

    private static bool IsBasic(string text)
    {
        var coded = text[6..].TrimEnd('=');
        var bytes = new byte[coded.Length];
        return Convert.TryFromBase64String(coded.PadRight((coded.Length + 3) / 4 * 4, '='), bytes, out var length)
            && Encoding.Latin1.GetString(bytes, 0, length).IndexOf(':', StringComparison.Ordinal) > 0;
    }

    [GeneratedRegex(@"^(?i:\$?\{.*\}|<.*>|%.*%|\*+|x+|\.+|password|passwd|pass|pwd|secret|token|your.*|my.*password|changeme|redacted)\z")]
    private static partial Regex Placeholder();
}
