import { checkText, readJson, toJsonText, InvalidValueError, type Json } from "./json.js";
import type { Edit, RefusedEdit, SyncEvents, SyncOptions, SyncRecord, SyncStatus } from "./contract.js";
import { Emitter } from "./events.js";
import { Exchange } from "./exchange.js";
import { exportLines } from "./export.js";
import { formatTime } from "./field-time.js";
import { Keys } from "./keys.js";
import { newId } from "./envelope.js";
import { LiveStream } from "./live.js";
import { Reading } from "./reading.js";
import { keyRefusals, Replica, type Applied, type LocalChange, type View } from "./replica.js";
import { backoff, sleep, usualRetry, type RetryOptions } from "./retry.js";
import type { RecordKey, Rejection } from "./store.js";
import { Tabs } from "./tabs.js";
import { SyncProblem, Transport } from "./transport.js";
import { spaceOf } from "./wire.js";

const appPattern = /^[A-Za-z0-9._-]{1,100}$/;
const longest = { table: 200, id: 500, field: 500 };
const mostFields = 1000;

/** One app's data on this device: read and edited here, in step with the server whenever there is one. */
export class SyncClient {
  readonly keys: Keys;
  private readonly events = new Emitter<SyncEvents>();
  private readonly exchange: Exchange;
  private readonly stream: LiveStream;
  private readonly tabs: Tabs;
  private readonly waits: RetryOptions;
  /** Refused for their key alone, and not told yet. */
  private readonly untold = new Set<number>();
  /** Keys and lists that have come are taken in. */
  private collected: Promise<void> = Promise.resolve();
  private running: AbortController | null = null;
  private loops: Promise<unknown> = Promise.resolve();
  private wake: (() => void) | null = null;
  private due = false;
  private current: SyncStatus = { phase: "stopped", live: false, unsent: 0, error: null, syncedAt: null };

  private constructor(private readonly options: SyncOptions, private readonly replica: Replica) {
    const reading = new Reading(options.collections);
    const now = options.now ?? Date.now;
    const transport = new Transport(
      `${options.url.replace(/\/$/, "")}/v1/sync/${options.app}/`, options.token, options.fetch ?? ((input, init) => globalThis.fetch(input, init)), now, (offset) => this.onServerTime(offset));
    this.tabs = new Tabs(options.store.sharedName, (message) => {
      if (message.type === "written" && this.current.phase !== "waiting") this.poke();
      void this.refresh(message.keys);
    });
    const applied = (what: Applied): void => this.onApplied(what);
    this.exchange = new Exchange(replica, transport, reading, { applied, rejected: (rejections) => this.onRejected(rejections) });
    this.stream = new LiveStream(replica, transport, reading, { applied, connected: () => this.say({ live: true }) });
    this.keys = new Keys(options.app, options.store, replica, options.seal ?? (() => true), {
      write: (changes) => this.keep(changes),
      exchange: () => this.sync(),
      seal: async (space, list, signature) => {
        const path = `spaces/${encodeURIComponent(space)}/encryption`;
        await transport.text({ method: "PUT", path, body: JSON.stringify({ list, signature }), signal: new AbortController().signal });
      },
    });
    this.waits = options.retry ?? usualRetry;
  }

  /** Opens what is kept; needs no server. Nothing is sent before {@link start} or {@link sync}. */
  static async open(options: SyncOptions): Promise<SyncClient> {
    if (!appPattern.test(options.app)) throw new InvalidValueError("app is 1 to 100 letters, digits, '.', '_' or '-'.");
    // A calendar event is one register; the server merges the records of every other app field by field.
    const replica = new Replica(options.store, options.app === "calendar" ? "register" : "fields", options.now ?? Date.now, () => newId());
    await replica.open();
    const client = new SyncClient(options, replica);
    await client.keys.collect();
    await client.refresh([]);
    return client;
  }

  get status(): SyncStatus {
    return this.current;
  }

  on<Name extends keyof SyncEvents>(name: Name, listener: (value: SyncEvents[Name]) => void): () => void {
    return this.events.on(name, listener);
  }

  /** Tells the records of a table now, and again after every change.
   * @returns ends it. */
  subscribe(table: string, listener: (records: SyncRecord[]) => void): () => void {
    let [ended, reading, again] = [false, false, true];
    const read = async (): Promise<void> => {
      again = true;
      if (reading) return;
      reading = true;
      while (again && !ended) {
        again = false;
        const records = await this.list(table);
        if (!ended && !again) listener(records);
      }
      reading = false;
    };
    const stop = this.events.on("change", (keys) => {
      // Keys that arrive may open any record.
      if (keys.length === 0 || keys.some((key) => key.table === table || key.table.startsWith("_"))) void read();
    });
    void read();
    return () => {
      ended = true;
      stop();
    };
  }

