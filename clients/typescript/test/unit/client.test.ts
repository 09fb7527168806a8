import { test } from "node:test";
import assert from "node:assert/strict";
import { answer, emptyPage, eventually, FakeServer } from "../support.js";
import { SyncClient, SyncProblem, type SyncStatus } from "@lockstep/client";

const problem = (status: number, code: string, more: object = {}, headers: Record<string, string> = {}): Response => answer(status, { code, detail: `about ${code}`, ...more }, headers);

test("edits are there at once, without a server", async () => {
  const { client } = await new FakeServer().client();
  const id = await client.insert("items", { title: "milk", done: false });
  await client.update("items", id, { done: true });
  assert.deepEqual((await client.get("items", id))!.fields, { title: "milk", done: true });
  assert.equal((await client.get("items", id))!.pending, true);
  await client.remove("items", id);
  assert.equal(await client.get("items", id), undefined);
  assert.equal(client.status.unsent, 3);
});

test("edits of one call are kept all or none", async () => {
  const { client } = await new FakeServer().client();
  await assert.rejects(client.write([{ op: "insert", table: "items", id: "a", fields: { x: 1 } }, { op: "insert", table: "items", id: "b", fields: { x: "\0" } }]), /edit 1: x holds a NUL/);
  assert.deepEqual(await client.list("items"), []);
});

test("a retry sends the same bytes, after what the server asked for", async () => {
  const server = new FakeServer();
  let tries = 0;
  const bodies: string[] = [];
  server.reply = (sent) => {
    bodies.push(JSON.stringify(sent.body));
    return ++tries < 3 ? problem(503, "scope_busy", {}, { "retry-after": "0" }) : server.applied(sent);
  };
  const { client } = await server.client();
  await client.insert("items", { x: 1 }, { id: "a" });
  client.start();
  await eventually(() => client.status.unsent === 0, "sent");
  await client.stop();
  assert.equal(bodies.length, 3);
  assert.deepEqual(new Set(bodies).size, 1);
});

test("a refused token is asked for anew, once for each call", async () => {
  const server = new FakeServer();
  const reasons: string[] = [];
  server.reply = (sent) => (sent.headers.get("authorization") === "Bearer fresh" ? server.applied(sent) : problem(401, "unauthorized"));
  const { client } = await server.client({ token: (reason) => (reasons.push(reason), reason === "first" ? "stale" : "fresh") });
  await client.insert("items", { x: 1 });
  await client.sync();
  assert.deepEqual(reasons, ["first", "refused"]);
  server.reply = () => problem(401, "unauthorized");
  await client.insert("items", { x: 2 });
  await assert.rejects(client.sync(), (error: unknown) => error instanceof SyncProblem && error.status === 401);
  assert.equal(client.status.unsent, 1);
});

test("one mutation that the server cannot read is found and kept aside; the others go", async () => {
  const server = new FakeServer();
  server.reply = (sent) => (sent.body!.mutations.some(({ recordId }) => recordId === "r4") ? problem(413, "body_too_large") : server.applied(sent));
  const { client } = await server.client();
  for (let i = 0; i < 9; i++) await client.insert("items", { n: i }, { id: `r${i}` });
  await client.sync();
  const rejections = await client.rejections();
  assert.deepEqual(rejections.map(({ code, entry }) => [code, entry.id]), [["body_too_large", "r4"]]);
  const accepted = server.pushes.filter((sent) => !sent.body!.mutations.some(({ recordId }) => recordId === "r4")).flatMap((sent) => sent.body!.mutations);
  assert.deepEqual(accepted.map(({ id }) => id), [1, 2, 3, 4, 5, 6, 7, 8]);
  await client.dismiss(rejections[0]!);
  assert.deepEqual(await client.rejections(), []);
});

test("a gap, as after a restored backup, sends everything unconfirmed under a new name", async () => {
  const server = new FakeServer();
  const { client } = await server.client();
  await client.insert("items", { x: 1 }, { id: "a" });
  server.page = () => problem(503, "away");
  await client.sync().catch(() => undefined); // Acknowledged; never pulled.
  await client.insert("items", { x: 2 }, { id: "b" });
  const before = server.pushes[0]!.body!.clientId;
  server.reply = (sent) => (sent.body!.mutations[0]!.id > 1 ? problem(409, "mutation_gap", { expected: 1 }) : server.applied(sent));
  server.page = () => answer(200, emptyPage);
  await client.sync();
  const last = server.pushes.at(-1)!.body!;
  assert.notEqual(last.clientId, before);
  assert.deepEqual(last.mutations.map(({ id, recordId }) => [id, recordId]), [[1, "a"], [2, "b"]]);
});

test("what was confirmed lately goes again when the server's history is another one, without a gap in its ids, and is refused in silence", async () => {
  const server = new FakeServer();
  let time = 1_700_000_000_000;
  const { client } = await server.client({ now: () => time });
  for (const id of ["old", "a", "refused", "b"]) {
    if (id === "a") time += 11 * 60 * 1000;
    await client.insert("items", { x: 1 }, { id });
    server.reply = (sent) => (id === "refused" ? answer(200, { results: [{ id: sent.body!.mutations[0]!.id, status: "rejected", code: "schema_violation", detail: "no" }] }) : server.applied(sent));
    await client.sync();
  }
  await client.dismiss((await client.rejections())[0]!);
  assert.equal(client.status.unsent, 0);
  assert.equal((await client.get("items", "a"))?.pending ?? false, false);
  const before = server.pushes.at(-1)!.body!.clientId;
  server.reply = (sent) => answer(200, { results: sent.body!.mutations.map(({ id }) => ({ id, status: "rejected", code: "record_moved", detail: "no" })) });
  let told = false;
  server.page = () => (told ? answer(200, emptyPage) : ((told = true), problem(409, "cursor_reset")));
  await client.sync();
  const last = server.pushes.at(-1)!.body!;
  assert.notEqual(last.clientId, before);
  assert.deepEqual(last.mutations.map(({ id, recordId }) => [id, recordId]), [[1, "a"], [2, "b"]]);
  assert.deepEqual(await client.rejections(), []);
});

