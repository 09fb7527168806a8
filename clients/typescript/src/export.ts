import { formatTime } from "./field-time.js";
import type { View } from "./replica.js";

/** Everything a client shows, as NDJSON: a head, a line for each record, and last a line that counts and hashes the lines before it.
 * A file without that last line is cut off. */
export async function* exportLines(app: string, views: readonly View[], open: (view: View, field: string, json: string) => Promise<string | null>, now: Date): AsyncGenerator<string> {
  const utf8 = new TextEncoder();
  const chunks: Uint8Array[] = [];
  const line = (text: string): string => {
    chunks.push(utf8.encode(text + "\n"));
    return text + "\n";
  };
  yield line(JSON.stringify({ format: "lockstep-client-export", version: 1, app, exportedAt: now.toISOString() }));
  for (const view of views) {
    const fields: string[] = [];
    for (const [name, { json, at }] of view.state.fields) {
      const value = (await open(view, name, json)) ?? json;
      fields.push(`${JSON.stringify(name)}:{"value":${value},"at":"${formatTime(at)}","clientId":${JSON.stringify(at.clientId)}}`);
    }
    const key = [["table", view.table], ["recordId", view.id], ...(view.space === "" ? [] : [["spaceId", view.space]])];
    yield line(`{${key.map(([name, value]) => `"${name}":${JSON.stringify(value)}`).join(",")},"fields":{${fields.join(",")}},"schemaVersion":${view.schemaVersion},"sent":${!view.pending}}`);
  }
  const whole = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  chunks.reduce((at, chunk) => (whole.set(chunk, at), at + chunk.length), 0);
  const hash = [...new Uint8Array(await crypto.subtle.digest("SHA-256", whole))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  yield JSON.stringify({ records: views.length, sha256: hash }) + "\n";
}