  async list(table: string): Promise<SyncRecord[]> {
    return Promise.all((await this.replica.list(table)).map((view) => this.record(view)));
  }

  /** @param space needed only where several spaces have a record of this id. */
  async get(table: string, id: string, space?: string): Promise<SyncRecord | undefined> {
    const views = (await this.replica.find(table, id)).filter((view) => space === undefined || view.space === spaceOf(space));
    return views[0] === undefined ? undefined : this.record(views[0]);
  }

  /** @returns the id: the given one, or a new one. */
  async insert(table: string, fields: { readonly [name: string]: unknown }, where: { readonly id?: string; readonly space?: string } = {}): Promise<string> {
    const id = where.id ?? newId();
    await this.write([{ op: "insert", table, id, fields, space: where.space ?? "" }]);
    return id;
  }

  /** Changes these fields and no others. Null is a value; there is no way to take a field away but deleting the record. */
  update(table: string, id: string, fields: { readonly [name: string]: unknown }, space?: string): Promise<void> {
    return this.write([{ op: "update", table, id, fields, ...(space === undefined ? {} : { space }) }]);
  }

  remove(table: string, id: string, space?: string): Promise<void> {
    return this.write([{ op: "delete", table, id, ...(space === undefined ? {} : { space }) }]);
  }

  /** Into another space, or to "" for own data: gone there and whole here, at once. */
  async move(table: string, id: string, to: string): Promise<void> {
    const record = await this.get(table, id);
    if (record === undefined) throw new InvalidValueError(`There is no record ${id} in ${table}.`);
    if (record.locked.length > 0) throw new InvalidValueError(`${record.locked.join(", ")} of ${id} cannot be read on this device, and so not be moved.`);
    await this.write([{ op: "delete", table, id, space: record.space }, { op: "insert", table, id, fields: record.fields, space: to }]);
  }

  /** Keeps edits, all or none, and sends them together as soon as it can.
   * @throws InvalidValueError one of them cannot be stored by the server; nothing was kept. */
  async write(edits: readonly Edit[]): Promise<void> {
    await this.keep(await Promise.all(edits.map((edit, i) => this.change(edit, edits.length === 1 ? "" : `edit ${i}: `))));
  }

  /** Edits that were refused and not dismissed. */
  async rejections(): Promise<RefusedEdit[]> {
    return this.refused(await this.replica.rejections());
  }

  async dismiss(rejection: Rejection): Promise<void> {
    await this.replica.replace(rejection, null);
  }

  /** Sends a refused edit once more, at its old time, sealed with the key of now: when the reason is gone, or the space has a new key.
   * @throws InvalidValueError one of its values cannot be opened here */
  async retry(rejection: Rejection): Promise<void> {
    const { entry } = rejection;
    const fields = await this.resealed(rejection);
    if (fields === null) throw new InvalidValueError(`A value of ${entry.id} cannot be opened on this device.`);
    await this.replica.replace(rejection, fields);
    if (this.current.phase !== "waiting") this.poke();
    await this.refresh([entry]);
  }

  /** Everything on this device as NDJSON, opened where a key is at hand, edits that were not sent included. */
  async *export(): AsyncGenerator<string> {
    const open = (view: View, field: string, json: string): Promise<string | null> => this.keys.opened({ app: this.options.app, space: view.space, table: view.table, id: view.id, field }, json);
    yield* exportLines(this.options.app, await this.replica.all(), open, new Date((this.options.now ?? Date.now)()));
  }

  /** Stays in step until {@link stop}: sends edits, reads changes, follows the stream, comes back after failures. */
  start(): void {
    if (this.running !== null) return;
    const running = (this.running = new AbortController());
    this.due = true;
    const online = (): void => this.poke();
    globalThis.addEventListener?.("online", online);
    running.signal.addEventListener("abort", () => globalThis.removeEventListener?.("online", online));
    this.loops = Promise.all([this.keepInStep(running.signal), this.keepStream(running.signal)]);
  }

  async stop(): Promise<void> {
    this.running?.abort(new Error("stopped"));
    this.running = null;
    this.wake?.();
    await this.loops;
    this.say({ phase: "stopped", live: false });
  }

  /** Sends and reads once, now.
   * @throws SyncProblem, Unreachable: nothing is lost */
  async sync(): Promise<void> {
    await this.exchangeOnce(this.running?.signal ?? new AbortController().signal);
    if (this.current.phase === "waiting") this.poke(); // It works again: no need to wait any longer.
  }

