import type { Json } from "./json.js";
import type { SealPolicy } from "./keys.js";
import type { RetryOptions } from "./retry.js";
import type { RecordKey, Rejection, Store } from "./store.js";
import type { TokenSource } from "./transport.js";

export interface SyncOptions {
  /** Of the server, such as `https://lockstep.example.com`; or "" for the origin of the page. */
  readonly url: string;
  /** 1 to 100 letters, digits, `.`, `_`, `-`. */
  readonly app: string;
  readonly token: TokenSource;
  /** One for each user and app. */
  readonly store: Store;
  /** Tables to read; all of them when absent. */
  readonly collections?: readonly string[];
  /** Written with every edit; 1 when absent. */
  readonly schemaVersion?: number;
  /** Who or what edits, kept with each change; opaque. */
  readonly actor?: Json;
  /** What is sealed of one's own data once it has a key; everything when absent. In a sealed space everything is. */
  readonly seal?: SealPolicy;
  /** Milliseconds between two looks at the server beside the stream; 60,000 when absent. */
  readonly pollEvery?: number;
  readonly retry?: RetryOptions;
  readonly fetch?: typeof fetch;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/** A record as applications see it. */
export interface SyncRecord {
  readonly table: string;
  readonly id: string;
  /** "" for own data. */
  readonly space: string;
  readonly fields: { readonly [name: string]: Json };
  /** Fields whose key this device does not have. */
  readonly locked: readonly string[];
  /** Holds edits that the server has not confirmed yet. */
  readonly pending: boolean;
  /** The user who changed it last; null while only this device knows it. */
  readonly author: string | null;
  readonly schemaVersion: number;
  /** When its latest field was written, RFC 3339 (with a counter). */
  readonly writtenAt: string;
}

/** An edit. A delete has no `fields`. An absent `space` is one's own data for an insert, and else where the record is. */
export interface Edit {
  readonly op: "insert" | "update" | "delete";
  readonly table: string;
  readonly id: string;
  readonly fields?: { readonly [name: string]: unknown };
  readonly space?: string;
}

export interface SyncStatus {
  /** `stopped`: not started. `waiting`: the last try failed, see `error`; it will be tried again. `busy`, `idle`: in touch. */
  readonly phase: "stopped" | "waiting" | "busy" | "idle";
  /** Whether changes of others come as they happen. In a tab that leaves the stream to another one, false. */
  readonly live: boolean;
  /** Edits that the server does not have. */
  readonly unsent: number;
  readonly error: { readonly code: string; readonly detail: string } | null;
  /** Milliseconds since 1970; null when never. */
  readonly syncedAt: number | null;
}

/** An edit that the server refused, and what it would have written. */
export interface RefusedEdit extends Rejection {
  readonly fields: { readonly [name: string]: Json };
}

export interface SyncEvents {
  /** Records that changed, by whoever. */
  change: readonly RecordKey[];
  status: SyncStatus;
  /** Edits that the server refused. They are kept until `dismiss`. */
  rejected: readonly RefusedEdit[];
  /** Spaces that were left: their data is gone from here. */
  left: readonly string[];
}
