import { canonicalJson, parseJson, type Json } from "./json.js";
import {
  EnvelopeError, importKey, keyIdOf, newDeviceKeys, newId, newKeyBytes, openField, publicPoint, sealField, toBase64Url, unwrapByPassphrase, unwrapForDevice,
  usualIterations, wrapByPassphrase, wrapForDevice, type FieldPlace, type PassphraseWrap,
} from "./envelope.js";
import type { LocalChange, Replica, View } from "./replica.js";
import type { Store } from "./store.js";

/** Which fields are sealed, in a space that has a key ("" for own data). Tables whose name begins with `_` never are. */
export type SealPolicy = (space: string, table: string, field: string) => boolean;

/** A device that asks to read an encrypted space. */
export interface Device {
  readonly id: string;
  readonly name: string;
  readonly point: string;
  /** Compare it over another channel before you let the device in: the server could have put another point here. */
  readonly fingerprint: string;
}

const personalKeys = "_keys";
const spaceKeys = "_space_keys";
const devices = "_devices";

/** The keys of one client. They travel as records of the scope that they are for, wrapped:
 *
 *     own data   _keys        {key id}               key    {iterations, salt, wrapped}     by a passphrase
 *     a space    _devices     {device id}            name, point                            in plain
 *     a space    _space_keys  {epoch}.{device id}    wrapped                                for that device
 *
 * The greatest epoch that this device can open seals what it writes; older ones open what was written before. */
export class Keys {
  private readonly cache = new Map<string, CryptoKey>();
  private readonly newest = new Map<string, string>();
  private own: { id: string; pair: CryptoKeyPair } | null = null;

  constructor(private readonly app: string, private readonly store: Store, private readonly replica: Replica, private readonly policy: SealPolicy, private readonly write: (changes: LocalChange[]) => Promise<void>) {}

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
      await this.write([change("", personalKeys, id, { key: { ...wrap } })]);
      await this.remember("", id, bytes);
    }
    // One that only this device knew must not be chosen over one that all of them know: the smallest id is the same everywhere.
    const opened = [...this.cache.keys()].filter((name) => name.startsWith("key::")).map((name) => name.slice(5)).sort();
    if (opened[0] !== undefined) this.newest.set("", opened[0]);
    return opened.length > 0;
  }

  /** Asks to be let into an encrypted space: publishes this device's public point there. */
  async publishDevice(space: string, name: string): Promise<Device> {
    const { id, pair } = await this.device();
    const point = await publicPoint(pair.publicKey);
    await this.write([change(space, devices, id, { name, point })]);
    return { id, name, point, fingerprint: await fingerprint(point) };
  }

  async devices(space: string): Promise<Device[]> {
    const found = (await this.replica.list(devices)).filter((record) => record.space === space);
    return Promise.all(found.map(async (record) => {
      const [name, point] = [String(valueOf(record, "name") ?? ""), String(valueOf(record, "point") ?? "")];
      return { id: record.id, name, point, fingerprint: await fingerprint(point) };
    }));
  }

  /** Gives a space a new key, which these devices can open and no others: the first one switches encryption on, a later one shuts out who is not
   * named, for what is written from then on.
   * @returns the epoch. */
  async rotate(space: string, readers: readonly Device[]): Promise<string> {
    const epochs = (await this.replica.list(spaceKeys)).filter((record) => record.space === space).map((record) => Number(record.id.split(".")[0]));
    const epoch = String(Math.max(0, ...epochs) + 1);
    const bytes = newKeyBytes();
    await this.write(await this.wrapped(space, epoch, bytes, readers));
    await this.remember(space, epoch, bytes);
    this.newest.set(space, epoch);
    return epoch;
  }

  /** Lets a device read what was written so far: wraps every key that this device can open for it. */
  async admit(space: string, reader: Device): Promise<void> {
    const { id, pair } = await this.device();
    const changes: LocalChange[] = [];
    for (const record of (await this.replica.list(spaceKeys)).filter((found) => found.space === space && found.id.endsWith(`.${id}`))) {
      const epoch = record.id.slice(0, -id.length - 1);
      const bytes = await unwrapForDevice(String(valueOf(record, "wrapped")), pair, { app: this.app, space, keyId: epoch, deviceId: id });
      changes.push(...(await this.wrapped(space, epoch, bytes, [reader])));
    }
    await this.write(changes);
  }

  /** Opens the keys that have come for this device. Call it after a pull brought records of `_space_keys`. */
  async collect(): Promise<boolean> {
    const records = await this.replica.list(spaceKeys);
    if (records.length === 0) return false; // Nothing is encrypted: no device keys, and no need of a secure context.
    const { id, pair } = await this.device();
    let found = false;
    for (const record of records) {
      if (!record.id.endsWith(`.${id}`)) continue;
      const epoch = record.id.slice(0, -id.length - 1);
      if (!this.cache.has(nameOf(record.space, epoch))) {
        try {
          const place = { app: this.app, space: record.space, keyId: epoch, deviceId: id };
          await this.remember(record.space, epoch, await unwrapForDevice(String(valueOf(record, "wrapped")), pair, place));
          found = true;
        } catch (error) {
          if (!(error instanceof EnvelopeError)) throw error;
          continue;
        }
      }
      if (Number(epoch) > Number(this.newest.get(record.space) ?? 0)) this.newest.set(record.space, epoch);
    }
    return found;
  }

  /** The space's keys leave the memory; its records took the stored ones with them. */
  forget(space: string): void {
    for (const name of [...this.cache.keys()]) if (name.startsWith(`key:${space}:`)) this.cache.delete(name);
    this.newest.delete(space);
  }

  /** Whether what is written to this space now is sealed. */
  isSealing(space: string): boolean {
    return this.newest.has(space);
  }

  async sealed(place: FieldPlace, json: string): Promise<string> {
    const keyId = this.newest.get(place.space);
    if (keyId === undefined || place.table.startsWith("_") || !this.policy(place.space, place.table, place.field)) return json;
    return JSON.stringify(await sealField((await this.key(place.space, keyId))!, keyId, place, json));
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

  private async wrapped(space: string, epoch: string, bytes: Uint8Array<ArrayBuffer>, readers: readonly Device[]): Promise<LocalChange[]> {
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

  private async device(): Promise<{ id: string; pair: CryptoKeyPair }> {
    if (this.own !== null) return this.own;
    const made = { id: newId(), pair: await newDeviceKeys() };
    // Another tab may have been quicker: the first one stays.
    return (this.own = await this.store.transact("readwrite", async (tx) => {
      const present = (await tx.value("device")) as typeof made | undefined;
      if (present !== undefined) return present;
      await tx.putValue("device", made);
      return made;
    }));
  }
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

async function fingerprint(point: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(point));
  return toBase64Url(new Uint8Array(digest).slice(0, 15)).replace(/(.{5})(?=.)/g, "$1 ");
}