  /** Stops, and lets go of the store. */
  async close(): Promise<void> {
    await this.stop();
    this.tabs.close();
    await this.options.store.close();
  }

  private async exchangeOnce(signal: AbortSignal): Promise<void> {
    await this.tabs.alone("sync", signal, async () => {
      await this.exchange.run(signal);
      if (await this.sealAgain()) await this.exchange.run(signal);
    });
    await this.collected.finally(() => (this.collected = Promise.resolve()));
    this.say({ error: null, syncedAt: (this.options.now ?? Date.now)() });
    await this.refresh([]);
    this.tabs.tell({ type: "changed", keys: [] });
  }

  /** Edits that were sealed before there was another key go again with that one, which the pull has brought.
   * @returns whether there are any. */
  private async sealAgain(): Promise<boolean> {
    const refused = (await this.replica.rejections()).filter(({ code }) => keyRefusals.has(code));
    if (refused.length === 0) return false;
    await this.keys.collect();
    const left: Rejection[] = [];
    for (const rejection of refused) {
      const { space, fields } = rejection.entry;
      const again = [...fields.values()].some((json) => this.keys.isStale(space, json)) ? await this.resealed(rejection) : null;
      // The application's choice of fields may leave one in plain whatever the key is.
      if (again === null || [...again].every(([field, json]) => fields.get(field) === json)) left.push(rejection);
      else await this.replica.replace(rejection, again);
    }
    const told = left.filter(({ id }) => this.untold.has(id));
    this.untold.clear();
    if (told.length > 0) this.events.emit("rejected", await this.refused(told));
    return left.length < refused.length;
  }

  /** @returns null when one of its values cannot be opened here, or cannot be sealed. */
  private async resealed({ entry }: Rejection): Promise<Map<string, string> | null> {
    const fields = new Map<string, string>();
    for (const [field, json] of entry.fields) {
      const place = { app: this.options.app, space: entry.space, table: entry.table, id: entry.id, field };
      const opened = await this.keys.opened(place, json);
      if (opened === null) return null;
      fields.set(field, await this.keys.sealed(place, opened));
    }
    return fields;
  }

