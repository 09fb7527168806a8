// Writes the vectors beside it: what the server's C# and the client's TypeScript must agree on, to the byte.
//
//   npm --prefix clients/typescript ci && npm --prefix clients/typescript run build && node tests/vectors/make.mjs
//
// The files are committed and both test suites read them. Run this only to add cases: an existing case whose outcome changes is a change of
// the protocol. States and values are texts, since JSON readers of both languages would round numbers. Nonces, salts and keys are fixed here,
// so that a second run writes the same bytes; wrapped keys alone are made with a fresh key pair each time, and kept when they are there.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { webcrypto } from "node:crypto";
import {
  canonicalJson, compareTimes, deleted, fieldTime, formatTime, importKey, isAheadOf, merge, nothing, observe, parseJson, parseTime, sealField, tick,
  toBase64Url, fromBase64Url, toJsonText, wrapByPassphrase, wrapForDevice, written,
} from "../../clients/typescript/dist/index.js";

globalThis.crypto ??= webcrypto; // Node 18

const write = (name, about, members) => writeFileSync(new URL(name, import.meta.url), JSON.stringify({ about, ...members }, null, 1) + "\n");

// A small generator of numbers (mulberry32), so that the drawn cases are the same each time.
let seed = 20_26;
const draw = (n) => {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) % n;
};
const pick = (...of) => of[draw(of.length)];

// --- the conflict rule
const at = (text, clientId = "a") => parseTime(text, clientId);
const T = (second, counter = 0, clientId = "a") => fieldTime(Date.UTC(2026, 2, 1, 9, 0, second), counter, clientId);
const put = (time, fields) => written(new Map(Object.entries(fields).map(([name, json]) => [name, Array.isArray(json) ? { json: json[0], at: json[1] } : { json, at: time }])), time);
const stated = (time) => (time === null ? null : { at: formatTime(time), clientId: time.clientId });
const plain = (state) => ({
  fields: Object.fromEntries([...state.fields].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, { json, at }]) => [name, { json, ...stated(at) }])),
  writtenAt: stated(state.writtenAt),
  deletedAt: stated(state.deletedAt),
});
const rule = [];
const given = (name, kind, ...changes) =>
  rule.push({ name, kind, changes: changes.map(plain), merged: plain(changes.reduce((state, change) => merge(kind, state, change), nothing)) });

