import { canonicalJson, parseJson, type Json } from "./json.js";
import { compareTimes, fieldTime, formatTime, parseTime, type FieldTime } from "./field-time.js";
import type { FieldValue, RecordState } from "./conflict-rule.js";
import type { OutboxEntry } from "./store.js";

/** A change as the server tells it. */
export interface WireChange {
  readonly space: string;
  readonly table: string;
  readonly id: string;
  /** A state to merge. */
  readonly state: RecordState;
  readonly schemaVersion: number;
  readonly author: string | null;
}

/** An answer to a pull, and the data of an event of the stream. */
export interface Page {
  readonly changes: readonly WireChange[];
  readonly cursor: string;
  readonly hasMore: boolean;
  /** Spaces that the user has left. */
  readonly removedScopes: readonly string[];
}

/** What became of one mutation. */
export interface PushResult {
  readonly id: number;
  readonly status: "applied" | "superseded" | "rejected" | "duplicate";
  readonly code: string;
  readonly detail: string;
  /** Milliseconds since 1970, with `clock_skew`; else null. */
  readonly serverTime: number | null;
}

type Members = { readonly [name: string]: Json };

export function readPage(text: string): Page {
  const page = object(parseJson(text));
  return {
    changes: list(page["changes"]).map((change) => readChange(object(change))),
    cursor: string(page["cursor"]),
    hasMore: page["hasMore"] === true,
    removedScopes: list(page["removedScopes"]).map((scope) => spaceOf(string(scope))),
  };
}

export function readResults(text: string): PushResult[] {
  return list(object(parseJson(text))["results"]).map((item) => {
    const result = object(item);
    return {
      id: Number(result["id"]),
      status: string(result["status"]) as PushResult["status"],
      code: typeof result["code"] === "string" ? result["code"] : "",
      detail: typeof result["detail"] === "string" ? result["detail"] : "",
      serverTime: typeof result["serverTime"] === "string" ? time(result["serverTime"], "").ms : null,
    };
  });
}

/** The body of a push. The same entries give the same text, whenever it is made: a retry must not differ from the first try. */
export function pushBody(clientId: string, entries: readonly OutboxEntry[]): string {
  return `{"clientId":${JSON.stringify(clientId)},"mutations":[${entries.map(mutationText).join(",")}]}`;
}

/** The caller's own data has several names on the wire; here it is "". */
export function spaceOf(wire: string): string {
  return wire.startsWith("_personal:") ? "" : wire;
}

function mutationText(entry: OutboxEntry): string {
  const at = entry.at === null ? "" : `,"at":${JSON.stringify(formatTime(entry.at))}`;
  const members = [`"id":${entry.seq}`, `"table":${JSON.stringify(entry.table)}`, `"recordId":${JSON.stringify(entry.id)}`, `"op":"${entry.op}"`];
  if (entry.op === "delete") members.push(...(entry.at === null ? [] : [at.slice(1)]));
  else members.push(`"fields":{${[...entry.fields].map(([name, json]) => `${JSON.stringify(name)}:{"value":${json}${at}}`).join(",")}}`);
  if (entry.op !== "delete" && entry.fields.size === 0 && entry.at !== null) members.push(at.slice(1));
  if (entry.space !== "") members.push(`"spaceId":${JSON.stringify(entry.space)}`);
  if (entry.actor !== null) members.push(`"actor":${entry.actor}`);
  members.push(`"schemaVersion":${entry.schemaVersion}`);
  return `{${members.join(",")}}`;
}

function readChange(change: Members): WireChange {
  const fields = new Map<string, FieldValue>();
  let latest: FieldTime | null = null;
  for (const [name, member] of Object.entries(object(change["fields"] ?? {}))) {
    const field = object(member);
    const at = time(field["at"], field["clientId"]);
    fields.set(name, { json: canonicalJson(field["value"] ?? null), at });
    if (compareTimes(at, latest) > 0) latest = at;
  }
  const deletedAt = typeof change["deletedAt"] === "string" ? time(change["deletedAt"], change["deletedBy"]) : null;
  if (typeof change["writtenAt"] === "string") latest = time(change["writtenAt"], change["writtenBy"]);
  // The log of an older server says nothing of a write without fields: it is known to be later than the delete beside it, and nothing more.
  const writtenAt = change["op"] === "delete" ? null : latest ?? (deletedAt === null ? fieldTime(0, 1, "") : { ...deletedAt, counter: deletedAt.counter + 1 });
  return {
    space: spaceOf(typeof change["spaceId"] === "string" ? change["spaceId"] : ""),
    table: string(change["table"]),
    id: string(change["recordId"]),
    state: { fields, writtenAt, deletedAt },
    schemaVersion: Number(change["schemaVersion"] ?? 1),
    author: typeof change["author"] === "string" ? change["author"] : null,
  };
}

function time(text: Json | undefined, clientId: Json | undefined): FieldTime {
  return parseTime(string(text), typeof clientId === "string" ? clientId : "") ?? unexpected("a time");
}

function object(value: Json | undefined): Members {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Members) : unexpected("an object");
}

function list(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? (value as readonly Json[]) : unexpected("a list");
}

function string(value: Json | undefined): string {
  return typeof value === "string" ? value : unexpected("a text");
}

function unexpected(what: string): never {
  throw new SyntaxError(`The server's answer has no ${what.replace(/^an? /, "")} where the protocol has ${what}. Is this a Lockstep server of this version?`);
}
