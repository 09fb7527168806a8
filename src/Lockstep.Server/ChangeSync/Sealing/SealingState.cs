using System.Text.Json;
using Npgsql;

namespace Lockstep.Server.ChangeSync.Sealing;

/// <summary>What a new list of members is judged by; the space's scope is locked meanwhile.</summary>
/// <param name="Space">As the wire names it.</param>
/// <param name="Epoch">Of now; 0: in plain.</param>
/// <param name="Number">Of the last list; 0: there is none.</param>
/// <param name="Keyed">Devices that have a key of the epoch of the new list.</param>
internal sealed record SealingState(
    string Status, string Space, int Epoch, int Number, string? List, IReadOnlyList<PublishedDevice> Devices, IReadOnlyList<string> Keyed)
{
    public static SealingState Read(NpgsqlDataReader row) => row.GetString(0) is not "open" and var status
        ? new SealingState(status, "", 0, 0, null, [], [])
        : new SealingState("open", row.GetString(1), row.GetInt32(2), row.IsDBNull(3) ? 0 : row.GetInt32(3), row.IsDBNull(4) ? null : row.GetString(4),
            JsonSerializer.Deserialize<List<PublishedDevice>>(row.GetString(5), JsonSerializerOptions.Web)!, row.GetFieldValue<string[]>(6));

    /// <summary>May this list take effect?</summary>
    /// <param name="user">Who sends it, an admin.</param>
    /// <returns>Null when it may.</returns>
    public SealingRefusal? Refusal(MemberList list, string text, string signature, Guid user)
    {
        // The first one may be any: keys that came with an import have the numbers before it.
        if (Epoch > 0 && list.Epoch != Epoch && list.Epoch != Epoch + 1)
            return new(409, "key_epoch_conflict", $"The key of this space is that of epoch {Epoch}; the next one is {Epoch + 1}. Pull, and make the list anew.");
        if (list.Space != Space)
            return new(422, "invalid_request", $"The list is of space '{list.Space}', this is '{Space}'.");
        var last = List is null ? null : MemberList.Read(List);
        if (list.Number != Number + 1 || list.Previous is not null && (List is null || list.Previous != MemberList.Hash(List)) || list.Previous is null && last is not null && CanGoOn(last))
            return new(409, "members_list_conflict", $"The last list of members is number {Number}; the next one names it as the one before. Pull, and make the list anew.");
        if (Devices.FirstOrDefault(device => device.Id == list.By && device.User == user) is not { Signer: { } signer })
            return new(409, "signer_unknown", $"Device '{list.By}' is not one of yours, or has published no key for signatures.");
        if (list.Previous is not null && last!.Devices.All(device => device.Id != list.By || device.Signer != signer))
            return new(409, "signer_not_listed", $"Device '{list.By}' is not in the list before. Another admin's device adds it first.");
        if (!MemberList.IsSigned(text, signature, signer))
            return new(422, "signature_invalid", $"The signature is not that of device '{list.By}' over \"lockstep/members/v1\", a line feed and the list.");
        return OfDevices(list);
    }

    /// <summary>Devices of members that no list has let in.</summary>
    public IReadOnlyList<string> Waiting(MemberList list) =>
        [.. Devices.Where(device => device.IsMember && list.Devices.All(listed => listed.Id != device.Id)).Select(device => device.Id)];

    private SealingRefusal? OfDevices(MemberList list)
    {
        var ids = list.Devices.Select(device => device.Id).ToHashSet(StringComparer.Ordinal);
        if (ids.Count != list.Devices.Count || !ids.Contains(list.By))
            return new(422, "invalid_request", "The list names each device once, and the one that signs it.");
        var others = list.Devices.Where(listed => !Devices.Any(device => device.IsMember && listed == new ListedDevice(device.Id, device.User, device.Point ?? "", device.Signer ?? ""))).Select(device => device.Id).ToList();
        if (others.Count > 0)
            return new(409, "devices_changed", "These devices are gone, are of nobody who is a member, or are published otherwise than the list says. Pull, look again, and make the list anew.", others);
        var missing = ids.Except(Keyed).ToList();
        if (missing.Count > 0)
            return new(409, "keys_missing", $"These devices have no key of epoch {list.Epoch} yet: push a record '{list.Epoch}.DEVICE' of table {SealedValues.Keys} for each.", missing);
        // Of a key that is in use already, who has left meanwhile keeps what he had.
        var strangers = Keyed.Where(id => !ids.Contains(id) && (list.Epoch > Epoch || Devices.Any(device => device.Id == id && device.IsMember))).ToList();
        return strangers.Count > 0
            ? new(409, "keys_of_strangers", $"These devices have a key of epoch {list.Epoch} and are not in the list. Take another key, which they do not have, or add them.", strangers)
            : null;
    }

    /// <summary>While an admin still has a device that could go on from the last list, nobody begins anew.</summary>
    private bool CanGoOn(MemberList last) => last.Devices.Any(listed => Devices.Any(device => device.IsAdmin && device.Id == listed.Id && device.Signer == listed.Signer));
}

/// <summary>A record of <c>_devices</c>.</summary>
/// <param name="User">Who has made it.</param>
internal sealed record PublishedDevice(string Id, Guid User, string? Point, string? Signer, bool IsMember, bool IsAdmin);

/// <param name="Devices">Those that it is about; null when it is about none.</param>
internal sealed record SealingRefusal(int Status, string Code, string Detail, IReadOnlyList<string>? Devices = null);