given("different fields both survive", "fields", put(T(1), { x: "1" }), put(T(2), { y: "2" }));
given("the later write of a field wins", "fields", put(T(1), { x: "1" }), put(T(2), { x: "2" }));
given("the counter decides within a millisecond", "fields", put(T(1, 1), { x: '"one"' }), put(T(1, 2), { x: '"two"' }), put(T(1, 0), { x: '"none"' }));
given("at the same time the greater client id wins", "fields", put(T(1, 0, "a"), { x: '"of a"' }), put(T(1, 0, "b"), { x: '"of b"' }));
given("client ids are compared by UTF-16 unit: an emoji comes before U+FF5E", "fields", put(T(1, 0, "\u{1F600}"), { x: '"emoji"' }), put(T(1, 0, "\uFF5E"), { x: '"tilde"' }));
given("client ids are not compared by any language's order: Z comes before a", "fields", put(T(1, 0, "Z"), { x: "1" }), put(T(1, 0, "a"), { x: "2" }));
given("the same time and the same client id: the greater text wins", "fields", put(T(1), { x: '"abc"' }), put(T(1), { x: '"abd"' }));
given("texts are compared as texts, not as numbers: 9 comes after 10", "fields", put(T(1), { x: "10" }), put(T(1), { x: "9" }));
given("the same write twice is one write", "fields", put(T(1), { x: "1" }), put(T(1), { x: "1" }));
given("null is a value and wins like one", "fields", put(T(1), { x: "1" }), put(T(2), { x: "null" }));
given("an integer beyond 2^53 keeps its last digit", "fields", put(T(1), { x: "9007199254740992" }), put(T(2), { x: "9007199254740993" }));
given("a delete hides what was written before it", "fields", put(T(1), { x: "1", y: "1" }), deleted(T(2)));
given("a delete hides what was written at its very time by the same client", "fields", put(T(2), { x: "1" }), deleted(T(2)));
given("at the delete's millisecond a greater client id survives it", "fields", put(T(2, 0, "b"), { x: "1" }), deleted(T(2, 0, "a")));
given("at the delete's millisecond a smaller client id does not", "fields", put(T(2, 0, "a"), { x: "1" }), deleted(T(2, 0, "b")));
given("a field written after the delete brings the record back without the older fields", "fields", put(T(1), { x: "1", y: "1" }), deleted(T(2)), put(T(3), { y: "3" }));
given("a late delete takes single fields away", "fields", put(T(3), { x: ["1", T(1)], y: ["3", T(3)] }), deleted(T(2)));
given("the later of two deletes counts", "fields", put(T(2), { x: "1" }), deleted(T(1)), deleted(T(3)));
given("a tombstone of nothing is a tombstone", "fields", deleted(T(1)));
given("an insert without fields is live", "fields", put(T(1), {}));
given("an insert without fields after the delete is live and empty", "fields", put(T(1), { x: "1" }), deleted(T(2)), put(T(3), {}));
given("what is before 1970 counts as 1970", "fields", put(at("1910-01-01T00:00:00Z"), { x: "1" }), put(at("1970-01-01T00:00:00Z", "b"), { x: "2" }));
given("a field named __proto__ is a field", "fields", put(T(1), { ["__proto__"]: "1" }), written(new Map([["__proto__", { json: '"own"', at: T(2) }]]), T(2)));
given("a field named by an emoji, a field with an empty text", "fields", put(T(1), { "\u{1F600}": '""' }), put(T(2), { "\u{1F600}": '"\u00e9"' }));
given("a register wins or loses as a whole", "register", put(T(1), { x: "1", y: "1" }), put(T(2), { x: "2" }));
given("a register at the same time: the greater client id wins", "register", put(T(1, 0, "a"), { x: "9" }), put(T(1, 0, "b"), { y: "1" }));
given("a register at the same time by the same client: the greater text of its fields wins", "register", put(T(1), { x: "1" }), put(T(1), { x: "2" }));
given("a register at the same time by the same client: more fields are a longer text", "register", put(T(1), { a: "1" }), put(T(1), { a: "1", b: "1" }));
given("a register deleted at its very time is deleted", "register", put(T(1), { x: "1" }), deleted(T(1)));
given("a register written after its delete remembers the delete", "register", put(T(1), { x: "1" }), deleted(T(2)), put(T(3), { y: "3" }));
given("a register's older write does not return by a delete that is older still", "register", put(T(3), { x: "3" }), put(T(2), { y: "2" }), deleted(T(1)));

const time = () => T(1 + draw(4), draw(2), pick("a", "b", "\u{1F600}"));
for (let i = 0; i < 150; i++) {
  const kind = pick("fields", "register");
  const changes = Array.from({ length: 2 + draw(3) }, () => {
    const when = time();
    if (draw(4) === 0) return deleted(when);
    const names = ["x", "y", "z"].filter(() => draw(2) === 0);
    return put(when, Object.fromEntries(names.map((name) => [name, [pick("1", "2", '"t"'), kind === "register" ? when : time()]])));
  });
  given(`drawn ${i + 1}`, kind, ...changes);
}
write("conflict-rule.json", "Changes to one record, and the state that they merge to in whatever order they come.", { cases: rule });

