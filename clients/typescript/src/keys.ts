import { canonicalJson, InvalidValueError, parseJson, type Json } from "./json.js";
import {
  EnvelopeError, hashOf, importKey, keyIdOf, newDeviceKeys, newId, newKeyBytes, newSigningKeys, openField, publicPoint, sealField, sign, toBase64Url, unwrapByPassphrase,
  unwrapForDevice, usualIterations, wrapByPassphrase, wrapForDevice, type FieldPlace, type PassphraseWrap,
} from "./envelope.js";
import { follow, type Followed, type ListedDevice, type SignedList } from "./members.js";
import type { LocalChange, Replica, View } from "./replica.js";
import type { Store } from "./store.js";

/** Which fields of one's own data (space "") are sealed once it has a key. Tables whose name begins with `_` never are. */
export type SealPolicy = (space: string, table: string, field: string) => boolean;

/** A device that asks to read an encrypted space. */
export interface Device {
  readonly id: string;
  readonly name: string;
  readonly point: string;
  /** Of its signatures. */
  readonly signer: string;
  /** Compare it over another channel before you let the device in: the server could have put other points here. */
  readonly fingerprint: string;
  /** Whether the list of members names it, as it is here. */
  readonly listed: boolean;
}

/** What keys need of the client and the server. */
export interface KeyLines {
  write(changes: LocalChange[]): Promise<void>;
  /** Sends and reads once. */
  exchange(): Promise<void>;
  /** Hands a signed list to the server. */
  seal(space: string, list: string, signature: string): Promise<void>;
}

const personalKeys = "_keys";
const spaceKeys = "_space_keys";
const devices = "_devices";
const members = "_members";

/** The keys of one client. They travel as records of the scope that they are for, wrapped:
 *
 *     own data   _keys        {key id}               key    {iterations, salt, wrapped}     by a passphrase
 *     a space    _devices     {device id}            name, point, signer                    in plain
 *     a space    _space_keys  {epoch}.{device id}    wrapped                                for that device
 *     a space    _members     {number}               list, signature                        in plain, signed by an admin's device
 *
 * The last list of members says which epoch seals what is written; older ones open what was written before. The first list that a device sees is
 * trusted, and then only what descends from it: who keeps the data can neither put a device in nor go back. */
export class Keys {
  private readonly cache = new Map<string, CryptoKey>();
  private readonly newest = new Map<string, string>();
  private readonly lists = new Map<string, Followed | "broken">();
  private own: OwnDevice | null = null;

  constructor(private readonly app: string, private readonly store: Store, private readonly replica: Replica, private readonly policy: SealPolicy, private readonly lines: KeyLines) {}

  /** Unlocks the own data's keys, or makes the first one. On another device the same passphrase opens the same keys, once they were pulled.
   * @returns false when there are keys and the passphrase opens none of them. */
  async usePassphrase(passphrase: string, iterations = usualIterations): Promise<boolean> {
    const records = (await this.replica.list(personalKeys)).filter((record) => record.space === "");
    for (const record of records) {
      const wrap = valueOf(record, "key");
      if (!isWrap(wrap)) continue;
      try {
        await this.remember("", record.id, await unwrapByPassphrase(wrap, passphrase, this.app, record.id));
      } catch (error) {
        if (!(error instanceof EnvelopeError)) throw error;
      }
    }
    if (records.length === 0) {
      const [id, bytes] = [newId(), newKeyBytes()];
      const wrap = await wrapByPassphrase(bytes, passphrase, this.app, id, iterations);
      await this.lines.write([change("", personalKeys, id, { key: { ...wrap } })]);
      await this.remember("", id, bytes);
    }
    // One that only this device knew must not be chosen over one that all of them know: the smallest id is the same everywhere.
    const opened = [...this.cache.keys()].filter((name) => name.startsWith("key::")).map((name) => name.slice(5)).sort();
    if (opened[0] !== undefined) this.newest.set("", opened[0]);
    return opened.length > 0;
  }

  /** Asks to be let into an encrypted space: publishes this device's public points there. */
  async publishDevice(space: string, name: string): Promise<Device> {
    const { id, pair, signing } = await this.device();
    const [point, signer] = [await publicPoint(pair.publicKey), await publicPoint(signing.publicKey)];
    await this.lines.write([change(space, devices, id, { name, point, signer })]);
    return { id, name, point, signer, fingerprint: await fingerprint(point, signer), listed: this.isListed(space, { id, point, signer }) };
  }

