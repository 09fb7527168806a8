// Clients that another program leads: one JSON command a line on standard input, one JSON answer a line on standard output, in order.
//   {do: "open", peer, url, app, token, skew}   {do: "edit", peer, edits}   {do: "sync", peer, cut}   {do: "restart", peer}   {do: "state", peer}   {do: "close", peer}
// Values go as JSON texts, so that no reader of JSON on the way rounds them.
import { createInterface } from "node:readline";
import "./support.js";
import { canonicalJson, MemoryStore, parseJson, SyncClient, type Edit, type Json, type SyncOptions } from "@lockstep/client";

interface Peer { client: SyncClient; readonly store: MemoryStore; readonly options: Omit<SyncOptions, "store">; cut: boolean }
interface Command {
  readonly do: string; readonly peer: string; readonly url: string; readonly app: string; readonly token: string; readonly skew: number; readonly cut: boolean;
  readonly edits: readonly { op: Edit["op"]; space: string; table: string; id: string; fields: Record<string, string> }[];
}

const peers = new Map<string, Peer>();

const commands: Record<string, (command: Command) => Promise<unknown>> = {
  async open({ peer, url, app, token, skew }) {
    const store = new MemoryStore();
    const made: { cut: boolean } = { cut: false };
    const options = {
      url, app, token: () => token, now: () => Date.now() + skew,
      fetch: (async (input, init) => {
        const response = await fetch(input, init);
        // The clock stays wrong: nobody tells the time.
        const headers = new Headers(response.headers);
        headers.delete("date");
        const body = await response.arrayBuffer();
        if (made.cut && init?.method === "POST") throw new TypeError("the line was cut after the commit");
        return new Response(body, { status: response.status, headers });
      }) as typeof fetch,
    };
    peers.set(peer, Object.assign(made, { client: await SyncClient.open({ ...options, store }), store, options }));
  },
  async edit({ peer, edits }) {
    await peers.get(peer)!.client.write(edits.map(({ fields, ...edit }) => ({
      ...edit, ...(edit.op === "delete" ? {} : { fields: Object.fromEntries(Object.entries(fields).map(([name, json]) => [name, parseJson(json)])) }),
    })));
  },
  async sync({ peer, cut }) {
    const led = peers.get(peer)!;
    led.cut = cut;
    await led.client.sync().catch((error: unknown) => {
      if (!cut) throw error;
    });
    led.cut = false;
  },
  async restart({ peer }) {
    const led = peers.get(peer)!;
    const store = MemoryStore.load(led.store.dump());
    peers.set(peer, Object.assign(led, { store, client: await SyncClient.open({ ...led.options, store }) }));
  },
  async state({ peer }) {
    const { client } = peers.get(peer)!;
    // By the export, which has the very digits: an application would read 1.50 as 1.5.
    const records: [string, Record<string, string>][] = [];
    for await (const line of client.export()) {
      const record = parseJson(line) as { spaceId?: string; recordId?: string; fields?: Record<string, { value: Json }> };
      if (record.recordId !== undefined)
        records.push([`${record.spaceId ?? ""}/${record.recordId}`, Object.fromEntries(Object.entries(record.fields!).map(([name, { value }]) => [name, canonicalJson(value)]))]);
    }
    return {
      unsent: client.status.unsent,
      rejections: (await client.rejections()).map(({ code }) => code),
      records: Object.fromEntries(records),
    };
  },
  async close({ peer }) {
    await peers.get(peer)!.client.close();
    peers.delete(peer);
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line) as Command;
  let said: string;
  try {
    said = JSON.stringify({ ok: (await commands[command.do]!(command)) ?? null });
  } catch (error) {
    said = JSON.stringify({ failed: error instanceof Error ? `${error.message}\n${error.stack}` : String(error) });
  }
  process.stdout.write(said + "\n");
}
