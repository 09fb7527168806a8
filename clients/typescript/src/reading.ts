import type { Call } from "./transport.js";

/** A cursor grows with the spaces of its user, by 48 characters each; what is longer than this goes in a body, since proxies take some 8 KB of address. */
const longestInAddress = 2000;

/** How a pull or a stream from a cursor is asked for. */
export class Reading {
  constructor(private readonly collections: readonly string[] | undefined) {}

  call(what: "pull" | "stream", cursor: string | null, limit?: number): Pick<Call, "method" | "path" | "body"> {
    if (cursor !== null && cursor.length > longestInAddress)
      return { method: "POST", path: what, body: JSON.stringify({ cursor, ...(this.collections === undefined ? {} : { collections: this.collections }), ...(limit === undefined ? {} : { limit }) }) };
    const query = [
      ...(limit === undefined ? [] : [`limit=${limit}`]),
      ...(this.collections === undefined ? [] : [`collections=${this.collections.map(encodeURIComponent).join(",")}`]),
      ...(cursor === null ? [] : [`cursor=${encodeURIComponent(cursor)}`]),
    ];
    return { method: "GET", path: query.length === 0 ? what : `${what}?${query.join("&")}` };
  }
}
