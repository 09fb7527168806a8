import type { Reading } from "./reading.js";
import type { Applied, Replica } from "./replica.js";
import type { Rejection } from "./store.js";
import { SyncProblem, type Transport } from "./transport.js";
import { readPage, readResults } from "./wire.js";

const mostMutations = 500; // The server takes 5,000.
const mostBytes = 2 * 1024 * 1024; // The server takes 10 MiB.
const pageLimit = 1000;

export interface ExchangeEvents {
  applied(applied: Applied): void;
  rejected(rejections: readonly Rejection[]): void;
}

/** Whether a cursor leads nowhere any more: start from the beginning. */
export function isReset(error: unknown): boolean {
  return error instanceof SyncProblem && (error.code === "cursor_reset" || error.code === "resync_required" || error.code === "invalid_cursor");
}

/** Sends what is unsent, then reads what is new. Run by one tab at a time. */
export class Exchange {
  constructor(private readonly replica: Replica, private readonly transport: Transport, private readonly reading: Reading, private readonly events: ExchangeEvents) {}

  /** @throws SyncProblem, Unreachable: nothing is lost, call again later */
  async run(signal: AbortSignal): Promise<void> {
    await this.push(signal);
    await this.pull(signal);
  }

  private async push(signal: AbortSignal): Promise<void> {
    let most = mostMutations;
    for (let renamed = 0; ; ) {
      const batch = await this.replica.batch(most, mostBytes);
      if (batch === null) return;
      try {
        const text = await this.transport.text({ method: "POST", path: "push", body: batch.body, signal });
        const refused = await this.replica.settle(batch, readResults(text));
        most = mostMutations;
        if (refused.length > 0) this.events.rejected(refused);
      } catch (error) {
        if (!(error instanceof SyncProblem)) throw error;
        if ((error.code === "mutation_gap" || error.code === "mutation_reused") && renamed++ < 3) {
          await this.replica.newIdentity();
        } else if (error.status === 413 || error.code === "invalid_json") {
          // One mutation that the server cannot read must not keep all others from being sent: find it.
          if (batch.entries.length > 1) most = Math.ceil(batch.entries.length / 2);
          else this.events.rejected([await this.replica.drop(batch.entries[0]!, error.code, error.message)]);
        } else throw error;
      }
    }
  }

  private async pull(signal: AbortSignal): Promise<void> {
    for (let resets = 0; ; ) {
      const acknowledged = await this.replica.acknowledged();
      const { generation } = await this.replica.meta();
      try {
        while (await this.page(generation, signal));
        await this.replica.complete(generation, acknowledged);
        return;
      } catch (error) {
        if (!isReset(error) || resets++ > 2) throw error;
        await this.replica.reset(generation);
        await this.push(signal);
      }
    }
  }

  private async page(generation: number, signal: AbortSignal): Promise<boolean> {
    const { cursor } = await this.replica.meta();
    const page = readPage(await this.transport.text({ ...this.reading.call("pull", cursor, pageLimit), signal }));
    const applied = await this.replica.apply(page, generation);
    if (applied !== null) this.events.applied(applied);
    return applied !== null && page.hasMore;
  }
}
