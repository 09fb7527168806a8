/** One event of a stream. */
export interface ServerEvent {
  readonly type: string;
  readonly data: string;
  /** The last id seen, as it stands when this event is told; null when there was none. */
  readonly id: string | null;
}

/** Server-sent events (WHATWG HTML, 9.2.6) from a response of fetch: EventSource cannot send an Authorization header.
 * @param heard called for every chunk, comments too, so that a dead connection is noticed. */
export async function* readEvents(body: ReadableStream<Uint8Array>, heard: () => void): AsyncGenerator<ServerEvent> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let [buffer, data, type, id] = ["", [] as string[], "", null as string | null];
  const lineEnd = /\r\n|\n|\r(?!$)/g; // A CR at the end of a chunk may be half of a CRLF.
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return; // What was not ended by an empty line is dropped, as the standard says.
      heard();
      buffer += decoder.decode(value, { stream: true });
      for (;;) {
        const end = lineEnd.exec(buffer);
        if (end === null) {
          lineEnd.lastIndex = Math.max(0, buffer.length - 1); // A line of megabytes is looked through once.
          break;
        }
        const line = buffer.slice(0, end.index);
        buffer = buffer.slice(end.index + end[0].length);
        lineEnd.lastIndex = 0;
        if (line === "") {
          if (data.length > 0) yield { type: type || "message", data: data.join("\n"), id };
          [data, type] = [[], ""];
          continue;
        }
        const colon = line.indexOf(":");
        const name = colon < 0 ? line : line.slice(0, colon);
        const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
        if (name === "data") data.push(value);
        else if (name === "event") type = value;
        else if (name === "id" && !value.includes("\0")) id = value;
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
