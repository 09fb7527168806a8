import { newId } from "./envelope.js";
import type { RecordKey } from "./store.js";

/** What tabs that share a store tell each other. */
export interface TabMessage {
  /** `written`: there is something to send. `changed`: records or the state of sending changed. */
  readonly type: "written" | "changed";
  readonly keys: readonly RecordKey[];
}

/** The tabs of one store: one at a time pushes and pulls, one alone keeps the stream, and each hears what the others did.
 *
 * Where Web Locks are missing (outside of secure contexts) two tabs may push the same mutations: the server then takes them once. */
export class Tabs {
  private static readonly chains = new Map<string, Promise<unknown>>();
  private readonly channel: BroadcastChannel | null;
  private readonly name: string;

  /** @param shared null for a store that nobody shares. */
  constructor(shared: string | null, onMessage: (message: TabMessage) => void) {
    this.name = `lockstep:${shared ?? newId()}`;
    this.channel = shared !== null && typeof BroadcastChannel === "function" ? new BroadcastChannel(this.name) : null;
    if (this.channel !== null) this.channel.onmessage = (event: MessageEvent<TabMessage>) => onMessage(event.data);
  }

  tell(message: TabMessage): void {
    this.channel?.postMessage(message);
  }

  /** Runs `work` when no other tab does the same.
   * @throws the signal's reason when it is raised before the turn comes */
  async alone<T>(what: "sync" | "stream", signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const name = `${this.name}:${what}`;
    if (this.channel !== null && typeof navigator !== "undefined" && navigator.locks !== undefined)
      return (await navigator.locks.request(name, { mode: "exclusive", signal }, work)) as T;
    const turn = (Tabs.chains.get(name) ?? Promise.resolve()).then(() => {
      signal.throwIfAborted();
      return work();
    });
    const settled = turn.then(() => undefined, () => undefined);
    Tabs.chains.set(name, settled);
    void settled.then(() => {
      if (Tabs.chains.get(name) === settled) Tabs.chains.delete(name);
    });
    return turn;
  }

  close(): void {
    this.channel?.close();
  }
}
