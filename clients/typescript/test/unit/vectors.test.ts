import { test } from "node:test";
import assert from "node:assert/strict";
import { vectors } from "../support.js";
import {
  canonicalJson, compareTimes, EnvelopeError, fieldTime, formatTime, fromBase64Url, importKey, isAheadOf, merge, nothing, observe, openField, parseJson, parseTime, sealField, tick, toBase64Url,
  toJsonText, InvalidValueError, unwrapByPassphrase, unwrapForDevice, type FieldPlace, type FieldTime, type MergeKind, type RecordState,
} from "@lockstep/client";

interface Stated { at: string; clientId: string }
interface State { fields: Record<string, Stated & { json: string }>; writtenAt: Stated | null; deletedAt: Stated | null }
interface Reading { ms: string; counter: number }

const time = (stated: Stated): FieldTime => parseTime(stated.at, stated.clientId)!;
const state = (given: State): RecordState => ({
  fields: new Map(Object.entries(given.fields).map(([name, field]) => [name, { json: field.json, at: time(field) }])),
  writtenAt: given.writtenAt && time(given.writtenAt),
  deletedAt: given.deletedAt && time(given.deletedAt),
});
const reading = ({ ms, counter }: Reading): { ms: number; counter: number } => ({ ms: Number(ms), counter });

function orders<T>(items: readonly T[]): T[][] {
  return items.length < 2 ? [[...items]] : items.flatMap((item, i) => orders([...items.slice(0, i), ...items.slice(i + 1)]).map((rest) => [item, ...rest]));
}

function same(left: RecordState, right: RecordState): void {
  const plain = ({ fields, ...rest }: RecordState): unknown => ({ ...rest, fields: [...fields].sort(([a], [b]) => (a < b ? -1 : 1)) });
  assert.deepEqual(plain(left), plain(right));
}

test("changes merge to the state of the vectors in every order, and once more", async (t) => {
  for (const { name, kind, changes, merged } of vectors<{ cases: { name: string; kind: MergeKind; changes: State[]; merged: State }[] }>("conflict-rule.json").cases)
    await t.test(name, () => {
      for (const order of orders(changes.map(state))) {
        const result = order.reduce((left, right) => merge(kind, left, right), nothing);
        same(result, state(merged));
        for (const change of order) same(merge(kind, result, change), result);
      }
    });
});

test("times and clocks are those of the vectors", () => {
  const clock = vectors<{
    read: { text: string; refused?: true; ms: string; counter: number; written: string }[];
    compare: { left: Stated; right: Stated; order: number }[];
    ahead: { now: string; time: string; refused: boolean }[];
    tick: { last: Reading; now: string; next: Reading }[];
    observe: { last: Reading; seen: Reading; next: Reading }[];
  }>("hybrid-clock.json");
  for (const { text, refused, ms, counter, written } of clock.read) {
    const read = parseTime(text, "a");
    assert.deepEqual(read && { ...read, written: formatTime(read) }, refused ? null : { ms: Number(ms), counter, clientId: "a", written }, text);
  }
  for (const { left, right, order } of clock.compare) assert.equal(Math.sign(compareTimes(time(left), time(right))), order);
  for (const { now, time: stamped, refused } of clock.ahead) assert.equal(isAheadOf(parseTime(stamped, "a")!, parseTime(now, "")!.ms), refused, stamped);
  for (const { last, now, next } of clock.tick) assert.deepEqual(tick(reading(last), Number(now)), reading(next));
  for (const { last, seen, next } of clock.observe) assert.deepEqual(observe(reading(last), reading(seen)), reading(next));
  assert.equal(fieldTime(-1, 0, "a").ms, 0);
});

test("values have the text of the vectors, and what cannot be stored is not sent", () => {
  const values = vectors<{ canonical: { text: string; canonical: string }[]; unstorable: string[]; storable: string[] }>("values.json");
  for (const { text, canonical } of values.canonical) {
    assert.equal(canonicalJson(parseJson(text)), canonical);
    assert.equal(canonicalJson(parseJson(canonical)), canonical);
  }
  for (const text of values.unstorable.filter((given) => !/^1./.test(given))) assert.throws(() => toJsonText(parseJson(text), "value"), InvalidValueError, text);
  for (const text of values.storable) assert.equal(typeof toJsonText(parseJson(text), "value"), "string", text);
});

test("sealed values and wrapped keys are those of the vectors", async () => {
  type Field = FieldPlace & { name: string; key: string; keyId: string; sealed: string; json: string; nonce: string };
  const envelopes = vectors<{
    fields: Field[];
    refused: Field[];
    passphrase: { app: string; keyId: string; passphrase: string; key: string; iterations: number; salt: string; wrapped: string };
    device: { app: string; space: string; keyId: string; deviceId: string; privateKey: string; point: string; key: string; wrapped: string };
  }>("envelopes.json");
  for (const field of envelopes.fields) {
    const key = await importKey(fromBase64Url(field.key));
    assert.equal(await sealField(key, field.keyId, field, field.json, fromBase64Url(field.nonce)), field.sealed, field.name);
    assert.equal(await openField(key, field, field.sealed), field.json, field.name);
  }
  for (const field of envelopes.refused) await assert.rejects(openField(await importKey(fromBase64Url(field.key)), field, field.sealed), EnvelopeError, field.name);

  const { passphrase, device } = envelopes;
  assert.equal(toBase64Url(await unwrapByPassphrase(passphrase, passphrase.passphrase, passphrase.app, passphrase.keyId)), passphrase.key);
  await assert.rejects(unwrapByPassphrase(passphrase, "wrong", passphrase.app, passphrase.keyId), EnvelopeError);

  const point = fromBase64Url(device.point);
  const jwk = { kty: "EC", crv: "P-256", x: toBase64Url(point.slice(1, 33)), y: toBase64Url(point.slice(33)), d: device.privateKey };
  const curve = { name: "ECDH", namedCurve: "P-256" };
  const pair = {
    privateKey: await crypto.subtle.importKey("jwk", jwk, curve, false, ["deriveBits"]),
    publicKey: await crypto.subtle.importKey("raw", point, curve, true, []),
  };
  assert.equal(toBase64Url(await unwrapForDevice(device.wrapped, pair, device)), device.key);
  await assert.rejects(unwrapForDevice(device.wrapped, pair, { ...device, deviceId: "laptop" }), EnvelopeError);
});
