/** Waits between attempts. */
export interface RetryOptions {
  /** Milliseconds before the second attempt, at most; doubles with each. */
  readonly first: number;
  /** Milliseconds, at most. */
  readonly longest: number;
  /** From 0 to 1. */
  readonly random: () => number;
}

export const usualRetry: RetryOptions = { first: 500, longest: 60_000, random: Math.random };

/** How long to wait after so many failures in a row: full jitter, so that clients which failed together do not come back together.
 * @param atLeast what the server asked for with Retry-After, in milliseconds. */
export function backoff(failures: number, options: RetryOptions, atLeast = 0): number {
  const most = Math.min(options.longest, options.first * 2 ** Math.min(failures - 1, 30));
  return atLeast + Math.floor(options.random() * most);
}

/** Resolves after so many milliseconds, or at once when the signal is raised. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
  });
}
