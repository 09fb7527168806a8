import { deleted, merge, nothing, written, type MergeKind, type RecordState } from "./conflict-rule.js";
import { observe, tick, clockStart, type ClockReading } from "./hybrid-clock.js";
import type { FieldTime } from "./field-time.js";
import { keyText, type Op, type OutboxEntry, type RecordKey, type Rejection, type Store, type StoredRecord, type StoreMeta, type StoreTransaction } from "./store.js";
import { pushBody, type Page, type PushResult } from "./wire.js";

/** Refusals after which an edit is sealed again and sent anew. */
export const keyRefusals: ReadonlySet<string> = new Set(["key_epoch_stale", "plaintext_refused"]);

/** A database that fails over to a replica loses the commits of its last moments, and tells by `cursor_reset` or `mutation_gap`. What a pull has confirmed shortly
 * before goes again then. */
const keptConfirmed = { milliseconds: 10 * 60 * 1000, entries: 500 };

/** An edit of this client. */
export interface LocalChange extends RecordKey {
  readonly op: Op;
  /** Canonical JSON texts; none for a delete. */
  readonly fields: ReadonlyMap<string, string>;
  readonly schemaVersion: number;
  readonly actor: string | null;
}

/** A record as this client sees it: what the server told, and its own edits on top. */
export interface View extends RecordKey {
  readonly state: RecordState;
  readonly schemaVersion: number;
  readonly author: string | null;
  /** Edits in it that no pull has brought back yet. */
  readonly pending: boolean;
}

/** Mutations to send, and the body that says so. */
export interface Batch {
  readonly entries: readonly OutboxEntry[];
  readonly body: string;
}

/** How a page changed what is kept. */
export interface Applied {
  readonly changed: readonly RecordKey[];
  readonly left: readonly string[];
}

/** Everything that a client knows, and every step that changes it; no network.
 *
 * The server's records and the own mutations are kept apart: a record is shown as their merge. A mutation is no part of it any more when a pull
 * that began after its acknowledgement has ended, for by then the server's record holds whatever the server made of it. So what a client
 * shows in the end is what the server has, even where the server decided otherwise, and a refused edit is gone without a trace. */
export class Replica {
  constructor(
    private readonly store: Store,
    private readonly kind: MergeKind,
    private readonly now: () => number,
    private readonly newId: () => string,
  ) {}

  /** Makes the client's identity where there is none. */
  async open(): Promise<void> {
    await this.store.transact("readwrite", async (tx) => {
      if ((await tx.meta()) === undefined)
        await tx.putMeta({
          clientId: this.newId(), nextSeq: 1, nextRejection: 1, clock: clockStart, clockOffset: null, cursor: null, generation: 1, complete: false,
        });
    });
  }

  meta(): Promise<StoreMeta> {
    return this.store.transact("readonly", metaOf);
  }

  /** Several edits at once: all of them are kept, or none. */
  async write(changes: readonly LocalChange[]): Promise<void> {
    await this.store.transact("readwrite", async (tx) => {
      let meta = await metaOf(tx);
      for (const change of changes) {
        const clock = tick(meta.clock, this.now() + (meta.clockOffset ?? 0));
        await tx.putEntry({ ...keyOf(change), seq: meta.nextSeq, op: change.op, fields: change.fields, at: clock, schemaVersion: change.schemaVersion, actor: change.actor, state: "pending", hidden: false });
        meta = { ...meta, clock, nextSeq: meta.nextSeq + 1 };
      }
      await tx.putMeta(meta);
    });
  }

  /** Live records of a table, in every space. */
  list(table: string): Promise<View[]> {
    return this.look((tx) => tx.recordsOf(table), (entry) => entry.table === table);
  }

  /** Live records of this id; more than one where several spaces have it. */
  find(table: string, id: string): Promise<View[]> {
    return this.look((tx) => tx.recordsWithId(table, id), (entry) => entry.table === table && entry.id === id);
  }

  /** Live records of every table. */
  all(): Promise<View[]> {
    return this.look((tx) => tx.allRecords(), () => true);
  }

