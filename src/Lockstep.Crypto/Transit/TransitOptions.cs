namespace Lockstep.Crypto.Transit;

/// <summary>Where the Transit engine of an OpenBao or Vault server is, and how we sign in there.</summary>
/// <param name="Address">Such as <c>https://vault.example.com:8200</c>; a path before <c>/v1</c> is kept.</param>
/// <param name="Keys">Names of Transit keys, newest first: the first one wraps, each opens what it wrapped. Two are enough for any number of tenants.</param>
/// <param name="Mount">Of the engine; usually <c>transit</c>.</param>
/// <param name="Namespace">Null without one.</param>
/// <param name="Timeout">For one request; a batch gets three times as long.</param>
public sealed record TransitOptions(
    Uri Address, IReadOnlyList<string> Keys, TransitLogin Login, string Mount = "transit", string? Namespace = null, TimeSpan? Timeout = null)
{
    public static readonly TimeSpan StandardTimeout = TimeSpan.FromSeconds(3);
}

/// <summary>How a token is come by.</summary>
public abstract record TransitLogin
{
    private TransitLogin() { }

    /// <summary>A token that somebody else made and prolongs no further than we do.</summary>
    public sealed record Token(Secret Value) : TransitLogin;

    /// <summary>A file that an agent keeps up to date; read again at each login.</summary>
    public sealed record TokenFile(string Path) : TransitLogin;

    /// <summary>POST auth/MOUNT/login with role_id and secret_id.</summary>
    public sealed record AppRole(string RoleId, Secret SecretId, string Mount = "approle") : TransitLogin;

    /// <summary>POST auth/MOUNT/login with the role and the pod's token, whose file is read again each time: the cluster replaces it.</summary>
    public sealed record Kubernetes(string Role, string JwtFile = Kubernetes.UsualJwtFile, string Mount = "kubernetes") : TransitLogin
    {
        public const string UsualJwtFile = "/var/run/secrets/kubernetes.io/serviceaccount/token";
    }
}
