/** Sealed values: AES-256-GCM (NIST SP 800-38D) by WebCrypto. Every primitive of the client is on this page.
 *
 *     field value   lse1.{key id}.{base64url: nonce (12) | ciphertext | tag (16)}
 *     wrapped key   lsw1.{base64url: P-256 point (65) | nonce (12) | ciphertext (32) | tag (16)}
 *     passphrase    PBKDF2-SHA256 -> 256-bit key -> nonce (12) | ciphertext (32) | tag (16)
 *     list          ECDSA on P-256 with SHA-256 over "lockstep/members/v1", a line feed and the text: r (32) | s (32)
 *
 * What is authenticated beside the ciphertext is a list of texts, each as its length in UTF-8 bytes (4 bytes, big-endian) and the bytes:
 *
 *     field value   "lockstep/field/v1", app, space ("" for own data), table, record id, field name, key id
 *     wrapped key   "lockstep/key-for-device/v1", app, space, key id, device id, with both public points before them in the HKDF info
 *     passphrase    "lockstep/key-by-passphrase/v1", app, key id
 *
 * A value is therefore good for one field of one record alone: it cannot be moved. An older value of the same field can be put back by
 * whoever keeps the data; the field's time is not authenticated. */
export class EnvelopeError extends Error {
  override readonly name = "EnvelopeError";
}

/** Where a sealed value belongs. */
export interface FieldPlace {
  readonly app: string;
  readonly space: string;
  readonly table: string;
  readonly id: string;
  readonly field: string;
}

const nonceSize = 12;
const pointSize = 65;
const keySize = 32;
const pattern = /^lse1\.([A-Za-z0-9_-]{1,64})\.([A-Za-z0-9_-]+)$/;
const membersPurpose = "lockstep/members/v1\n";
const ecdsa = { name: "ECDSA", namedCurve: "P-256" };
const utf8 = new TextEncoder();

/** @returns the key's id, or null when the text is no sealed value. */
export function keyIdOf(value: unknown): string | null {
  return typeof value === "string" ? (pattern.exec(value)?.[1] ?? null) : null;
}

/** @param nonce given by tests alone: two values under one nonce give both away. */
export async function sealField(key: CryptoKey, keyId: string, place: FieldPlace, json: string, nonce = random(nonceSize)): Promise<string> {
  const sealed = await seal(key, nonce, fieldData(place, keyId), utf8.encode(json));
  return `lse1.${keyId}.${toBase64Url(sealed)}`;
}

/** @returns canonical JSON text.
 * @throws EnvelopeError whatever is wrong: another key, another place, or a changed byte look the same. */
export async function openField(key: CryptoKey, place: FieldPlace, value: string): Promise<string> {
  const [, keyId, body] = pattern.exec(value) ?? [];
  if (keyId === undefined) throw new EnvelopeError("This is no sealed value.");
  return new TextDecoder().decode(await open(key, fromBase64Url(body!), fieldData(place, keyId)));
}

/** 32 random bytes, for {@link importKey}. Keep them no longer than it takes to wrap them. */
export function newKeyBytes(): Uint8Array<ArrayBuffer> {
  return random(keySize);
}

/** A key for fields, which cannot be exported again. */
export function importKey(bytes: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", bytes, "AES-GCM", false, ["encrypt", "decrypt"]);
}

/** A short random id, of letters that every place of the protocol takes. */
export function newId(bytes = 16): string {
  return toBase64Url(random(bytes));
}

/** The keys of one device: others wrap for the public one; the private one never leaves the browser. */
export async function newDeviceKeys(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey({ name: "ECDH", namedCurve: "P-256" }, false, ["deriveBits"]);
}

export async function publicPoint(key: CryptoKey): Promise<string> {
  return toBase64Url(new Uint8Array(await crypto.subtle.exportKey("raw", key)));
}

/** The keys with which one device signs lists of members. */
export async function newSigningKeys(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(ecdsa, false, ["sign", "verify"]);
}

export async function sign(key: CryptoKey, list: string): Promise<string> {
  return toBase64Url(new Uint8Array(await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, key, utf8.encode(membersPurpose + list))));
}

/** @param signer a device's public point for signatures. */
export async function isSignedBy(signer: string, list: string, signature: string): Promise<boolean> {
  try {
    const key = await crypto.subtle.importKey("raw", fromBase64Url(signer), ecdsa, false, ["verify"]);
    return await crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, key, fromBase64Url(signature), utf8.encode(membersPurpose + list));
  } catch {
    return false;
  }
}

/** SHA-256 of a text. */
export async function hashOf(text: string): Promise<string> {
  return toBase64Url(new Uint8Array(await crypto.subtle.digest("SHA-256", utf8.encode(text))));
}

/** What a wrapped key is for. */
export interface WrapPlace {
  readonly app: string;
  readonly space: string;
  readonly keyId: string;
  readonly deviceId: string;
}

/** Wraps a key for a device, by a fresh key pair that is then forgotten (ECIES: ECDH P-256, HKDF-SHA256, AES-256-GCM). */
export async function wrapForDevice(bytes: Uint8Array<ArrayBuffer>, devicePoint: string, place: WrapPlace): Promise<string> {
  const theirs = fromBase64Url(devicePoint);
  const ephemeral = await crypto.subtle.generateKey({ name: "ECDH", namedCurve: "P-256" }, false, ["deriveBits"]);
  const ours = new Uint8Array(await crypto.subtle.exportKey("raw", ephemeral.publicKey));
  const key = await agree(ephemeral.privateKey, theirs, ours, theirs, place);
  return `lsw1.${toBase64Url(concat(ours, await seal(key, random(nonceSize), wrapData(place), bytes)))}`;
}