  pending(): Promise<number> {
    return this.store.transact("readonly", async (tx) => (await tx.outbox()).filter((entry) => entry.state === "pending" && !entry.hidden).length);
  }

  /** The next mutations to send; null when there are none. */
  batch(mostEntries: number, mostBytes: number): Promise<Batch | null> {
    return this.store.transact("readonly", async (tx) => {
      const meta = await metaOf(tx);
      const entries: OutboxEntry[] = [];
      let bytes = 0;
      for (const entry of await tx.outbox()) {
        if (entry.state !== "pending") continue;
        for (const json of entry.fields.values()) bytes += json.length;
        bytes += 300;
        if (entries.length > 0 && (entries.length === mostEntries || bytes > mostBytes)) break;
        entries.push(entry);
      }
      return entries.length === 0 ? null : { entries, body: pushBody(meta.clientId, entries) };
    });
  }

  /** What the server said to a batch. Edits that it refused for their clock alone are stamped anew and stay.
   * @returns what was refused. */
  settle(batch: Batch, results: readonly PushResult[]): Promise<Rejection[]> {
    const byId = new Map(results.map((result) => [result.id, result]));
    return this.store.transact("readwrite", async (tx) => {
      const refused: Rejection[] = [];
      const skewed: OutboxEntry[] = [];
      for (const entry of batch.entries) {
        const result = byId.get(entry.seq);
        if (result === undefined) continue; // Not answered: sent again.
        if (result.status !== "rejected") {
          await tx.putEntry({ ...entry, state: "acknowledged" });
          continue;
        }
        await tx.deleteEntry(entry.seq);
        if (result.code === "clock_skew" && entry.at !== null) skewed.push(entry);
        // It was taken once; what happened to its record since, as that it moved, is no news for anybody.
        else if (entry.again !== true || keyRefusals.has(result.code)) refused.push(await this.reject(tx, entry, result.code, result.detail));
      }
      if (skewed.length > 0) await this.restamp(tx, skewed, results.find((result) => result.serverTime !== null)?.serverTime ?? null);
      return refused;
    });
  }

  /** Takes one mutation back that cannot even be sent. Those after it move up, since ids have no gaps and none of them was stored. */
  drop(entry: OutboxEntry, code: string, detail: string): Promise<Rejection> {
    return this.store.transact("readwrite", async (tx) => {
      const rejection = await this.reject(tx, entry, code, detail);
      await tx.deleteEntry(entry.seq);
      for (const later of (await tx.outbox()).filter((other) => other.seq > entry.seq)) {
        await tx.deleteEntry(later.seq);
        await tx.putEntry({ ...later, seq: later.seq - 1 });
      }
      const meta = await metaOf(tx);
      await tx.putMeta({ ...meta, nextSeq: meta.nextSeq - 1 });
      return rejection;
    });
  }

  /** Sends a refused mutation again with other content, at its old time; with none it is just forgotten. */
  replace(rejection: Rejection, fields: ReadonlyMap<string, string> | null): Promise<void> {
    return this.store.transact("readwrite", async (tx) => {
      await tx.deleteRejection(rejection.id);
      if (fields === null) return;
      const meta = await metaOf(tx);
      await tx.putEntry({ ...rejection.entry, seq: meta.nextSeq, fields, state: "pending", hidden: false });
      await tx.putMeta({ ...meta, nextSeq: meta.nextSeq + 1 });
    });
  }

  rejections(): Promise<Rejection[]> {
    return this.store.transact("readonly", (tx) => tx.rejections());
  }

  /** The server does not know this client's mutations as this client does: after a restored backup, or a copied profile. Everything that no
   * pull has confirmed, or only lately, is sent under a new name, from 1. Times stay, so a mutation that is there already changes nothing. */
  newIdentity(): Promise<void> {
    return this.store.transact("readwrite", async (tx) => this.rename(tx));
  }

