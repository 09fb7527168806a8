// Against a running server: LOCKSTEP_TEST_URL, and LOCKSTEP_TEST_TOKENS, a JSON object of tokens by name (tests/Lockstep.Tests starts both).
import { before, test } from "node:test";
import assert from "node:assert/strict";
import { eventually } from "../support.js";
import { MemoryStore, SyncClient, keyIdOf, type SyncOptions, type SyncRecord } from "@lockstep/client";

const url = process.env["LOCKSTEP_TEST_URL"]!;
const tokens = JSON.parse(process.env["LOCKSTEP_TEST_TOKENS"]!) as Record<string, { token: string; id: string }>;
const retry = { first: 20, longest: 200, random: Math.random };

interface Opened { client: SyncClient; store: MemoryStore }

async function open(user: string, app: string, options: Partial<SyncOptions> = {}): Promise<Opened> {
  const store = (options.store as MemoryStore | undefined) ?? new MemoryStore();
  return { store, client: await SyncClient.open({ url, app, token: () => tokens[user]!.token, store, retry, ...options }) };
}

async function api(user: string, method: string, path: string, body?: unknown): Promise<Record<string, never>> {
  const response = await fetch(url + path, {
    method, headers: { authorization: `Bearer ${tokens[user]!.token}`, "content-type": "application/json" }, ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${await response.clone().text()}`);
  const text = await response.text();
  return (text === "" ? {} : JSON.parse(text)) as Record<string, never>;
}

async function space(owner: string, ...members: string[]): Promise<string> {
  const { id } = await api(owner, "POST", "/v1/workspaces", { name: `Space of ${owner}` });
  for (const member of members) await api(owner, "POST", `/v1/workspaces/${id}/members`, { userId: tokens[member]!.id, role: "member" });
  return id!;
}

// Users exist from their first request on.
before(async () => {
  for (const user of Object.keys(tokens)) await api(user, "GET", "/v1/sync/any/pull");
});

const fields = async ({ client }: Opened, table = "items"): Promise<Record<string, SyncRecord["fields"]>> =>
  Object.fromEntries((await client.list(table)).map((record) => [record.id, record.fields] as const).sort(([a], [b]) => (a < b ? -1 : 1)));

test("edits made offline on two devices are the same on both afterwards", async () => {
  const [one, two] = [await open("ada", "twodevices"), await open("ada", "twodevices")];
  await one.client.insert("items", { title: "milk", done: false }, { id: "a" });
  await one.client.sync();
  await two.client.sync();
  await one.client.update("items", "a", { title: "oat milk" });
  await two.client.update("items", "a", { done: true });
  await two.client.insert("items", { title: "bread" }, { id: "b" });
  for (const each of [one, two, one]) await each.client.sync();
  assert.deepEqual(await fields(one), { a: { title: "oat milk", done: true }, b: { title: "bread" } });
  assert.deepEqual(await fields(two), await fields(one));
  assert.equal((await two.client.get("items", "a"))!.pending, false);
  assert.equal((await two.client.get("items", "a"))!.author, tokens["ada"]!.id);
});

test("9007199254740993, an emoji and a megabyte come back as they went", async () => {
  const [one, two] = [await open("ada", "exact"), await open("ada", "exact")];
  const value = { big: 9007199254740993n, face: "\u{1F600} e\u0301", nested: { b: [1, 2.5, null], a: -9007199254740993n }, long: "x".repeat(1 << 20) };
  await one.client.insert("items", value, { id: "\u{1F95B}" });
  await one.client.sync();
  await two.client.sync();
  assert.deepEqual((await two.client.get("items", "\u{1F95B}"))!.fields, value);
  assert.deepEqual((await one.client.get("items", "\u{1F95B}"))!.fields, value);
});

test("an answer that is lost after the commit: the retry has one effect", async () => {
  let cut = true;
  const lossy: typeof fetch = async (input, init) => {
    const response = await fetch(input, init);
    if (!cut || init?.method !== "POST") return response;
    cut = false;
    await response.arrayBuffer();
    throw new TypeError("the line was cut");
  };
  const one = await open("ada", "lossy", { fetch: lossy });
  await one.client.insert("items", { n: 1 }, { id: "a" });
  await assert.rejects(one.client.sync(), { name: "Unreachable" });
  assert.equal(one.client.status.unsent, 1);
  await one.client.sync();
  assert.equal(one.client.status.unsent, 0);
  const { changes } = await api("ada", "GET", "/v1/sync/lossy/pull");
  assert.equal((changes! as unknown[]).length, 1);
});

test("an edit of a foreign space is refused alone, told, and gone", async () => {
  const one = await open("ada", "foreign");
  const told: string[] = [];
  one.client.on("rejected", (rejections) => told.push(...rejections.map(({ code, entry }) => `${code} ${entry.id}`)));
  await one.client.insert("items", { n: 1 }, { id: "mine" });
  await one.client.insert("items", { n: 1 }, { id: "theirs", space: "00000000-0000-7000-8000-000000000000" });
  await one.client.insert("items", { n: 2 }, { id: "mine too" });
  await one.client.sync();
  await eventually(() => told.length > 0, "told");
  assert.deepEqual(told, ["space_forbidden theirs"]);
  assert.deepEqual(Object.keys(await fields(one)).sort(), ["mine", "mine too"]);
  assert.equal((await one.client.rejections())[0]!.fields["n"], 1);
});

for (const [name, hidden] of [["", false], [", also when a proxy hides the server's time", true]] as const)
  test(`edits stamped by a clock an hour ahead are kept, in their order${name}`, async () => {
    const fetcher: typeof fetch = async (input, init) => {
      const response = await fetch(input, init);
      if (!hidden) return response;
      const headers = new Headers(response.headers);
      headers.delete("date");
      return new Response(response.body, { status: response.status, headers });
    };
    const app = hidden ? "fasthidden" : "fast";
    const [fast, right] = [await open("ada", app, { now: () => Date.now() + 3_600_000, fetch: fetcher }), await open("ada", app)];
    await fast.client.insert("items", { title: "zebra" }, { id: "a" });
    await fast.client.update("items", "a", { title: "apple" });
    await fast.client.sync();
    await fast.client.sync();
    assert.deepEqual(await fast.client.rejections(), []);
    await right.client.sync();
    assert.deepEqual(await fields(right), { a: { title: "apple" } });
    await right.client.update("items", "a", { title: "third" });
    await right.client.sync();
    await fast.client.sync();
    assert.deepEqual(await fields(fast), { a: { title: "third" } });
  });

test("the stream brings what others write, and comes back when it was cut", async () => {
  const cuts: AbortController[] = [];
  const cuttable: typeof fetch = (input, init) => {
    if (!String(input).includes("/stream")) return fetch(input, init);
    const cut = new AbortController();
    cuts.push(cut);
    init!.signal!.addEventListener("abort", () => cut.abort());
    return fetch(input, { ...init, signal: cut.signal });
  };
  const [ear, mouth] = [await open("bob", "live", { fetch: cuttable, pollEvery: 3_600_000 }), await open("bob", "live")];
  ear.client.start();
  await eventually(() => ear.client.status.live, "live");
  await mouth.client.insert("items", { n: 1 }, { id: "a" });
  await mouth.client.sync();
  await eventually(async () => "a" in (await fields(ear)), "the first change");
  cuts.at(-1)!.abort();
  await mouth.client.insert("items", { n: 1 }, { id: "b" });
  await mouth.client.sync();
  await eventually(async () => "b" in (await fields(ear)), "the change after the cut");
  await ear.client.stop();
});

test("who is removed from a space forgets it while the stream runs, and keeps what is his own", async () => {
  const shared = await space("cat", "dee");
  const [cat, dee] = [await open("cat", "forget"), await open("dee", "forget", { pollEvery: 3_600_000 })];
  await dee.client.insert("items", { n: 1 }, { id: "own" });
  await cat.client.insert("items", { n: 1 }, { id: "shared", space: shared });
  await cat.client.sync();
  const left: string[] = [];
  dee.client.on("left", (spaces) => left.push(...spaces));
  dee.client.start();
  await eventually(async () => Object.keys(await fields(dee)).length === 2, "both");
  await eventually(() => dee.client.status.live, "live");
  await api("cat", "DELETE", `/v1/workspaces/${shared}/members/${tokens["dee"]!.id}`);
  await eventually(() => left.length > 0, "left");
  assert.deepEqual(left, [shared]);
  assert.deepEqual(Object.keys(await fields(dee)), ["own"]);
  await dee.client.stop();

  await dee.client.insert("items", { n: 2 }, { id: "late", space: shared });
  await dee.client.sync();
  assert.deepEqual((await dee.client.rejections()).map(({ code }) => code), ["space_forbidden"]);
});

test("an edit that waits while its space is left is hidden, refused and told", async () => {
  const shared = await space("cat", "dee");
  const [cat, dee] = [await open("cat", "waiting"), await open("dee", "waiting")];
  await cat.client.insert("items", { n: 1 }, { id: "a", space: shared });
  await cat.client.sync();
  await dee.client.sync();
  await dee.client.update("items", "a", { n: 2 });
  await api("cat", "DELETE", `/v1/workspaces/${shared}/members/${tokens["dee"]!.id}`);
  await dee.client.sync();
  assert.deepEqual(await fields(dee), {});
  assert.deepEqual((await dee.client.rejections()).map(({ code, entry }) => [code, entry.id]), [["space_forbidden", "a"]]);
});

test("a refused edit is sent again when its reason is gone, sealed with the key of now", async () => {
  const shared = await space("cat");
  const [cat, hal] = [await open("cat", "again"), await open("hal", "again")];
  await cat.client.keys.rotate(shared, [await cat.client.keys.publishDevice(shared, "laptop")]);
  await cat.client.sync();
  await hal.client.insert("items", { title: "mine" }, { id: "a", space: shared });
  await hal.client.sync();
  const [refused] = await hal.client.rejections();
  assert.deepEqual([refused!.code, refused!.fields], ["space_forbidden", { title: "mine" }]);

  await api("cat", "POST", `/v1/workspaces/${shared}/members`, { userId: tokens["hal"]!.id, role: "member" });
  const phone = await hal.client.keys.publishDevice(shared, "phone");
  await hal.client.sync();
  await cat.client.sync();
  await cat.client.keys.admit(shared, phone);
  await cat.client.sync();
  await hal.client.sync();
  await eventually(() => hal.client.keys.isSealing(shared), "the key");
  await hal.client.retry(refused!);
  await hal.client.sync();
  await cat.client.sync();
  assert.deepEqual(await fields(cat), { a: { title: "mine" } });
  assert.equal(keyIdOf(JSON.parse((await cat.store.transact("readonly", (tx) => tx.recordsWithId("items", "a")))[0]!.state.fields.get("title")!.json)), "1");
  assert.deepEqual(await hal.client.rejections(), []);
});

test("who joins late gets all of the space, once", async () => {
  const shared = await space("cat");
  const [cat, eve] = [await open("cat", "late"), await open("eve", "late")];
  await eve.client.insert("items", { n: 1 }, { id: "own" });
  await cat.client.insert("items", { n: 1 }, { id: "before", space: shared });
  await cat.client.sync();
  await eve.client.sync();
  await api("cat", "POST", `/v1/workspaces/${shared}/members`, { userId: tokens["eve"]!.id, role: "member" });
  await eve.client.sync();
  assert.deepEqual(Object.keys(await fields(eve)), ["before", "own"]);
});

test("a cursor of another history is answered by reading anew; what is unsent is sent, what is gone goes", async () => {
  const [one, other] = [await open("flo", "reset"), await open("flo", "elsewhere")];
  await one.client.insert("items", { n: 1 }, { id: "a" });
  await one.client.sync();
  await other.client.sync();
  const { cursor } = (await other.store.transact("readonly", (tx) => tx.meta()))!;
  await one.store.transact("readwrite", async (tx) => {
    await tx.putMeta({ ...(await tx.meta())!, cursor });
    const record = (await tx.allRecords())[0]!;
    await tx.putRecord({ ...record, id: "of the other history" });
  });
  await one.client.insert("items", { n: 2 }, { id: "b" });
  await one.client.sync();
  assert.deepEqual(Object.keys(await fields(one)), ["a", "b"]);
});

test("a copied profile gets a name of its own, and neither copy loses an edit", async () => {
  const one = await open("flo", "copied");
  await one.client.insert("items", { n: 1 }, { id: "a" });
  await one.client.sync();
  const two = await open("flo", "copied", { store: MemoryStore.load(one.store.dump()) });
  await one.client.insert("items", { of: "one" }, { id: "b" });
  await two.client.insert("items", { of: "two" }, { id: "c" });
  for (const each of [one, two, one]) await each.client.sync();
  assert.deepEqual(Object.keys(await fields(one)), ["a", "b", "c"]);
  assert.deepEqual(await fields(two), await fields(one));
});

test("own data is sealed by a passphrase: the server sees no word of it, another device reads it", async () => {
  const one = await open("gus", "sealed");
  await one.client.sync();
  assert.equal(await one.client.keys.usePassphrase("correct horse", 1000), true);
  await one.client.insert("items", { title: "the secret plan", n: 9007199254740993n }, { id: "a" });
  await one.client.sync();
  const wire = JSON.stringify(await api("gus", "GET", "/v1/sync/sealed/pull"));
  assert.ok(!wire.includes("secret plan") && !wire.includes("9007199254740993"));

  const two = await open("gus", "sealed");
  await two.client.sync();
  assert.deepEqual([...(await two.client.get("items", "a"))!.locked].sort(), ["n", "title"]);
  assert.equal(await two.client.keys.usePassphrase("wrong"), false);
  assert.equal(await two.client.keys.usePassphrase("correct horse"), true);
  assert.deepEqual(await fields(two), { a: { title: "the secret plan", n: 9007199254740993n } });
  await two.client.update("items", "a", { title: "another plan" });
  await two.client.sync();
  await one.client.sync();
  assert.equal((await fields(one))["a"]!["title"], "another plan");
});

test("a space is sealed for the devices that are let in; a new key shuts out who is not named", async () => {
  const shared = await space("cat", "hal");
  const [cat, hal] = [await open("cat", "spacekeys"), await open("hal", "spacekeys")];
  const seal = async (from: Opened, to: Opened): Promise<void> => {
    await from.client.sync();
    await to.client.sync();
  };
  const mine = await cat.client.keys.publishDevice(shared, "laptop");
  await cat.client.keys.rotate(shared, [mine]);
  await cat.client.insert("items", { title: "for us" }, { id: "a", space: shared });
  await seal(cat, hal);
  assert.deepEqual((await hal.client.get("items", "a"))!.locked, ["title"]);
  await assert.rejects(hal.client.insert("items", { title: "in plain" }, { space: shared }), /has not been let in/);
  await assert.rejects(hal.client.keys.rotate(shared, []), { name: "InvalidValueError" });

  const asked = await hal.client.keys.publishDevice(shared, "phone");
  await seal(hal, cat);
  const [phone] = (await cat.client.keys.devices(shared)).filter((device) => device.id === asked.id);
  assert.equal(phone!.fingerprint, asked.fingerprint);
  await cat.client.keys.admit(shared, phone!);
  await seal(cat, hal);
  await eventually(async () => (await hal.client.get("items", "a"))!.fields["title"] === "for us", "the key");

  await cat.client.keys.rotate(shared, [mine]);
  await cat.client.insert("items", { title: "not for the phone" }, { id: "b", space: shared });
  await seal(cat, hal);
  assert.deepEqual((await hal.client.get("items", "b"))!.locked, ["title"]);
  const raw = (await hal.store.transact("readonly", (tx) => tx.recordsWithId("items", "b")))[0]!;
  assert.equal(keyIdOf(JSON.parse(raw.state.fields.get("title")!.json)), "2");
  assert.equal((await hal.client.get("items", "a"))!.fields["title"], "for us");
});

test("an edit that was sealed with an old key is sealed again, at its old time", async () => {
  const shared = await space("cat", "hal");
  const [cat, hal] = [await open("cat", "resealed"), await open("hal", "resealed")];
  const [laptop, phone] = [await cat.client.keys.publishDevice(shared, "laptop"), await hal.client.keys.publishDevice(shared, "phone")];
  await hal.client.sync();
  assert.equal(await cat.client.keys.rotate(shared, [laptop, phone]), "1");
  await hal.client.sync();
  await hal.client.insert("items", { title: "from the train" }, { id: "a", space: shared });
  assert.equal(await cat.client.keys.rotate(shared, [laptop, phone]), "2");
  await cat.client.insert("items", { title: "with the new key" }, { id: "b", space: shared });
  await cat.client.sync();
  await hal.client.sync();
  await cat.client.sync();
  assert.deepEqual(await hal.client.rejections(), []);
  assert.deepEqual(await fields(cat), { a: { title: "from the train" }, b: { title: "with the new key" } });
  assert.deepEqual(await fields(hal), await fields(cat));
  const raw = (await cat.store.transact("readonly", (tx) => tx.recordsWithId("items", "a")))[0]!;
  assert.equal(keyIdOf(JSON.parse(raw.state.fields.get("title")!.json)), "2");
  assert.deepEqual((await cat.client.keys.devices(shared)).map(({ name, listed }) => [name, listed]).sort(), [["laptop", true], ["phone", true]]);
});

test("a device that was put in by who keeps the data is not believed, nor are older lists, and nothing goes out in plain", async () => {
  const shared = await space("cat", "hal");
  const [cat, hal] = [await open("cat", "forged"), await open("hal", "forged")];
  const [laptop, phone] = [await cat.client.keys.publishDevice(shared, "laptop"), await hal.client.keys.publishDevice(shared, "phone")];
  await hal.client.sync();
  await cat.client.keys.rotate(shared, [laptop, phone]);
  await hal.client.sync();
  await cat.client.keys.rotate(shared, [laptop, phone]);
  await hal.client.sync();

  const change = async (what: (list: string) => string): Promise<void> => {
    await hal.store.transact("readwrite", async (tx) => {
      const record = (await tx.recordsWithId("_members", "2"))[0]!;
      const fieldOf = record.state.fields.get("list")!;
      await tx.putRecord({ ...record, state: { ...record.state, fields: new Map(record.state.fields).set("list", { ...fieldOf, json: JSON.stringify(what(JSON.parse(fieldOf.json) as string)) }) } });
    });
    await hal.client.keys.collect();
  };
  await change((list) => list.replace('"devices":[', '"devices":[{"id":"spy","user":"u","point":"p","signer":"s"},'));
  assert.equal(hal.client.keys.isSealing(shared), false);
  await assert.rejects(hal.client.insert("items", { title: "secret" }, { space: shared }), { name: "InvalidValueError" });
  assert.equal(hal.client.status.unsent, 0);
  await change((list) => list.replace('{"id":"spy","user":"u","point":"p","signer":"s"},', ""));
  assert.equal(hal.client.keys.isSealing(shared), true);

  // Lists that descend from another first one than this device has trusted.
  await hal.store.transact("readwrite", (tx) => tx.putValue(`trust:${shared}:`, { root: "another", number: 1 }));
  await hal.client.keys.collect();
  await assert.rejects(hal.client.insert("items", { title: "secret" }, { space: shared }), /not those that this device has trusted/);
  await hal.client.keys.trust(shared);
  await hal.client.insert("items", { title: "secret" }, { space: shared });
});

test("a record moves into a space whole, and is gone where it was", async () => {
  const shared = await space("cat", "dee");
  const [cat, dee] = [await open("cat", "moved"), await open("dee", "moved")];
  await cat.client.insert("items", { title: "mine", n: 1 }, { id: "a" });
  await cat.client.sync();
  await cat.client.move("items", "a", shared);
  await cat.client.sync();
  await dee.client.sync();
  assert.deepEqual(await fields(dee), { a: { title: "mine", n: 1 } });
  assert.deepEqual((await cat.client.list("items")).map(({ space: where }) => where), [shared]);
});

test("an export counts and hashes its lines, and holds what was not sent", async () => {
  const one = await open("flo", "exported");
  await one.client.insert("items", { n: 9007199254740993n }, { id: "a" });
  await one.client.sync();
  await one.client.insert("items", { n: 2 }, { id: "b" });
  const lines: string[] = [];
  for await (const line of one.client.export()) lines.push(line);
  assert.equal(lines.length, 4);
  assert.match(lines[1]!, /"value":9007199254740993,.*"sent":true/);
  assert.match(lines[2]!, /"recordId":"b".*"sent":false/);
  const whole = new TextEncoder().encode(lines.slice(0, -1).join(""));
  const hash = Buffer.from(await crypto.subtle.digest("SHA-256", whole)).toString("hex");
  assert.deepEqual(JSON.parse(lines[3]!), { records: 2, sha256: hash });
});

test("three thousand edits go out in batches and come in by pages", async () => {
  const [one, two] = [await open("bob", "many"), await open("bob", "many")];
  await one.client.write(Array.from({ length: 3000 }, (_, i) => ({ op: "insert" as const, table: "items", id: `r${i}`, fields: { i } })));
  await one.client.sync();
  await two.client.sync();
  assert.equal((await two.client.list("items")).length, 3000);
  assert.equal(one.client.status.unsent, 0);
});
