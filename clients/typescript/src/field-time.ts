/** When a field was written: a hybrid logical clock (Kulkarni et al., 2014), and the client that breaks a tie. */
export interface FieldTime {
  /** Since 1970; 48 bits. */
  readonly ms: number;
  /** Counts within a millisecond; 16 bits. */
  readonly counter: number;
  /** Compared by UTF-16 code unit. */
  readonly clientId: string;
}

export const largestMs = 2 ** 48 - 1;
export const largestCounter = 0xffff;

/** How far ahead of the server a clock may be before what it stamps is refused, in milliseconds. */
export const largestLead = 5 * 60 * 1000;

const lastIsoMs = 253402300799999;
const pattern = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)(?:-([0-9a-fA-F]{4}))?$/;

/** Before 1970 counts as 1970: the past is always accepted. */
export function fieldTime(ms: number, counter: number, clientId: string): FieldTime {
  return { ms: Math.min(Math.max(ms, 0), largestMs), counter, clientId };
}

export function compareTimes(left: FieldTime | null, right: FieldTime | null): number {
  if (left === null || right === null) return left === right ? 0 : left === null ? -1 : 1;
  return left.ms - right.ms || left.counter - right.counter || compareText(left.clientId, right.clientId);
}

/** By UTF-16 code unit, as C# compares ordinally. */
export function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

/** RFC 3339 with milliseconds, and where the counter is not 0, `-` and four hex digits of it. */
export function formatTime(time: { readonly ms: number; readonly counter: number }): string {
  const text = new Date(Math.min(time.ms, lastIsoMs)).toISOString();
  return time.counter === 0 ? text : `${text}-${time.counter.toString(16).padStart(4, "0")}`;
}

/** Null when the text is neither RFC 3339 nor our form. */
export function parseTime(text: string, clientId: string): FieldTime | null {
  const match = pattern.exec(text);
  if (match === null) return null;
  const [, year, month, day, hour, minute, second, fraction, zone, counter] = match as unknown as string[];
  // The counter follows a Z alone.
  if (counter !== undefined && zone !== "Z") return null;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) return null;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return null;
  let offset = 0;
  if (zone !== "Z") {
    const [hours, minutes] = [Number(zone!.slice(1, 3)), Number(zone!.slice(4))];
    if (minutes > 59 || hours * 60 + minutes > 18 * 60) return null;
    offset = (zone![0] === "-" ? -1 : 1) * (hours * 60 + minutes) * 60_000;
  }
  const ms = date.getTime() + ((Number(hour) * 60 + Number(minute)) * 60 + Number(second)) * 1000
    + Number((fraction ?? "0").padEnd(3, "0").slice(0, 3)) - offset;
  return fieldTime(ms, counter === undefined ? 0 : parseInt(counter, 16), clientId);
}

/** Too far ahead of `now` (milliseconds) to be a clock that merely runs fast. */
export function isAheadOf(time: FieldTime, now: number): boolean {
  return time.ms > now + largestLead;
}
