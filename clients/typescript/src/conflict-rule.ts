import { compareText, compareTimes, type FieldTime } from "./field-time.js";

/** A field's value, as canonical JSON text, and when it was written. */
export interface FieldValue {
  readonly json: string;
  readonly at: FieldTime;
}

/** What is known of one record: merged, or one change to it, which is a small state of its own. */
export interface RecordState {
  readonly fields: ReadonlyMap<string, FieldValue>;
  /** The latest write, also one without fields; null when there is none after the delete. */
  readonly writtenAt: FieldTime | null;
  /** The latest delete, kept when the record is written again. */
  readonly deletedAt: FieldTime | null;
}

/** `fields`: edits of different fields all survive. `register`: the latest write replaces every field; a calendar event is one. */
export type MergeKind = "fields" | "register";

export const nothing: RecordState = { fields: new Map(), writtenAt: null, deletedAt: null };

/** A write of these fields, or an insert without any. */
export function written(fields: ReadonlyMap<string, FieldValue>, at: FieldTime): RecordState {
  let latest = at;
  for (const field of fields.values()) if (compareTimes(field.at, latest) > 0) latest = field.at;
  return { fields, writtenAt: latest, deletedAt: null };
}

export function deleted(at: FieldTime): RecordState {
  return { fields: new Map(), writtenAt: null, deletedAt: at };
}

/** The one conflict rule, line by line that of the server (`ConflictRule.cs`); tests/vectors hold the two together.
 *
 * (1) a field belongs to its latest write; equal times: the greater client id, then the greater JSON text
 * (2) the latest delete hides every field written at or before it
 * (3) a field written after the delete brings the record back, with the fields written since and no others
 * (4) a register is one field: its latest write or delete replaces everything; at the same time the delete wins */
export function merge(kind: MergeKind, left: RecordState, right: RecordState): RecordState {
  return kind === "register" ? mergeRegister(left, right) : mergeFields(left, right);
}

function mergeFields(left: RecordState, right: RecordState): RecordState {
  const deletedAt = later(left.deletedAt, right.deletedAt);
  let writtenAt = later(left.writtenAt, right.writtenAt);
  const fields = new Map(left.fields);
  for (const [name, value] of right.fields) {
    const present = fields.get(name);
    if (present === undefined || compareValues(value, present) > 0) fields.set(name, value); // (1)
  }
  if (deletedAt !== null) {
    for (const [name, value] of fields) if (compareTimes(value.at, deletedAt) <= 0) fields.delete(name); // (2)
    if (compareTimes(writtenAt, deletedAt) <= 0) writtenAt = null; // (3)
  }
  return { fields, writtenAt, deletedAt };
}

function mergeRegister(left: RecordState, right: RecordState): RecordState {
  const deletedAt = later(left.deletedAt, right.deletedAt);
  const order = compareTimes(left.writtenAt, right.writtenAt) || compareText(registerText(left), registerText(right));
  const winner = order >= 0 ? left : right;
  return winner.writtenAt !== null && compareTimes(winner.writtenAt, deletedAt) > 0
    ? { ...winner, deletedAt }
    : { fields: new Map(), writtenAt: null, deletedAt }; // (4)
}

function compareValues(left: FieldValue, right: FieldValue): number {
  return compareTimes(left.at, right.at) || compareText(left.json, right.json);
}

function registerText(state: RecordState): string {
  return [...state.fields].sort(([a], [b]) => compareText(a, b))
    .map(([name, { json, at }]) => `${name}\t${json}\t${hexClock(at)}\t${at.clientId}`).join("\n");
}

function hexClock(at: FieldTime): string {
  return at.ms.toString(16).padStart(12, "0") + at.counter.toString(16).padStart(4, "0");
}

function later(left: FieldTime | null, right: FieldTime | null): FieldTime | null {
  return compareTimes(left, right) >= 0 ? left : right;
}
