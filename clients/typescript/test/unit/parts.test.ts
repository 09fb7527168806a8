import { test } from "node:test";
import assert from "node:assert/strict";
import "../support.js";
import { backoff, InvalidValueError, JsonNumber, MemoryStore, parseJson, readEvents, readJson, toJsonText, type ServerEvent } from "@lockstep/client";

async function events(text: string, size = text.length * 4): Promise<ServerEvent[]> {
  const bytes = new TextEncoder().encode(text);
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size));
      controller.close();
    },
  });
  const read: ServerEvent[] = [];
  for await (const event of readEvents(body, () => undefined)) read.push(event);
  return read;
}

test("events are read however the network cuts them", async () => {
  const text = "id: 7\r\nevent: changes\r\ndata: {\"a\":\r\ndata: \"\u{1F600}\"}\r\n\r\n: a comment\n\nevent: heartbeat\ndata: {}\n\n";
  const expected = [{ type: "changes", data: "{\"a\":\n\"\u{1F600}\"}", id: "7" }, { type: "heartbeat", data: "{}", id: "7" }];
  assert.deepEqual(await events(text), expected);
  assert.deepEqual(await events(text, 1), expected);
  assert.deepEqual(await events(text, 3), expected);
});

test("an event that was not ended is dropped", async () => assert.deepEqual(await events("data: half"), []));

test("a wait is below its bound, which doubles up to the longest, and not before what the server asked", () => {
  const options = { first: 500, longest: 60_000, random: () => 0.999999 };
  assert.deepEqual([1, 2, 3, 20, 2000].map((failures) => backoff(failures, options)), [499, 999, 1999, 59_999, 59_999]);
  assert.equal(backoff(1, { ...options, random: () => 0 }, 3000), 3000);
});

test("numbers keep their digits and are numbers where they can be", () => {
  assert.equal(parseJson("9007199254740993"), 9007199254740993n);
  assert.equal(parseJson("1.5"), 1.5);
  assert.ok(parseJson("1.50") instanceof JsonNumber);
  assert.equal(readJson("1.50"), 1.5);
  assert.equal(toJsonText({ price: parseJson("1.50"), count: 9007199254740993n }, "x"), '{"count":9007199254740993,"price":1.50}');
});

test("what is not JSON is not read", () => {
  for (const text of ["", "{", "[1,]", '{"a":1,}', "01", "1.", "tru", '"\n"', "1 2", "{a:1}", "[".repeat(200) + "]".repeat(200)]) assert.throws(() => parseJson(text), SyntaxError, text);
});

test("what JSON cannot hold is refused with its place", () => {
  assert.throws(() => toJsonText({ a: [1, Number.NaN] }, "price"), { name: "InvalidValueError", message: /price\.a\[1\] is NaN/ });
  assert.throws(() => toJsonText(undefined, "x"), InvalidValueError);
  assert.throws(() => toJsonText(() => 1, "x"), InvalidValueError);
  const deep = Array.from({ length: 40 }).reduce<unknown>((inner) => [inner], 1);
  assert.throws(() => toJsonText(deep, "x"), /nested deeper/);
  assert.equal(toJsonText({ when: new Date(0), gone: undefined }, "x"), '{"when":"1970-01-01T00:00:00.000Z"}');
});

test("a transaction that fails leaves the store as it was", async () => {
  const store = new MemoryStore();
  await store.transact("readwrite", (tx) => tx.putValue("a", 1));
  await assert.rejects(store.transact("readwrite", async (tx) => {
    await tx.putValue("a", 2);
    await tx.putValue("b", 2);
    throw new Error("no");
  }));
  assert.deepEqual(await store.transact("readonly", async (tx) => [await tx.value("a"), await tx.value("b")]), [1, undefined]);
});
