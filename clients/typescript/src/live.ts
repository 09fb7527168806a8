import { isReset } from "./exchange.js";
import type { Reading } from "./reading.js";
import type { Applied, Replica } from "./replica.js";
import { readEvents } from "./sse.js";
import { SyncProblem, Unreachable, type Transport } from "./transport.js";
import { parseJson } from "./json.js";
import { readPage } from "./wire.js";

const silence = 70_000; // The server says something every 25 s.

export interface LiveEvents {
  connected(): void;
  applied(applied: Applied): void;
}

/** One connection to the stream, from where the replica stands. */
export class LiveStream {
  constructor(private readonly replica: Replica, private readonly transport: Transport, private readonly reading: Reading, private readonly events: LiveEvents) {}

  /** Follows until the stream ends, which it does with the token that opened it, or when the server stops or finds the reader too slow.
   * @returns `reset`: pull first, the cursor led nowhere. `ended`: connect again; what came before is kept.
   * @throws SyncProblem, Unreachable */
  async follow(signal: AbortSignal): Promise<"reset" | "ended"> {
    const { cursor, generation } = await this.replica.meta();
    const ear = new AbortController();
    const stop = (): void => ear.abort(signal.reason);
    signal.addEventListener("abort", stop);
    let watch: ReturnType<typeof setTimeout> | undefined;
    const heard = (): void => {
      clearTimeout(watch);
      watch = setTimeout(() => ear.abort(new Error("The stream fell silent.")), silence);
    };
    try {
      signal.throwIfAborted();
      const response = await this.transport.send({
        ...this.reading.call("stream", cursor),
        headers: { accept: "text/event-stream" },
        signal: ear.signal,
      });
      if (response.body === null) throw new Unreachable("The stream has no body.");
      heard();
      this.events.connected();
      for await (const event of readEvents(response.body, heard)) {
        if (event.type === "lagging") return "ended"; // We were too slow for it; it goes on from the last cursor.
        if (event.type === "error") throw problemOf(event.data);
        if (event.type !== "changes") continue;
        const applied = await this.replica.apply(readPage(event.data), generation);
        if (applied === null) return "ended"; // Another tab began to read anew.
        this.events.applied(applied);
      }
      return "ended";
    } catch (error) {
      if (isReset(error)) {
        await this.replica.reset(generation);
        return "reset";
      }
      if (error instanceof SyncProblem || error instanceof Unreachable || signal.aborted) throw error;
      throw new Unreachable(`The stream broke off: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      clearTimeout(watch);
      signal.removeEventListener("abort", stop);
      ear.abort();
    }
  }
}

function problemOf(data: string): SyncProblem {
  const problem = parseJson(data) as { status?: unknown; code?: unknown; detail?: unknown };
  return new SyncProblem(Number(problem.status ?? 500), typeof problem.code === "string" ? problem.code : "", typeof problem.detail === "string" ? problem.detail : "The stream ended with an error.", 0);
}
