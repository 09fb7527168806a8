namespace Lockstep.Crypto.Pkcs11;

/// <summary>Where a hardware module is, and which of its AES keys wraps.</summary>
/// <param name="Module">Path of the vendor's library.</param>
/// <param name="Token">Label of the token.</param>
/// <param name="Pin">Of the token's user.</param>
/// <param name="Keys">Labels of AES-256 keys, newest first: the first one wraps, each opens what it wrapped.</param>
public sealed record Pkcs11Options(string Module, string Token, Secret Pin, IReadOnlyList<string> Keys);
