import { webcrypto } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join } from "node:path";

// Node 18 has it, under another name.
if (globalThis.crypto === undefined) Object.defineProperty(globalThis, "crypto", { value: webcrypto });

const { MemoryStore, SyncClient } = await import("@lockstep/client");
type Store = import("@lockstep/client").MemoryStore;
type Options = import("@lockstep/client").SyncOptions;
type Client = import("@lockstep/client").SyncClient;

// From build/, two folders below the repository's clients/.
const root = join(fileURLToPath(import.meta.url), "../../../..");

export function vectors<T>(name: string): T {
  return JSON.parse(readFileSync(join(root, "tests/vectors", name), "utf8")) as T;
}

/** Waits for something that needs no help to come. */
export async function eventually(holds: () => boolean | Promise<boolean>, what: string, longest = 20_000): Promise<void> {
  for (const end = Date.now() + longest; !(await holds()); await new Promise((resolve) => setTimeout(resolve, 10)))
    if (Date.now() > end) throw new Error(`Not within ${longest} ms: ${what}`);
}

/** An answer of a fake server. */
export function answer(status: number, body: unknown, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers });
}

export const emptyPage = { changes: [], cursor: "c1", hasMore: false, removedScopes: [] };

interface Sent {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  readonly body: { readonly clientId: string; readonly mutations: readonly { readonly id: number; readonly recordId: string }[] } | null;
}

/** A server that a test plays: `reply` answers a push; pulls are empty. */
export class FakeServer {
  readonly sent: Sent[] = [];
  reply: (sent: Sent) => Response | Promise<Response> = (sent) => this.applied(sent);
  page: () => Response = () => answer(200, emptyPage);

  readonly fetch: typeof fetch = async (input, init) => {
    const url = new URL(String(input));
    const sent: Sent = { method: init?.method ?? "GET", path: url.pathname, headers: new Headers(init?.headers), body: init?.body ? (JSON.parse(String(init.body)) as Sent["body"]) : null };
    this.sent.push(sent);
    return url.pathname.endsWith("/push") ? this.reply(sent) : this.page();
  };

  get pushes(): Sent[] {
    return this.sent.filter((sent) => sent.path.endsWith("/push"));
  }

  applied(sent: Sent): Response {
    return answer(200, { results: sent.body!.mutations.map(({ id }) => ({ id, status: "applied", code: null, detail: null })) });
  }

  async client(options: Partial<Options> = {}): Promise<{ client: Client; store: Store }> {
    const store = new MemoryStore();
    const client = await SyncClient.open({ url: "http://fake.test", app: "todo", token: () => "t", store, fetch: this.fetch, retry: { first: 1, longest: 5, random: () => 0 }, ...options });
    return { client, store };
  }
}