  async devices(space: string): Promise<Device[]> {
    const found = (await this.replica.list(devices)).filter((record) => record.space === space);
    return Promise.all(found.map(async (record) => {
      const [name, point, signer] = ["name", "point", "signer"].map((field) => String(valueOf(record, field) ?? "")) as [string, string, string];
      return { id: record.id, name, point, signer, fingerprint: await fingerprint(point, signer), listed: this.isListed(space, { id: record.id, point, signer }) };
    }));
  }

  /** Gives a space a new key, which these devices and this one can open and no others: the first one switches encryption on, a later one shuts out who is not
   * named, for what is written from then on. For admins of the space; needs the server.
   * @returns the epoch.
   * @throws SyncProblem the server does not take it; InvalidValueError a device is not as it was when you looked at it */
  async rotate(space: string, readers: readonly Device[]): Promise<string> {
    await this.exchange();
    const listed = await this.listed(space, readers);
    const epochs = (await this.replica.list(spaceKeys)).filter((record) => record.space === space).map((record) => Number(record.id.split(".")[0]));
    const epoch = Math.max(0, ...epochs) + 1;
    const now = this.followed(space)?.list.epoch;
    // A key that was wrapped and never taken into use may have been seen by anybody: the number after the one in use is written over.
    const next = now === undefined ? epoch : now + 1;
    const bytes = newKeyBytes();
    await this.lines.write(await this.wrapped(space, String(next), bytes, listed));
    for (const record of await this.replica.list(spaceKeys))
      if (record.space === space && record.id.startsWith(`${next}.`) && !listed.some((device) => record.id === `${next}.${device.id}`))
        await this.lines.write([{ op: "delete", space, table: spaceKeys, id: record.id, fields: new Map(), schemaVersion: 1, actor: null }]);
    await this.exchange();
    await this.list(space, next, listed);
    await this.remember(space, String(next), bytes);
    await this.exchange();
    return String(next);
  }

  /** Lets a device read what was written so far: wraps every key that this device can open for it, and adds it to the list. For admins of the space; needs the server. */
  async admit(space: string, reader: Device): Promise<void> {
    await this.exchange();
    const current = this.followed(space);
    if (current === null) throw new InvalidValueError("This space is not sealed: there is no key to let a device have. rotate makes the first one.");
    const [added] = await this.listed(space, [reader], false);
    const { id, pair } = await this.device();
    const changes: LocalChange[] = [];
    for (const record of (await this.replica.list(spaceKeys)).filter((found) => found.space === space && found.id.endsWith(`.${id}`))) {
      const epoch = record.id.slice(0, -id.length - 1);
      if (Number(epoch) > current.list.epoch) continue;
      const bytes = await unwrapForDevice(String(valueOf(record, "wrapped")), pair, { app: this.app, space, keyId: epoch, deviceId: id });
      changes.push(...(await this.wrapped(space, epoch, bytes, [added!])));
    }
    await this.lines.write(changes);
    await this.exchange();
    await this.list(space, current.list.epoch, [...current.list.devices.filter((device) => device.id !== reader.id), added!]);
    await this.exchange();
  }

  /** Takes the lists of a space as they are now, although they do not descend from the ones that this device has trusted: after an admin had to begin anew.
   * Ask that admin first. */
  async trust(space: string): Promise<void> {
    await this.store.transact("readwrite", (tx) => tx.deleteValues(trustName(space)));
    await this.collect();
  }

