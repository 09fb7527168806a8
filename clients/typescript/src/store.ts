import type { RecordState } from "./conflict-rule.js";
import type { ClockReading } from "./hybrid-clock.js";

/** Which record: the space ("" is the user's own data), its table, its id. */
export interface RecordKey {
  readonly space: string;
  readonly table: string;
  readonly id: string;
}

/** A record as the server last told it; what this client has not sent yet is in the outbox. */
export interface StoredRecord extends RecordKey {
  readonly state: RecordState;
  readonly schemaVersion: number;
  /** The user who changed it last. */
  readonly author: string | null;
  /** Which reading of the server's history it is of; see {@link StoreMeta.generation}. */
  readonly generation: number;
}

export type Op = "insert" | "update" | "delete";

/** One mutation on its way. It keeps its id and content however often it is sent, so that it has one effect. */
export interface OutboxEntry extends RecordKey {
  /** The mutation id: rises by one. */
  readonly seq: number;
  readonly op: Op;
  /** Canonical JSON texts. */
  readonly fields: ReadonlyMap<string, string>;
  /** Null: stamped by the server when it arrives. */
  readonly at: ClockReading | null;
  readonly schemaVersion: number;
  /** JSON text; opaque. */
  readonly actor: string | null;
  /** `acknowledged`: the server has it, a pull has not brought it back yet. `confirmed`: one has; it is kept for a while, for a server that loses what it had. */
  readonly state: "pending" | "acknowledged" | "confirmed";
  /** With `confirmed`: when, in milliseconds of this device's clock. */
  readonly confirmedAt?: number;
  /** It was confirmed once and goes again, since the server's history is another one. */
  readonly again?: boolean;
  /** Not shown any more: its space was left. It is still sent, since ids have no gaps; the server refuses it. */
  readonly hidden: boolean;
}

/** A mutation that the server refused. It stays here until the application has dismissed it, so that nothing is lost silently. */
export interface Rejection {
  /** Orders and names it; local. */
  readonly id: number;
  readonly code: string;
  readonly detail: string;
  readonly entry: OutboxEntry;
}

export interface StoreMeta {
  readonly clientId: string;
  readonly nextSeq: number;
  readonly nextRejection: number;
  readonly clock: ClockReading;
  /** The server's clock minus ours, in milliseconds; 0 when they agree well enough, null when nothing is known. */
  readonly clockOffset: number | null;
  /** Null: nothing was pulled of this generation. */
  readonly cursor: string | null;
  /** Rises when the server's history is read anew; records of an earlier one go when the new one is complete. */
  readonly generation: number;
  /** Whether a pull of this generation has come to its end. */
  readonly complete: boolean;
}

/** What a client keeps: all of it in one atomic transaction at a time. */
export interface Store {
  /** Names it among all clients of the origin; tabs with the same name share it. Null: nobody shares it. */
  readonly sharedName: string | null;

  /** Runs `work` alone; when it throws nothing was written. Await nothing in it but the transaction's own methods. */
  transact<T>(mode: "readonly" | "readwrite", work: (tx: StoreTransaction) => Promise<T>): Promise<T>;

  close(): Promise<void>;

  /** Deletes everything, as when somebody signs out. */
  destroy(): Promise<void>;
}

export interface StoreTransaction {
  meta(): Promise<StoreMeta | undefined>;
  putMeta(meta: StoreMeta): Promise<void>;

  record(key: RecordKey): Promise<StoredRecord | undefined>;
  putRecord(record: StoredRecord): Promise<void>;
  deleteRecord(key: RecordKey): Promise<void>;
  recordsOf(table: string): Promise<StoredRecord[]>;
  /** In every space. */
  recordsWithId(table: string, id: string): Promise<StoredRecord[]>;
  allRecords(): Promise<StoredRecord[]>;
  deleteSpace(space: string): Promise<void>;
  /** Records of generations before this one. */
  deleteBefore(generation: number): Promise<void>;

  /** By id, ascending. */
  outbox(): Promise<OutboxEntry[]>;
  putEntry(entry: OutboxEntry): Promise<void>;
  deleteEntry(seq: number): Promise<void>;

  rejections(): Promise<Rejection[]>;
  putRejection(rejection: Rejection): Promise<void>;
  deleteRejection(id: number): Promise<void>;

  /** Anything else by name, such as keys; what structured cloning takes. */
  value(name: string): Promise<unknown>;
  putValue(name: string, value: unknown): Promise<void>;
  /** Every value whose name begins so. */
  deleteValues(prefix: string): Promise<void>;
}

/** One text for a key. */
export function keyText(key: RecordKey): string {
  return JSON.stringify([key.space, key.table, key.id]);
}