/** @throws EnvelopeError */
export async function unwrapForDevice(wrapped: string, device: CryptoKeyPair, place: WrapPlace): Promise<Uint8Array<ArrayBuffer>> {
  const body = wrapped.startsWith("lsw1.") ? fromBase64Url(wrapped.slice(5)) : new Uint8Array(0);
  if (body.length <= pointSize + nonceSize) throw new EnvelopeError("This is no wrapped key.");
  const theirs = body.slice(0, pointSize);
  const ours = new Uint8Array(await crypto.subtle.exportKey("raw", device.publicKey));
  const key = await agree(device.privateKey, theirs, theirs, ours, place);
  return open(key, body.slice(pointSize), wrapData(place));
}

/** How a key is wrapped by a passphrase. */
export interface PassphraseWrap {
  readonly iterations: number;
  readonly salt: string;
  readonly wrapped: string;
}

/** OWASP's figure for PBKDF2-HMAC-SHA256 (Password Storage Cheat Sheet, 2023). */
export const usualIterations = 600_000;

export async function wrapByPassphrase(
  bytes: Uint8Array<ArrayBuffer>, passphrase: string, app: string, keyId: string, iterations = usualIterations, salt = random(16), nonce = random(nonceSize),
): Promise<PassphraseWrap> {
  const key = await stretch(passphrase, salt, iterations);
  return { iterations, salt: toBase64Url(salt), wrapped: toBase64Url(await seal(key, nonce, passphraseData(app, keyId), bytes)) };
}

/** @throws EnvelopeError a wrong passphrase and a changed wrapping look the same. */
export async function unwrapByPassphrase(wrap: PassphraseWrap, passphrase: string, app: string, keyId: string): Promise<Uint8Array<ArrayBuffer>> {
  // A server that sent few iterations would make guessing the passphrase cheap.
  if (!(wrap.iterations >= 1000 && wrap.iterations <= 10_000_000)) throw new EnvelopeError("The key's iterations are out of bounds.");
  return open(await stretch(passphrase, fromBase64Url(wrap.salt), wrap.iterations), fromBase64Url(wrap.wrapped), passphraseData(app, keyId));
}

export function toBase64Url(bytes: Uint8Array): string {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** @throws EnvelopeError */
export function fromBase64Url(text: string): Uint8Array<ArrayBuffer> {
  if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) throw new EnvelopeError("This is not base64url.");
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (c) => c.charCodeAt(0));
}

function fieldData(place: FieldPlace, keyId: string): Uint8Array<ArrayBuffer> {
  return texts("lockstep/field/v1", place.app, place.space, place.table, place.id, place.field, keyId);
}

function wrapData(place: WrapPlace): Uint8Array<ArrayBuffer> {
  return texts("lockstep/key-for-device/v1", place.app, place.space, place.keyId, place.deviceId);
}

function passphraseData(app: string, keyId: string): Uint8Array<ArrayBuffer> {
  return texts("lockstep/key-by-passphrase/v1", app, keyId);
}

async function agree(privateKey: CryptoKey, point: Uint8Array<ArrayBuffer>, sender: Uint8Array<ArrayBuffer>, receiver: Uint8Array<ArrayBuffer>, place: WrapPlace): Promise<CryptoKey> {
  try {
    const publicKey = await crypto.subtle.importKey("raw", point, { name: "ECDH", namedCurve: "P-256" }, false, []);
    const shared = await crypto.subtle.deriveBits({ name: "ECDH", public: publicKey }, privateKey, 256);
    const secret = await crypto.subtle.importKey("raw", shared, "HKDF", false, ["deriveKey"]);
    // Both points are in the derivation, so that the key belongs to this exchange alone (RFC 9180, 4.1).
    const info = concat(sender, receiver, wrapData(place));
    return await crypto.subtle.deriveKey({ name: "HKDF", hash: "SHA-256", salt: new Uint8Array(0), info }, secret, { name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
  } catch {
    throw new EnvelopeError("This is no public key of a device.");
  }
}

async function stretch(passphrase: string, salt: Uint8Array<ArrayBuffer>, iterations: number): Promise<CryptoKey> {
  const secret = await crypto.subtle.importKey("raw", utf8.encode(passphrase.normalize("NFC")), "PBKDF2", false, ["deriveKey"]);
  return crypto.subtle.deriveKey({ name: "PBKDF2", hash: "SHA-256", salt, iterations }, secret, { name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
}

async function seal(key: CryptoKey, nonce: Uint8Array<ArrayBuffer>, additionalData: Uint8Array<ArrayBuffer>, plain: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  return concat(nonce, new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce, additionalData }, key, plain)));
}

async function open(key: CryptoKey, sealed: Uint8Array<ArrayBuffer>, additionalData: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const [iv, body] = [sealed.slice(0, nonceSize), sealed.slice(nonceSize)];
    return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv, additionalData }, key, body));
  } catch {
    throw new EnvelopeError("This value cannot be opened: it was changed, moved, or sealed with another key.");
  }
}

function texts(...parts: readonly string[]): Uint8Array<ArrayBuffer> {
  return concat(...parts.flatMap((part) => {
    const bytes = utf8.encode(part);
    const length = new Uint8Array(4);
    new DataView(length.buffer).setUint32(0, bytes.length);
    return [length, bytes];
  }));
}

function concat(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function random(size: number): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(size));
}
