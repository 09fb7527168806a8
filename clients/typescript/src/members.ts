import { hashOf, isSignedBy } from "./envelope.js";

/** A device that reads a space, as an admin's device vouches for it. */
export interface ListedDevice {
  readonly id: string;
  /** Whose it is. */
  readonly user: string;
  readonly point: string;
  readonly signer: string;
}

/** Who reads an app of a space from one epoch on. */
export interface MemberList {
  readonly app: string;
  readonly space: string;
  readonly number: number;
  readonly epoch: number;
  /** Hash of the list before; null begins anew. */
  readonly previous: string | null;
  readonly by: string;
  readonly devices: readonly ListedDevice[];
}

/** A record of `_members`. */
export interface SignedList {
  readonly number: number;
  readonly list: string;
  readonly signature: string;
}

/** How far the lists of a space have been followed. */
export interface Followed {
  readonly list: MemberList;
  readonly text: string;
  /** Hash of the list that all since descend from. */
  readonly root: string;
}

/** Follows the lists from the first to the last: each is signed by a device that the one before names. A list that begins anew has another root, and
 * whoever has trusted the old one must be asked.
 * @returns null when there is none that holds. */
export async function follow(app: string, space: string, lists: readonly SignedList[]): Promise<Followed | null> {
  let last: Followed | null = null;
  for (const signed of [...lists].sort((a, b) => a.number - b.number)) {
    const list = read(signed.list);
    if (list === null || list.app !== app || list.space !== space || list.number !== signed.number) return last;
    const anew: boolean = list.previous === null;
    if (!anew && (last === null || list.number !== last.list.number + 1 || list.previous !== (await hashOf(last.text)))) return last;
    const signer: string | undefined = (anew ? list : last!.list).devices.find((device) => device.id === list.by)?.signer;
    if (signer === undefined || !(await isSignedBy(signer, signed.list, signed.signature))) return last;
    last = { list, text: signed.list, root: anew ? await hashOf(signed.list) : last!.root };
  }
  return last;
}

function read(text: string): MemberList | null {
  try {
    const list = JSON.parse(text) as Partial<MemberList> | null;
    return typeof list?.app === "string" && typeof list.space === "string" && typeof list.number === "number" && typeof list.epoch === "number" && typeof list.by === "string" &&
      (list.previous === null || typeof list.previous === "string") && Array.isArray(list.devices) && list.devices.every(isDevice) ? (list as MemberList) : null;
  } catch {
    return null;
  }
}

function isDevice(value: unknown): boolean {
  const device = value as Partial<ListedDevice> | null;
  return typeof device?.id === "string" && typeof device.user === "string" && typeof device.point === "string" && typeof device.signer === "string";
}