// --- clocks
const read = (text) => {
  const time = parseTime(text, "a");
  return { text, ...(time === null ? { refused: true } : { ms: String(time.ms), counter: time.counter, written: formatTime(time) }) };
};
const noon = Date.UTC(2026, 2, 1, 12);
write("hybrid-clock.json", "Times as they are read, written, compared and bounded, and the clock that makes them. ms is a text.", {
  read: [
    "2026-03-01T09:00:00.250Z", "2026-03-01T09:00:00Z", "2026-03-01T13:00:00.25+04:00", "2026-03-01T09:00:00.2509999Z", "2026-03-01T09:00:00.250Z-0001",
    "2026-03-01T09:00:00.250Z-ffff", "2026-03-01T09:00:00.250Z-00FF", "2026-03-01T09:00:00.250Z-0000", "2024-02-29T23:59:59.999Z", "2026-03-01T00:30:00+01:00",
    "1970-01-01T00:00:00Z", "1969-12-31T23:59:59.999Z", "1910-03-01T09:00:00Z", "9999-12-31T23:59:59.999Z", "0001-01-01T00:00:00Z",
    "", "yesterday", "2026-03-01", "2026-03-01T09:00:00", "2026-03-01 09:00:00Z", "2026-02-29T09:00:00Z", "2026-13-01T09:00:00Z", "2026-03-01T25:00:00Z", "2026-03-01T09:60:00Z",
    "2026-03-01T09:00:60Z", "2026-03-01T09:00:00.250Z-0", "2026-03-01T09:00:00.250Z-00zz", "2026-03-01T09:00:00.250Z-", "2026-03-01T09:00:00.250+00:00-0001", "2026-03-01T09:00:00+25:00",
    "2026-03-01T09:00:00.Z", " 2026-03-01T09:00:00Z",
  ].map(read),
  compare: [
    [T(1), T(2)], [T(2), T(1)], [T(1), T(1)], [T(1, 1), T(1, 0)], [T(1, 0xffff), T(2, 0)], [T(1, 0, "a"), T(1, 0, "b")], [T(1, 0, "b"), T(1, 0, "B")],
    [T(1, 0, "\u{1F600}"), T(1, 0, "\uFF5E")], [T(1, 0, ""), T(1, 0, "a")], [T(1, 0, "a"), T(1, 0, "aa")],
  ].map(([left, right]) => ({ left: stated(left), right: stated(right), order: Math.sign(compareTimes(left, right)) })),
  ahead: [-3600_000, 0, 299_999, 300_000, 300_001, 86400_000].map((lead) => ({ now: formatTime({ ms: noon, counter: 0 }), time: formatTime({ ms: noon + lead, counter: 0 }), refused: isAheadOf(fieldTime(noon + lead, 0, "a"), noon) })),
  tick: [[[0, 0], noon], [[noon, 0], noon + 1], [[noon, 0], noon], [[noon, 7], noon - 60_000], [[noon, 0xffff], noon], [[noon, 0xffff], noon - 5], [[2 ** 48 - 2, 0xffff], 0], [[0, 0], -5]]
    .map(([[ms, counter], now]) => ({ last: { ms: String(ms), counter }, now: String(now), next: (({ ms, counter }) => ({ ms: String(ms), counter }))(tick({ ms, counter }, now)) })),
  observe: [[[noon, 0], [noon + 1, 3]], [[noon, 5], [noon, 3]], [[noon, 3], [noon, 5]], [[noon, 0], [noon - 1, 9]]]
    .map(([[ms, counter], [sms, scounter]]) => ({ last: { ms: String(ms), counter }, seen: { ms: String(sms), counter: scounter }, next: (({ ms, counter }) => ({ ms: String(ms), counter }))(observe({ ms, counter }, { ms: sms, counter: scounter })) })),
});

// --- values
const texts = [
  "null", "true", "0", "-1", "1.50", "1e2", "1E+2", "-0", "9007199254740991", "9007199254740992", "9007199254740993", "-9007199254740993", "123456789012345678901234567890",
  "0.1", "0.10000000000000000000000001", "1e400", '""', '"a"', '"\\u00e9"', '"\\/"', '"\\"\\\\"', '"\\b\\f\\n\\r\\t"', '"\\u0001\\u001f"', '"\\\\u00ab"', "[ ]", "{ }", "[1 , 2,[3]]",
  '{"b":1,"a":2}', '{"bb":1,"a":2}', '{"\\u00e9":1,"zz":2,"z":3}', '{"a":{"d":1,"c":[{"y":1,"x":2}]}}', '{"__proto__":1,"constructor":2}', '"caf\u00e9 \u4e2d\u6587"',
  // Every escape that a text may come with, and the one text that each has: what JSON must escape, in the short form where there is one.
  '"\\u0001\\u000b\\u000e\\u001a\\u001F"', '"\\u0008\\u0009\\u000A\\u000c\\u000D\\u0022\\u005C\\u002f"', '"\\u007f\\u0080\\u009f\\u00a0\\u00ad\\u200b\\u2028\\u2029\\ufeff\\uE000\\uFFFF"',
  '"<script>&amp;\'+`=%</script>"', '"\\uD83D\\ude00 \u{1F468}\u200d\u{1F469}"', '{"\\u000b\\"\\\\\\t":"\\u001b[0m"}',
];
const unstorable = ['"\\u0000"', '"a\\u0000b"', '{"a\\u0000":1}', '"\\ud800"', '"\\udc00"', '"\\ude00\\ud83d"', '["\\ud83d"]', "1" + "0".repeat(1000), "1e1001", '{"\\ud800":1}'];
const storable = ['"\\ud83d\\ude00"', '"\u{1F600}"', "9007199254740993", '"\\ufffd\\uffff"', "1" + "0".repeat(999), "1e1000"];
write("values.json", "JSON values: the one text of each (compact, members in jsonb's order, numbers digit for digit), and which of them can be stored.", {
  canonical: texts.map((text) => ({ text, canonical: canonicalJson(parseJson(text)) })),
  unstorable,
  storable,
  // As the server refuses them, the client refuses them before they are sent.
  client: unstorable.filter((text) => !/^1/.test(text)).map((text) => {
    try {
      return { text, sent: toJsonText(JSON.parse(text), "value") };
    } catch (error) {
      return { text, refused: error.name };
    }
  }),
});