test("a failure is told, waits, and does not spin; an edit meanwhile does not shorten the wait", async () => {
  const server = new FakeServer();
  server.reply = () => problem(500, "internal");
  const { client } = await server.client({ retry: { first: 60_000, longest: 60_000, random: () => 0.999 } });
  const seen: SyncStatus[] = [];
  client.on("status", (status) => seen.push(status));
  await client.insert("items", { x: 1 });
  client.start();
  await eventually(() => client.status.phase === "waiting", "waiting");
  await client.insert("items", { x: 2 });
  assert.equal(server.pushes.length, 1);
  assert.deepEqual(client.status.error, { code: "internal", detail: "about internal" });
  await client.stop();
  assert.equal(client.status.phase, "stopped");
  assert.ok(seen.some((status) => status.phase === "busy"));
});

test("two clients on one store send each edit once", async () => {
  const server = new FakeServer();
  let [at, most] = [0, 0];
  server.reply = async (sent) => {
    most = Math.max(most, ++at);
    await new Promise((resolve) => setTimeout(resolve, 5));
    at--;
    return server.applied(sent);
  };
  const { client, store } = await server.client();
  Object.defineProperty(store, "sharedName", { value: "shared" });
  const options = { url: "http://fake.test", app: "todo", token: () => "t", store, fetch: server.fetch };
  const [one, two] = [await SyncClient.open(options), await SyncClient.open(options)];
  for (let i = 0; i < 5; i++) await (i % 2 ? one : two).insert("items", { i });
  await Promise.all([one.sync(), two.sync(), one.sync()]);
  assert.equal(most, 1);
  assert.equal(server.pushes.flatMap((sent) => sent.body!.mutations).length, 5);
  await Promise.all([one.close(), two.close(), client.close()]);
});

test("a store survives its dump", async () => {
  const server = new FakeServer();
  const { client, store } = await server.client();
  await client.insert("items", { big: 9007199254740993n, at: "\u{1F600}" }, { id: "a" });
  const { MemoryStore } = await import("@lockstep/client");
  const again = await SyncClient.open({ url: "http://fake.test", app: "todo", token: () => "t", store: MemoryStore.load(store.dump()), fetch: server.fetch });
  assert.deepEqual((await again.get("items", "a"))!.fields, { big: 9007199254740993n, at: "\u{1F600}" });
});

test("subscribers hear the records now and after each change", async () => {
  const { client } = await new FakeServer().client();
  const heard: number[] = [];
  const end = client.subscribe("items", (records) => heard.push(records.length));
  await eventually(() => heard.length === 1, "first");
  await client.insert("items", { x: 1 });
  await eventually(() => heard.at(-1) === 1, "second");
  end();
  await client.insert("items", { x: 2 });
  assert.equal(heard.at(-1), 1);
});

test("a long cursor goes in a body, a short one in the address", async () => {
  const server = new FakeServer();
  server.page = () => answer(200, { ...emptyPage, cursor: "c".repeat(24_000) });
  const { client } = await server.client({ collections: ["items", "a/b"] });
  await client.sync();
  await client.sync();
  await client.sync();
  assert.deepEqual(server.sent.map(({ method }) => method), ["GET", "POST", "POST"]);
  assert.deepEqual(server.sent[1]!.body, { cursor: "c".repeat(24_000), collections: ["items", "a/b"], limit: 1000 });
});

test("a clock that is refused takes the server's time from the refusal", async () => {
  const server = new FakeServer();
  const serverTime = "2026-03-01T09:00:00.000Z";
  let refusals = 0;
  const stamped: string[] = [];
  server.reply = (sent) => {
    const mutations = sent.body!.mutations as unknown as { id: number; fields: { x: { at: string } } }[];
    stamped.push(mutations[0]!.fields.x.at);
    return refusals++ === 0
      ? answer(200, { results: mutations.map(({ id }) => ({ id, status: "rejected", code: "clock_skew", detail: "Set the clock.", serverTime })) })
      : server.applied(sent);
  };
  const { client } = await server.client({ now: () => Date.parse(serverTime) + 3_600_000 });
  await client.insert("items", { x: 1 });
  await client.sync();
  await client.sync();
  assert.equal(client.status.unsent, 0);
  assert.match(stamped[0]!, /^2026-03-01T10:00/);
  assert.match(stamped[1]!, /^2026-03-01T09:00/);
});

test("a write without fields has the time that the server tells", async () => {
  const server = new FakeServer();
  const page = (changes: object[]) => answer(200, { ...emptyPage, changes });
  const change = { table: "items", recordId: "r", op: "insert", fields: {}, schemaVersion: 1, author: "u" };
  server.page = () => page([{ ...change, writtenAt: "2026-03-01T09:00:00.000Z-0002", writtenBy: "other" }]);
  const { client } = await server.client();
  await client.sync();
  assert.equal((await client.get("items", "r"))!.writtenAt, "2026-03-01T09:00:00.000Z-0002");
  server.page = () => page([{ ...change, op: "delete", deletedAt: "2026-03-01T08:00:00.000Z", deletedBy: "other" }]);
  await client.sync();
  assert.notEqual(await client.get("items", "r"), undefined);
});