  /** Starts reading from the beginning. What is shown stays until the new reading is complete.
   * @param generation the one whose cursor was refused; when another tab has begun a new one already, nothing happens. */
  reset(generation: number): Promise<void> {
    return this.store.transact("readwrite", async (tx) => {
      const meta = await metaOf(tx);
      if (meta.generation !== generation) return;
      await tx.putMeta({ ...meta, generation: generation + 1, cursor: null, complete: false });
      // The server may have lost what it acknowledged; a mutation that it knows has no second effect.
      const entries = await tx.outbox();
      for (const entry of entries) if (entry.state !== "pending") await tx.putEntry(unsent(entry));
      // A refused mutation has left a gap between them, and ids have none.
      if (entries.some((entry, i) => i > 0 && entry.seq !== entries[i - 1]!.seq + 1)) await this.rename(tx);
    });
  }

  /** Merges a page and moves the cursor, in one transaction. A page that comes twice, or late, changes nothing.
   * @returns null when the page is of a generation that is over. */
  apply(page: Page, generation: number): Promise<Applied | null> {
    return this.store.transact("readwrite", async (tx) => {
      const meta = await metaOf(tx);
      if (meta.generation !== generation) return null;
      let clock: ClockReading = meta.clock;
      const touched = new Map<string, StoredRecord>();
      for (const change of page.changes) {
        const key = keyText(change);
        const before = touched.get(key) ?? (await tx.record(change));
        const base = before?.generation === generation ? before.state : nothing;
        touched.set(key, { ...keyOf(change), state: merge(this.kind, base, change.state), schemaVersion: change.schemaVersion, author: change.author, generation });
        for (const field of change.state.fields.values()) clock = observe(clock, field.at);
        if (change.state.deletedAt !== null) clock = observe(clock, change.state.deletedAt);
      }
      for (const record of touched.values()) await tx.putRecord(record);
      for (const space of page.removedScopes) await this.forget(tx, space);
      await tx.putMeta({ ...meta, clock, cursor: page.cursor });
      return { changed: [...touched.values()].map(keyOf), left: page.removedScopes };
    });
  }

  /** The ids of what the server has acknowledged; remember them when a pull begins, and tell them to {@link complete} when it has ended. */
  acknowledged(): Promise<number[]> {
    return this.store.transact("readonly", async (tx) => (await tx.outbox()).filter((entry) => entry.state === "acknowledged").map((entry) => entry.seq));
  }

  complete(generation: number, acknowledged: readonly number[]): Promise<void> {
    return this.store.transact("readwrite", async (tx) => {
      const meta = await metaOf(tx);
      if (meta.generation !== generation) return;
      if (!meta.complete) {
        await tx.deleteBefore(generation);
        await tx.putMeta({ ...meta, complete: true });
      }
      const [seen, now] = [new Set(acknowledged), this.now()];
      const kept: number[] = [];
      for (const entry of await tx.outbox()) {
        if (entry.state === "pending" || (entry.state === "acknowledged" && !seen.has(entry.seq))) continue;
        const confirmedAt = entry.confirmedAt ?? now;
        // One that the server has stamped would count as written when it comes again, over what others have written since.
        if (entry.at === null || entry.hidden || Math.abs(now - confirmedAt) > keptConfirmed.milliseconds) await tx.deleteEntry(entry.seq);
        else {
          kept.push(entry.seq);
          if (entry.state === "acknowledged") await tx.putEntry({ ...entry, state: "confirmed", confirmedAt });
        }
      }
      for (const seq of kept.slice(0, -keptConfirmed.entries)) await tx.deleteEntry(seq);
    });
  }

  /** @param offset how far the server's clock is ahead of ours, in milliseconds. */
  setClockOffset(offset: number): Promise<void> {
    return this.store.transact("readwrite", async (tx) => tx.putMeta({ ...(await metaOf(tx)), clockOffset: Math.round(offset) }));
  }