  /** Opens the keys that have come for this device, and follows the lists. Call it after a pull brought records of either.
   * @returns whether values can be read now that could not before. */
  async collect(): Promise<boolean> {
    const records = await this.replica.list(spaceKeys);
    const lists = await this.replica.list(members);
    if (records.length === 0 && lists.length === 0) return false; // Nothing is encrypted: no device keys, and no need of a secure context.
    for (const space of new Set(lists.map((record) => record.space)))
      await this.followLists(space, lists.filter((record) => record.space === space).map((record) => ({
        number: Number(record.id), list: String(valueOf(record, "list")), signature: String(valueOf(record, "signature")),
      })));
    const { id, pair } = await this.device();
    let found = false;
    for (const record of records) {
      if (!record.id.endsWith(`.${id}`)) continue;
      const epoch = record.id.slice(0, -id.length - 1);
      // One that is not in use yet may still become another.
      if (this.cache.has(nameOf(record.space, epoch)) || !(Number(epoch) <= (this.followed(record.space)?.list.epoch ?? 0))) continue;
      try {
        const place = { app: this.app, space: record.space, keyId: epoch, deviceId: id };
        await this.remember(record.space, epoch, await unwrapForDevice(String(valueOf(record, "wrapped")), pair, place));
        found = true;
      } catch (error) {
        if (!(error instanceof EnvelopeError)) throw error;
      }
    }
    for (const [space, list] of this.lists) {
      const epoch = list === "broken" ? null : String(list.list.epoch);
      if (epoch !== null && (await this.key(space, epoch)) !== null) this.newest.set(space, epoch);
      else this.newest.delete(space);
    }
    return found;
  }

  /** The space's keys leave the memory; its records took the stored ones with them. */
  forget(space: string): void {
    for (const name of [...this.cache.keys()]) if (name.startsWith(`key:${space}:`)) this.cache.delete(name);
    this.newest.delete(space);
    this.lists.delete(space);
  }

  /** Whether what is written to this space now is sealed. */
  isSealing(space: string): boolean {
    return this.newest.has(space);
  }

  /** Whether a refused value should go with another key. */
  isStale(space: string, json: string): boolean {
    const newest = this.newest.get(space);
    return newest !== undefined && (json.startsWith('"lse1.') ? keyIdOf(JSON.parse(json)) : null) !== newest;
  }

  /** @throws InvalidValueError the space is sealed and this device cannot seal: it has not been let in, or its lists of members are not to be trusted. */
  async sealed(place: FieldPlace, json: string): Promise<string> {
    if (place.table.startsWith("_")) return json;
    const list = this.lists.get(place.space);
    if (list === "broken") throw new InvalidValueError(`The lists of members of space ${place.space} are not those that this device has trusted. Ask an admin; keys.trust takes them as they are.`);
    const keyId = this.newest.get(place.space);
    const key = keyId === undefined ? null : await this.key(place.space, keyId);
    if (list !== undefined && key === null) throw new InvalidValueError(`Space ${place.space} is sealed, and this device has not been let in.`);
    // In a sealed space everything is: the server takes nothing else.
    if (key === null || (list === undefined && !this.policy(place.space, place.table, place.field))) return json;
    return JSON.stringify(await sealField(key, keyId!, place, json));
  }

  /** @returns null when the key is not here, or the value cannot be opened. */
  async opened(place: FieldPlace, json: string): Promise<string | null> {
    if (!json.startsWith('"lse1.')) return json;
    const value = JSON.parse(json) as string;
    const keyId = keyIdOf(value);
    if (keyId === null) return json;
    const key = await this.key(place.space, keyId);
    if (key === null) return null;
    try {
      return await openField(key, place, value);
    } catch {
      return null;
    }
  }

  private followed(space: string): Followed | null {
    const list = this.lists.get(space);
    return list === undefined || list === "broken" ? null : list;
  }

  private isListed(space: string, device: Pick<ListedDevice, "id" | "point" | "signer">): boolean {
    return this.followed(space)?.list.devices.some(({ id, point, signer }) => id === device.id && point === device.point && signer === device.signer) ?? false;
  }

  private async exchange(): Promise<void> {
    await this.lines.exchange();
    await this.collect();
  }

  private async followLists(space: string, lists: readonly SignedList[]): Promise<void> {
    const trusted = (await this.store.transact("readonly", (tx) => tx.value(trustName(space)))) as { root: string; number: number } | undefined;
    const last = await follow(this.app, space, lists);
    if (last === null || (trusted !== undefined && (last.root !== trusted.root || last.list.number < trusted.number))) {
      this.lists.set(space, "broken");
      return;
    }
    if (last.list.number !== trusted?.number)
      await this.store.transact("readwrite", (tx) => tx.putValue(trustName(space), { root: last.root, number: last.list.number }));
    this.lists.set(space, last);
  }

