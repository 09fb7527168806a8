import { parseJson } from "./json.js";

/** Gives a token. `refused`: the last one was answered with 401, so get a fresh one. */
export type TokenSource = (reason: "first" | "refused") => string | Promise<string>;

/** A problem document of the server (RFC 9457). */
export class SyncProblem extends Error {
  override readonly name = "SyncProblem";

  constructor(
    readonly status: number,
    /** Stable, snake_case; "" when the answer was no problem document, as from a proxy. */
    readonly code: string,
    detail: string,
    /** Milliseconds that the server asks to wait; 0 when it says nothing. */
    readonly retryAfter: number,
  ) {
    super(detail);
  }
}

/** No answer: the network, or a server that is away. */
export class Unreachable extends Error {
  override readonly name = "Unreachable";
}

export interface Call {
  readonly method: "GET" | "POST" | "PUT";
  /** Below the app: `push`, `pull?cursor=...`. */
  readonly path: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** HTTP to one app of one server. */
export class Transport {
  private token: string | null = null;

  /** @param onServerTime told how far the server's clock is ahead of ours, in milliseconds, +-1 s.
   * @param timeout milliseconds until the head of an answer. */
  constructor(
    private readonly base: string,
    private readonly source: TokenSource,
    private readonly fetcher: typeof fetch,
    private readonly now: () => number,
    private readonly onServerTime: (offset: number) => void,
    private readonly timeout = 30_000,
  ) {}

  /** The body of a 2xx answer.
   * @throws SyncProblem, Unreachable */
  async text(call: Call): Promise<string> {
    // A signal of its own: the caller's lives for days, and would collect a listener for each call.
    const own = new AbortController();
    const stop = (): void => own.abort(call.signal.reason);
    call.signal.addEventListener("abort", stop);
    try {
      if (call.signal.aborted) stop();
      const response = await this.send({ ...call, signal: own.signal });
      return await response.text();
    } catch (error) {
      throw error instanceof SyncProblem || error instanceof Unreachable ? error : new Unreachable(`The answer broke off: ${message(error)}`);
    } finally {
      call.signal.removeEventListener("abort", stop);
    }
  }

  /** A 2xx answer whose body is still to be read; the signal ends that too.
   * @throws SyncProblem, Unreachable */
  async send(call: Call): Promise<Response> {
    const first = await this.attempt(call, (this.token ??= await this.ask("first")));
    if (first.status !== 401) return this.accept(first);
    await first.body?.cancel();
    return this.accept(await this.attempt(call, (this.token = await this.ask("refused"))));
  }

  private async ask(reason: "first" | "refused"): Promise<string> {
    try {
      return await this.source(reason);
    } catch (error) {
      throw new Unreachable(`There is no token: ${message(error)}`);
    }
  }

  private async attempt(call: Call, token: string): Promise<Response> {
    const patience = new AbortController();
    const stop = (): void => patience.abort(call.signal.reason);
    if (call.signal.aborted) stop();
    call.signal.addEventListener("abort", stop);
    const timer = setTimeout(() => patience.abort(new Error("no answer in time")), this.timeout);
    const sent = this.now();
    try {
      const response = await this.fetcher(this.base + call.path, {
        method: call.method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(call.body === undefined ? {} : { "content-type": "application/json" }),
          ...call.headers,
        },
        ...(call.body === undefined ? {} : { body: call.body }),
        signal: patience.signal,
        cache: "no-store",
        credentials: "omit",
      });
      const date = Date.parse(response.headers.get("date") ?? "");
      // The header has whole seconds: on average half of one has passed.
      if (!Number.isNaN(date)) this.onServerTime(date + 500 - (sent + this.now()) / 2);
      return response;
    } catch (error) {
      throw new Unreachable(`Could not reach ${this.base}: ${message(error)}`);
    } finally {
      clearTimeout(timer);
    }
  }

  private async accept(response: Response): Promise<Response> {
    if (response.ok) return response;
    const text = await response.text().catch(() => "");
    let [code, detail] = ["", `The server answered ${response.status}.`];
    try {
      const problem = parseJson(text) as { code?: unknown; detail?: unknown; title?: unknown };
      if (typeof problem.code === "string") code = problem.code;
      if (typeof problem.detail === "string") detail = problem.detail;
      else if (typeof problem.title === "string") detail = problem.title;
    } catch {
      // A proxy's page.
    }
    const seconds = Number(response.headers.get("retry-after") ?? 0);
    throw new SyncProblem(response.status, code, detail, Number.isFinite(seconds) ? Math.max(0, seconds) * 1000 : 0);
  }
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