  private async keepInStep(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted; ) {
      let wait = this.options.pollEvery ?? 60_000;
      this.due = false;
      try {
        this.say({ phase: "busy" });
        await this.exchangeOnce(signal);
        failures = 0;
        this.say({ phase: "idle" });
      } catch (error) {
        if (signal.aborted) return;
        wait = backoff(++failures, this.waits, error instanceof SyncProblem ? error.retryAfter : 0);
        this.say({ phase: "waiting", error: { code: error instanceof SyncProblem ? error.code : "unreachable", detail: error instanceof Error ? error.message : String(error) } });
        this.due = false; // An edit made meanwhile waits with the others; being online again does not.
      }
      await this.rest(wait, signal);
    }
  }

  private async keepStream(signal: AbortSignal): Promise<void> {
    await this.tabs.alone("stream", signal, async () => {
      for (let failures = 0; !signal.aborted; ) {
        // The first reading is the pull's: its pages are larger.
        if (!(await this.replica.meta()).complete) {
          await sleep(200, signal);
          continue;
        }
        const connectedAt = Date.now();
        try {
          if ((await this.stream.follow(signal)) === "reset") this.poke();
          failures = Date.now() - connectedAt > 5000 ? 0 : failures + 1;
        } catch {
          if (signal.aborted) return;
          failures = Date.now() - connectedAt > 60_000 ? 1 : failures + 1;
        }
        this.say({ live: false });
        if (failures > 0) await sleep(backoff(failures, this.waits), signal);
      }
    }).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }

  private async rest(ms: number, signal: AbortSignal): Promise<void> {
    if (this.due || signal.aborted) return;
    const early = new AbortController();
    this.wake = () => early.abort();
    await sleep(ms, early.signal);
    this.wake = null;
  }

  private poke(): void {
    this.due = true;
    this.wake?.();
  }

  private async change(edit: Edit, where: string): Promise<LocalChange> {
    check(edit.table, longest.table, `${where}table`);
    check(edit.id, longest.id, `${where}id`);
    const given = Object.entries(edit.fields ?? {}).filter(([, value]) => value !== undefined);
    if (edit.op === "delete" ? given.length > 0 : given.length === 0)
      throw new InvalidValueError(`${where}${edit.op === "delete" ? "a delete has no fields" : "there is no field to write"}.`);
    if (given.length > mostFields) throw new InvalidValueError(`${where}a record has ${mostFields} fields at most.`);
    const space = edit.space !== undefined ? spaceOf(edit.space) : edit.op === "insert" ? "" : await this.spaceOfRecord(edit);
    checkText(space, `${where}space`);
    const fields = new Map<string, string>();
    for (const [field, value] of given) {
      check(field, longest.field, `${where}a field's name`);
      const json = toJsonText(value, `${where}${field}`);
      fields.set(field, await this.keys.sealed({ app: this.options.app, space, table: edit.table, id: edit.id, field }, json));
    }
    const actor = this.options.actor === undefined ? null : toJsonText(this.options.actor, "actor");
    return { op: edit.op, space, table: edit.table, id: edit.id, fields, schemaVersion: this.options.schemaVersion ?? 1, actor };
  }

  private async spaceOfRecord(edit: Edit): Promise<string> {
    const found = await this.replica.find(edit.table, edit.id);
    if (found.length > 1) throw new InvalidValueError(`${edit.table}/${edit.id} is in several spaces; say which.`);
    return found[0]?.space ?? "";
  }

  private async keep(changes: LocalChange[]): Promise<void> {
    await this.replica.write(changes);
    const keys = changes.map(({ space, table, id }) => ({ space, table, id }));
    this.tabs.tell({ type: "written", keys });
    if (this.current.phase !== "waiting") this.poke();
    await this.refresh(keys);
  }

  private onApplied(applied: Applied): void {
    for (const space of applied.left) this.keys.forget(space);
    if (applied.left.length > 0) this.events.emit("left", applied.left);
    if (applied.changed.length === 0 && applied.left.length === 0) return;
    const tell = (): void => {
      this.events.emit("change", applied.changed);
      this.tabs.tell({ type: "changed", keys: applied.changed });
    };
    if (applied.changed.some((key) => key.table === "_space_keys" || key.table === "_members")) this.collected = this.collected.then(() => this.keys.collect()).then(tell);
    else tell();
  }

  private onRejected(rejections: readonly Rejection[]): void {
    const told = rejections.filter(({ code }) => !keyRefusals.has(code));
    for (const { id, code } of rejections) if (keyRefusals.has(code)) this.untold.add(id);
    if (told.length > 0) void this.refused(told).then((edits) => this.events.emit("rejected", edits));
  }

  private onServerTime(offset: number): void {
    // Within a few seconds the header's own coarseness would do more harm than the clock.
    const wanted = Math.abs(offset) < 5000 ? 0 : offset;
    void this.replica.meta().then(({ clockOffset }) =>
      clockOffset === null || Math.abs(clockOffset - wanted) >= 2000 ? this.replica.setClockOffset(wanted) : undefined).catch(() => undefined);
  }

  private async refresh(keys: readonly RecordKey[]): Promise<void> {
    this.say({ unsent: await this.replica.pending() });
    this.events.emit("change", keys);
  }

  private say(change: Partial<SyncStatus>): void {
    const next = { ...this.current, ...change };
    if ((Object.keys(next) as (keyof SyncStatus)[]).every((name) => next[name] === this.current[name])) return;
    this.current = next;
    this.events.emit("status", next);
  }

  private refused(rejections: readonly Rejection[]): Promise<RefusedEdit[]> {
    return Promise.all(rejections.map(async (rejection) => ({ ...rejection, fields: (await this.read(rejection.entry, rejection.entry.fields)).fields })));
  }

  /** Values as applications read them, and the names of those whose key is not here. */
  private async read(key: RecordKey, texts: Iterable<readonly [string, string]>): Promise<{ fields: { readonly [name: string]: Json }; locked: string[] }> {
    const [fields, locked] = [{}, [] as string[]];
    for (const [name, json] of texts) {
      const opened = await this.keys.opened({ app: this.options.app, space: key.space, table: key.table, id: key.id, field: name }, json);
      if (opened === null) locked.push(name);
      else Object.defineProperty(fields, name, { value: readJson(opened), enumerable: true, configurable: true, writable: true });
    }
    return { fields, locked };
  }

  private async record(view: View): Promise<SyncRecord> {
    const { fields, locked } = await this.read(view, [...view.state.fields].map(([name, { json }]) => [name, json] as const));
    return { table: view.table, id: view.id, space: view.space, fields, locked, pending: view.pending, author: view.author, schemaVersion: view.schemaVersion, writtenAt: formatTime(view.state.writtenAt!) };
  }
}

function check(text: string, most: number, what: string): void {
  if (text.length === 0 || text.length > most) throw new InvalidValueError(`${what} has 1 to ${most} characters.`);
  checkText(text, what);
}