  private look(read: (tx: StoreTransaction) => Promise<StoredRecord[]>, wanted: (entry: OutboxEntry) => boolean): Promise<View[]> {
    return this.store.transact("readonly", async (tx) => {
      const meta = await metaOf(tx);
      const views = new Map<string, View>();
      for (const record of await read(tx)) views.set(keyText(record), { ...keyOf(record), state: record.state, schemaVersion: record.schemaVersion, author: record.author, pending: false });
      for (const entry of await tx.outbox()) {
        if (entry.hidden || entry.state === "confirmed" || !wanted(entry)) continue;
        const before = views.get(keyText(entry));
        const state = merge(this.kind, before?.state ?? nothing, stateOf(entry, meta));
        views.set(keyText(entry), { ...keyOf(entry), state, schemaVersion: entry.schemaVersion, author: before?.author ?? null, pending: true });
      }
      return [...views.values()].filter((view) => view.state.writtenAt !== null);
    });
  }

  private async forget(tx: StoreTransaction, space: string): Promise<void> {
    await tx.deleteSpace(space);
    await tx.deleteValues(`key:${space}:`);
    for (const entry of await tx.outbox())
      if (entry.space === space && entry.state === "confirmed") await tx.deleteEntry(entry.seq);
      else if (entry.space === space && !entry.hidden) await tx.putEntry({ ...entry, hidden: true });
  }

  private async rename(tx: StoreTransaction): Promise<void> {
    const entries = await tx.outbox();
    for (const entry of entries) await tx.deleteEntry(entry.seq);
    for (const [i, entry] of entries.entries()) await tx.putEntry({ ...unsent(entry), seq: i + 1 });
    await tx.putMeta({ ...(await metaOf(tx)), clientId: this.newId(), nextSeq: entries.length + 1 });
  }

  private async reject(tx: StoreTransaction, entry: OutboxEntry, code: string, detail: string): Promise<Rejection> {
    const meta = await metaOf(tx);
    const rejection = { id: meta.nextRejection, code, detail, entry };
    await tx.putRejection(rejection);
    await tx.putMeta({ ...meta, nextRejection: meta.nextRejection + 1 });
    return rejection;
  }

  // The clock ran ahead, and so did everything it has stamped since: all of it is stamped anew, in its order, from the server's time on.
  private async restamp(tx: StoreTransaction, refused: readonly OutboxEntry[], told: number | null): Promise<void> {
    let meta = await metaOf(tx);
    // The Date of an answer is as good as the refusal's own time, and often hidden by a proxy or CORS.
    const server = told ?? this.now() + (meta.clockOffset ?? 0);
    const waiting = (await tx.outbox()).filter((entry) => entry.state === "pending" && entry.at !== null && entry.at.ms > server);
    let clock: ClockReading = { ms: Math.max(0, Math.floor(server)), counter: 0 };
    // Without either the server stamps them itself, as they arrive.
    const known = told !== null || meta.clockOffset !== null;
    for (const entry of refused) {
      clock = tick(clock, clock.ms);
      await tx.putEntry({ ...entry, seq: meta.nextSeq, at: known ? clock : null, state: "pending" });
      meta = { ...meta, nextSeq: meta.nextSeq + 1 };
    }
    for (const entry of waiting) {
      clock = tick(clock, clock.ms);
      await tx.putEntry({ ...entry, at: known ? clock : null });
    }
    await tx.putMeta({ ...meta, clock: known ? clock : meta.clock, clockOffset: meta.clockOffset ?? (told === null ? null : Math.round(told - this.now())) });
  }
}

function unsent({ confirmedAt, ...entry }: OutboxEntry): OutboxEntry {
  return { ...entry, state: "pending", again: entry.again === true || entry.state === "confirmed" };
}

function stateOf(entry: OutboxEntry, meta: StoreMeta): RecordState {
  const at: FieldTime = { ...(entry.at ?? { ms: meta.clock.ms, counter: meta.clock.counter }), clientId: meta.clientId };
  return entry.op === "delete" ? deleted(at) : written(new Map([...entry.fields].map(([name, json]) => [name, { json, at }])), at);
}

function keyOf({ space, table, id }: RecordKey): RecordKey {
  return { space, table, id };
}

async function metaOf(tx: StoreTransaction): Promise<StoreMeta> {
  const meta = await tx.meta();
  if (meta === undefined) throw new Error("The store was emptied under this client. Open it again.");
  return meta;
}