  /** These devices as the server has them now, with whose they are. */
  private async listed(space: string, readers: readonly Device[], withOwn = true): Promise<ListedDevice[]> {
    const { id: own } = await this.device();
    const records = (await this.replica.list(devices)).filter((record) => record.space === space);
    const wanted = new Map<string, Device | null>(readers.map((reader) => [reader.id, reader]));
    if (withOwn && !wanted.has(own)) wanted.set(own, null);
    return [...wanted].map(([id, looked]) => {
      const record = records.find((found) => found.id === id);
      const [point, signer] = [String(record && valueOf(record, "point")), String(record && valueOf(record, "signer"))];
      if (record === undefined || record.author === null || (looked !== null && (looked.point !== point || looked.signer !== signer)))
        throw new InvalidValueError(`Device ${id} is not published in space ${space} as you have seen it. publishDevice does that; compare fingerprints again.`);
      return { id, user: record.author, point, signer };
    });
  }

  private async list(space: string, epoch: number, listed: readonly ListedDevice[]): Promise<void> {
    const { id, signing } = await this.device();
    const last = this.followed(space);
    // What cannot be followed any more is begun anew, where the server lets an admin do so.
    const number = Math.max(0, ...(await this.replica.list(members)).filter((record) => record.space === space).map((record) => Number(record.id))) + 1;
    const text = JSON.stringify({ app: this.app, space, number, epoch, previous: last === null ? null : await hashOf(last.text), by: id, devices: listed });
    await this.lines.seal(space, text, await sign(signing.privateKey, text));
  }

  private async wrapped(space: string, epoch: string, bytes: Uint8Array<ArrayBuffer>, readers: readonly ListedDevice[]): Promise<LocalChange[]> {
    return Promise.all(readers.map(async (reader) =>
      change(space, spaceKeys, `${epoch}.${reader.id}`, {
        wrapped: await wrapForDevice(bytes, reader.point, { app: this.app, space, keyId: epoch, deviceId: reader.id }),
      })));
  }

  private async key(space: string, keyId: string): Promise<CryptoKey | null> {
    const name = nameOf(space, keyId);
    const known = this.cache.get(name);
    if (known !== undefined) return known;
    const stored = (await this.store.transact("readonly", (tx) => tx.value(name))) as CryptoKey | undefined;
    if (stored === undefined) return null;
    this.cache.set(name, stored);
    return stored;
  }

  private async remember(space: string, keyId: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const key = await importKey(bytes);
    bytes.fill(0);
    this.cache.set(nameOf(space, keyId), key);
    await this.store.transact("readwrite", (tx) => tx.putValue(nameOf(space, keyId), key));
  }

  private async device(): Promise<OwnDevice> {
    if (this.own !== null) return this.own;
    const made: OwnDevice = { id: newId(), pair: await newDeviceKeys(), signing: await newSigningKeys() };
    // Another tab may have been quicker: the first one stays.
    return (this.own = await this.store.transact("readwrite", async (tx) => {
      const present = (await tx.value("device")) as OwnDevice | undefined;
      if (present?.signing !== undefined) return present;
      const whole = { ...made, ...present }; // One from before there were lists has no keys for signatures.
      await tx.putValue("device", whole);
      return whole;
    }));
  }
}

interface OwnDevice {
  readonly id: string;
  readonly pair: CryptoKeyPair;
  readonly signing: CryptoKeyPair;
}

function trustName(space: string): string {
  return `trust:${space}:`;
}

function nameOf(space: string, keyId: string): string {
  return `key:${space}:${keyId}`;
}

function valueOf(record: View, field: string): Json | undefined {
  const value = record.state.fields.get(field);
  return value === undefined ? undefined : parseJson(value.json);
}

function isWrap(value: unknown): value is PassphraseWrap {
  const wrap = value as Partial<PassphraseWrap> | null | undefined;
  return typeof wrap?.iterations === "number" && typeof wrap.salt === "string" && typeof wrap.wrapped === "string";
}

function change(space: string, table: string, id: string, fields: { readonly [name: string]: Json }): LocalChange {
  const texts = new Map(Object.entries(fields).map(([name, value]) => [name, canonicalJson(value)]));
  return { op: "insert", space, table, id, fields: texts, schemaVersion: 1, actor: null };
}

async function fingerprint(point: string, signer: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(`${point}.${signer}`));
  return toBase64Url(new Uint8Array(digest).slice(0, 15)).replace(/(.{5})(?=.)/g, "$1 ");
}
