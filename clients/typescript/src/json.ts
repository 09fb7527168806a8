/** What a field may hold. An integer beyond 2^53 is a bigint, so that its digits survive. */
export type Json = null | boolean | number | bigint | string | JsonNumber | readonly Json[] | { readonly [name: string]: Json };

/** A number that neither a JavaScript number nor a bigint writes with the digits it came with, such as 1.50. */
export class JsonNumber {
  constructor(readonly text: string) {}

  valueOf(): number {
    return Number(this.text);
  }

  toString(): string {
    return this.text;
  }
}

/** A value that the server could not store; the message says where in it and why. */
export class InvalidValueError extends Error {
  override readonly name = "InvalidValueError";
}

const deepest = 128;
const deepestValue = 24; // Of 32 levels of a request body; the push around a value takes five.
const mostTokens = 20_000;
const longestNumber = 1000;
const numberPattern = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const loneSurrogate = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

/** JSON text (RFC 8259) with every number exact. `JSON.parse` would round what is beyond 2^53. */
export function parseJson(text: string): Json {
  let at = 0;

  const fail = (): never => {
    throw new SyntaxError(`Not JSON at character ${at}.`);
  };
  const skip = (): void => {
    for (let c = text.charCodeAt(at); c === 32 || c === 10 || c === 13 || c === 9; c = text.charCodeAt(at)) at++;
  };
  const take = (word: string, value: Json): Json => {
    if (!text.startsWith(word, at)) fail();
    at += word.length;
    return value;
  };
  const string = (): string => {
    const start = at++;
    for (let plain = true; ; ) {
      const c = text.charCodeAt(at);
      if (c === 34) {
        at++;
        return plain ? text.slice(start + 1, at - 1) : (JSON.parse(text.slice(start, at)) as string);
      }
      if (Number.isNaN(c) || c < 32) fail();
      if (c === 92) plain = false;
      at += c === 92 ? 2 : 1;
    }
  };
  const number = (): Json => {
    numberPattern.lastIndex = at;
    const raw = numberPattern.exec(text)?.[0] ?? fail();
    at += raw.length;
    const rounded = Number(raw);
    if (Object.is(rounded, -0) ? raw === "-0" : String(rounded) === raw) return rounded;
    return /^-?\d+$/.test(raw) ? BigInt(raw) : new JsonNumber(raw);
  };
  const value = (depth: number): Json => {
    if (depth > deepest) fail();
    skip();
    switch (text[at]) {
      case "{": {
        const object: { [name: string]: Json } = {};
        at++;
        skip();
        if (text[at] === "}") {
          at++;
          return object;
        }
        for (;;) {
          skip();
          if (text[at] !== '"') fail();
          const name = string();
          skip();
          if (text[at++] !== ":") fail();
          // As own data, whatever the name: an assignment to __proto__ would set the prototype.
          Object.defineProperty(object, name, { value: value(depth + 1), enumerable: true, configurable: true, writable: true });
          skip();
          const next = text[at++];
          if (next === "}") return object;
          if (next !== ",") fail();
        }
      }
      case "[": {
        const array: Json[] = [];
        at++;
        skip();
        if (text[at] === "]") {
          at++;
          return array;
        }
        for (;;) {
          array.push(value(depth + 1));
          skip();
          const next = text[at++];
          if (next === "]") return array;
          if (next !== ",") fail();
        }
      }
      case '"':
        return string();
      case "t":
        return take("true", true);
      case "f":
        return take("false", false);
      case "n":
        return take("null", null);
      default:
        return number();
    }
  };

  const parsed = value(0);
  skip();
  if (at !== text.length) fail();
  return parsed;
}

/** One text for each value: compact, members by length of their UTF-8 and then by its bytes (as jsonb keeps them), digits as they are, texts
 * as `JSON.stringify` writes them. */
export function canonicalJson(value: Json): string {
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "number") return Object.is(value, -0) ? "-0" : String(value);
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "string") return JSON.stringify(value);
  if (value instanceof JsonNumber) return value.text;
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  const members = Object.entries(value as { [name: string]: Json });
  return `{${members.sort(byJsonbOrder).map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`).join(",")}}`;
}

/** The canonical text of anything that `JSON.stringify` takes, and of bigints.
 * @throws InvalidValueError for what jsonb or the protocol cannot hold: NUL, half a surrogate pair, NaN, endless depth. */
export function toJsonText(value: unknown, where: string): string {
  let tokens = 0;
  const check = (given: unknown, path: string, depth: number): Json => {
    if (++tokens > mostTokens) throw new InvalidValueError(`${where} has over ${mostTokens} values. Split it over several records.`);
    if (depth > deepestValue) throw new InvalidValueError(`${path} is nested deeper than ${deepestValue} levels.`);
    switch (typeof given) {
      case "string":
        checkText(given, path);
        return given;
      case "number":
        if (!Number.isFinite(given)) throw new InvalidValueError(`${path} is ${given}; JSON has no such number. Write null.`);
        return given === 0 ? 0 : given;
      case "bigint":
        if (given.toString().length > longestNumber) throw new InvalidValueError(`${path} has more than ${longestNumber} digits.`);
        return given;
      case "boolean":
        return given;
      case "object":
        break;
      default:
        throw new InvalidValueError(`${path} is ${typeof given}; a field holds JSON. Write null for nothing.`);
    }
    if (given === null) return null;
    if (given instanceof JsonNumber) {
      if (given.text.length > longestNumber || numberPattern.exec(((numberPattern.lastIndex = 0), given.text))?.[0] !== given.text)
        throw new InvalidValueError(`${path} is not a number.`);
      return given;
    }
    if (Array.isArray(given)) return given.map((item, i) => check(item, `${path}[${i}]`, depth + 1));
    if (typeof (given as { toJSON?: unknown }).toJSON === "function")
      return check((given as { toJSON(): unknown }).toJSON(), path, depth + 1);
    const object: { [name: string]: Json } = {};
    for (const [name, member] of Object.entries(given)) {
      if (member === undefined) continue;
      checkText(name, `a name in ${path}`);
      tokens++;
      Object.defineProperty(object, name, { value: check(member, `${path}.${name}`, depth + 1), enumerable: true });
    }
    return object;
  };
  return canonicalJson(check(value, where, 1));
}

/** A value as applications read it: a number that is a number, however many digits it was written with. */
export function readJson(text: string): Json {
  return plain(parseJson(text));
}

export function checkText(text: string, where: string): void {
  if (text.includes("\0")) throw new InvalidValueError(`${where} holds a NUL, which PostgreSQL cannot store.`);
  if (loneSurrogate.test(text)) throw new InvalidValueError(`${where} holds half a character (a surrogate without its other half).`);
}

function plain(value: Json): Json {
  if (value instanceof JsonNumber) return Number.isFinite(Number(value.text)) ? Number(value.text) : value;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === "object" && value !== null)
    for (const [name, member] of Object.entries(value)) {
      const read = plain(member);
      if (read !== member) Object.defineProperty(value, name, { value: read, enumerable: true, configurable: true, writable: true });
    }
  return value;
}

const utf8 = new TextEncoder();

function byJsonbOrder([left]: [string, Json], [right]: [string, Json]): number {
  const [a, b] = [utf8.encode(left), utf8.encode(right)];
  if (a.length !== b.length) return a.length - b.length;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return 0;
}