// --- envelopes
const bytes = (n, from = 0) => Uint8Array.from({ length: n }, (_, i) => (i * 7 + from) & 0xff);
const key = bytes(32, 1);
const place = { app: "todo", space: "", table: "items", id: "milk", field: "title" };
const sealed = async (name, json, where, keyId, nonce) => ({ name, key: toBase64Url(key), keyId, ...where, nonce: toBase64Url(nonce), json, sealed: await sealField(await importKey(key), keyId, where, json, nonce) });
const fields = [
  await sealed("a text of one's own data", '"milk"', place, "k1", bytes(12, 3)),
  await sealed("a number beyond 2^53", "9007199254740993", place, "k1", bytes(12, 4)),
  await sealed("an emoji, here and in every name", '"\u{1F600} \u00e9"', { app: "todo", space: "caf\u00e9", table: "\u{1F4DD}", id: "\u{1F95B}", field: "\u{1F3F7}" }, "12", bytes(12, 5)),
  await sealed("null is sealed too", "null", place, "k1", bytes(12, 6)),
  await sealed("names that run into each other are told apart by their lengths", '"x"', { app: "todo", space: "s", table: "ab", id: "c", field: "d" }, "1", bytes(12, 7)),
];
const flip = (text, index) => text.slice(0, index) + (text[index] === "A" ? "B" : "A") + text.slice(index + 1);
const [milk, , , , joined] = fields;
const refused = [
  { ...milk, name: "another record", id: "bread" }, { ...milk, name: "another field", field: "note" }, { ...milk, name: "another space", space: "s" }, { ...milk, name: "another app", app: "notes" },
  { ...milk, name: "another key", key: toBase64Url(bytes(32, 2)) }, { ...milk, name: "another key id in the text", sealed: milk.sealed.replace(".k1.", ".k2.") },
  { ...milk, name: "a changed nonce", sealed: flip(milk.sealed, 9) }, { ...milk, name: "a changed ciphertext", sealed: flip(milk.sealed, 26) }, { ...milk, name: "a changed tag", sealed: flip(milk.sealed, milk.sealed.length - 3) },
  { ...milk, name: "cut off", sealed: milk.sealed.slice(0, 30) }, { ...joined, name: "the border between two names moved", table: "a", id: "bc" },
].map(({ json, nonce, ...rest }) => rest);
const wrap = await wrapByPassphrase(bytes(32, 9), "correct horse \u00e9", "todo", "k1", 10_000, bytes(16, 11), bytes(12, 13));
const file = new URL("envelopes.json", import.meta.url);
const kept = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")).device : null;
const pair = await crypto.subtle.generateKey({ name: "ECDH", namedCurve: "P-256" }, true, ["deriveBits"]);
const point = toBase64Url(new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey)));
const device = kept ?? {
  app: "todo", space: "caf\u00e9", keyId: "3", deviceId: "phone",
  privateKey: (({ d }) => d)(await crypto.subtle.exportKey("jwk", pair.privateKey)), point, key: toBase64Url(bytes(32, 9)),
  wrapped: await wrapForDevice(bytes(32, 9), point, { app: "todo", space: "caf\u00e9", keyId: "3", deviceId: "phone" }),
};
fromBase64Url(device.point);
write("envelopes.json", "Sealed values, and keys wrapped for a device and by a passphrase; clients/typescript/src/envelope.ts has the layouts. Bytes are base64url.", {
  fields, refused, passphrase: { app: "todo", keyId: "k1", passphrase: "correct horse e\u0301", normalized: "correct horse \u00e9", key: toBase64Url(bytes(32, 9)), ...wrap }, device,
});
