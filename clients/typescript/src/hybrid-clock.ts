import { largestCounter, largestMs } from "./field-time.js";

/** Milliseconds and the counter within them; what a client keeps between runs. */
export interface ClockReading {
  readonly ms: number;
  readonly counter: number;
}

export const clockStart: ClockReading = { ms: 0, counter: 0 };

/** The next reading: later than `last`, and not before `now` (milliseconds). So a clock that was put back still counts up. */
export function tick(last: ClockReading, now: number): ClockReading {
  const ms = Math.min(Math.max(Math.floor(now), 0), largestMs);
  if (ms > last.ms) return { ms, counter: 0 };
  return last.counter < largestCounter ? { ms: last.ms, counter: last.counter + 1 } : { ms: last.ms + 1, counter: 0 };
}

/** After something that others wrote was seen: what is written next is later than it. */
export function observe(last: ClockReading, seen: ClockReading): ClockReading {
  return seen.ms > last.ms || (seen.ms === last.ms && seen.counter > last.counter) ? { ms: seen.ms, counter: seen.counter } : last;
}
